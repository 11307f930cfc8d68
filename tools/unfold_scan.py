"""The scan that an unfolded network learns from: a recording, or known maps measured coarsely in thought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.coarse_raster import coarse_sights, require_factor
from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged
from models.density import cells_for_rate
from models.masks import MaskRequest, make_mask

Floats = NDArray[np.float32]


def scan_to_learn(
    source: Path,
    *,
    factor: int | None,
    sees: str = "block",
    window: Sequence[int] | None = None,
    mask: str | None = None,
    rate: float = 0.1,
    seed: int = 0,
) -> tuple[MeasuredCells, Floats]:
    """What was measured, as a reconstruction gets it, and the photograph, (rows, columns, 3), in [0, 1].

    Raises
    ------
    UsageError
        There is nothing usable there, it has no photograph, or its size is no multiple of the factor.
    """
    if (source / "journal.sqlite").is_file():
        if factor is not None or window is not None or mask is not None:
            raise UsageError(
                f"{source}: a recording says itself what its exposures saw: leave scan.factor, scan.mask and "
                "scan.window out"
            )
        return _of_recording(source)
    from edge.replaying.sources import load_stack

    stack = load_stack(source)
    if stack.rgb is None:
        raise UsageError(f"{source}: holds no photograph, and an unfolded network learns from one: add the array rgb")
    if (factor is None) == (mask is None):
        raise UsageError(
            f"{source}: holds known maps: say by scan.factor how coarsely, or by scan.mask in which cells, they are "
            "measured in thought"
        )
    part = _part(stack.shape, window, source)
    known = stack.known[part]
    rgb = np.ascontiguousarray(stack.rgb[part])
    photograph = checked_photograph(rgb, (known.shape[0], known.shape[1]))
    if mask is not None:
        return sparsely_measured(
            stack.maps[part], known, stack.elements, rgb, mask=mask, rate=rate, seed=seed
        ), photograph
    assert factor is not None
    return coarsely_measured(stack.maps[part], known, stack.elements, factor=factor, sees=sees), photograph


def _part(shape: tuple[int, int], window: Sequence[int] | None, source: Path) -> tuple[slice, slice]:
    if window is None:
        return slice(None), slice(None)
    top, left, rows, columns = window
    if top + rows > shape[0] or left + columns > shape[1] or min(rows, columns) < 1:
        raise UsageError(
            f"{source}: scan.window reaches beyond the {shape[0]} x {shape[1]} cells: give first row, first column, "
            "rows and columns within them"
        )
    return slice(top, top + rows), slice(left, left + columns)


def coarsely_measured(
    maps: Floats, known: NDArray[np.bool_], elements: tuple[str, ...], *, factor: int, sees: str = "block"
) -> MeasuredCells:
    """One exposure for each block of factor x factor cells that are all known, without noise.

    Raises
    ------
    UsageError
        Rows or columns are no multiple of the factor, blocks are larger than the grid, a value is not finite, or hardly
        a block is known.
    """
    rows, columns = known.shape
    require_factor(factor, (rows, columns))
    if rows % factor or columns % factor:
        raise UsageError(
            f"{rows} x {columns} cells are no whole blocks of {factor} x {factor}: crop the maps and their photograph "
            f"to {rows // factor * factor} x {columns // factor * factor}, or give another factor"
        )
    sights = coarse_sights(known, factor, "areas")
    whole = np.flatnonzero(np.diff(sights.operator.first) == factor**2)
    if len(whole) < 4:
        raise UsageError(f"{len(whole)} blocks of {factor} x {factor} known cells are too few to learn from")
    if sees == "block":
        cells = sights.measured(maps, np.zeros_like(maps), tuple(elements)).picked(whole)
    else:
        values = maps[at := (sights.rows[whole], sights.columns[whole])]
        cells = MeasuredCells((rows, columns), *at, values, np.zeros_like(values), tuple(elements))
    if not np.isfinite(cells.values).all():
        raise UsageError("known maps hold values that are not finite: mark such cells as not known")
    return cells


def sparsely_measured(
    maps: Floats,
    known: NDArray[np.bool_],
    elements: tuple[str, ...],
    rgb: NDArray[np.uint8],
    *,
    mask: str,
    rate: float,
    seed: int,
) -> MeasuredCells:
    """A mask's share of the known cells, each measured by itself and without noise.

    Raises
    ------
    ModelsError
        There are fewer known cells than the mask needs.
    """
    shape = known.shape[0], known.shape[1]
    request = MaskRequest(shape=shape, count=cells_for_rate(rate, int(known.sum())), rgb=rgb, allowed=known, seed=seed)
    rows, columns = np.nonzero(make_mask(mask, request).mask.cells)
    values = maps[rows, columns].astype(np.float32)
    return merged(Samples(rows, columns, values, np.zeros_like(values)), shape, tuple(elements))


def _of_recording(folder: Path) -> tuple[MeasuredCells, Floats]:
    """The same cells and photograph from which `pointillist reconstruct` makes the recording's maps."""
    from edge.maps import by_live_time
    from edge.photography.correction import placed_by_samples
    from edge.record.folder import open_recording
    from edge.results import fit_recording, read_planned

    with open_recording(folder) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    elements, shape = fitted.model.elements, planned.plan.grid.shape
    placing = placed_by_samples(fitted.samples, elements, planned.sighting, planned.config)
    if placing.sighting.rgb is None:
        raise UsageError(f"{folder}: was scanned without a photograph, and an unfolded network learns from one")
    once, live_s = by_live_time(fitted.samples, fitted.live_s, shape)
    return merged(once, shape, elements, live_s), checked_photograph(placing.sighting.rgb, shape)
