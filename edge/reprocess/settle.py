"""What a large map's cells have in common, settled once from all samples of the scan: no piece needs another.

Global: where the photograph lies, the scale of the values, covariance and groups of elements, the error's calibration,
the guide, which samples each tile is estimated from, and the colours that explain a map. Local: everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.finish import attributes_of, calibration_line, dose_of, following_lines
from edge.folds.ledger import read_ledger
from edge.maps import by_live_time
from edge.photography.correction import correction_sentence, placed_by_samples
from edge.planning.area import allowed_cells
from edge.reconstruct.cells import MeasuredCells, checked_photograph, merged
from edge.reconstruct.choice import AUTOMATIC, method_for
from edge.reconstruct.growing import GrowingKriging
from edge.reconstruct.kriging import learn_parameters, remarks_of, usable_photograph
from edge.reconstruct.layers import VisibleLaw, kriging_visible_law
from edge.reconstruct.tiling import TILE_CELLS, tile_count
from edge.reprocess.look import Look, opened_outline, opened_whole
from edge.reprocess.pieces import Pieces
from edge.reprocess.spectra import Learned, fitted_parts
from edge.results import FittedRecording, Planned, method_of

SETTLED = "settled.json"
ACCOUNTED = "accounted.json"
KRIGING = "kriging"
"""The one method whose maps are made piece by piece, from cells measured by themselves."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Cells of a piece, from tile edges on."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def name(self) -> str:
        """Of the piece."""
        return f"map-{self.top}-{self.left}.npz"


@dataclass(frozen=True, slots=True)
class Settled:
    """How the maps are made."""

    method: str
    rectangles: tuple[Rectangle, ...]
    """None where the maps need the whole grid at once."""


def settle(look: Look, learned: Learned) -> Settled:
    """Learn from all samples, and leave what the pieces are made from."""
    look.job.enter()
    pieces = look.job.pieces
    if pieces.has(SETTLED):
        return _settled(look, pieces.noted(SETTLED))
    with opened_outline(look.job) as (_, planned):
        parts = list(fitted_parts(look, learned))
        fitted = FittedRecording.of(parts, learned.fit, learned.standard, planned.plan, sum_counts=learned.sum_counts)
        placing = placed_by_samples(fitted.samples, fitted.model.elements, planned.sighting, planned.config)
        placed = replace(planned, sighting=placing.sighting)
        cells, method = _cells_of(fitted, placed)
        words = [
            *([f"Photograph: {correction_sentence(placing.sighting.registration)}"] if placing.was_moved else []),
            f"{look.measured} of {len(planned.plan.exposures)} exposures, {cells.elements} element maps: "
            f"{', '.join(cells.names)}",
            calibration_line(fitted.model.calibration),
            *following_lines(fitted.following),
        ]
        attributes = attributes_of(planned.history, planned.plan) | look.job.attributes
    # means over several cells are corrected by the maps that they make, which takes the whole grid
    is_parted = method == KRIGING and cells.operator is None
    if is_parted:
        words += _leave(pieces, cells, placed)
    noted = {"method": method, "is_parted": is_parted, "elements": list(cells.names)}
    noted |= {"attributes": attributes, "lines": words}
    pieces.note(SETTLED, noted)
    return _settled(look, noted)


def account(look: Look) -> None:
    """What each cell received, as the recording says; it needs no rates."""
    look.job.enter()
    pieces = look.job.pieces
    if pieces.has(ACCOUNTED):
        return
    with opened_whole(look.job) as (recording, planned):
        ledger = read_ledger(recording.reader, planned.plan.grid)
        received = dose_of(recording.history, planned, ledger).datasets()
    for name, seconds in received.items():
        pieces.keep_array(received_name(name), seconds)
    pieces.note(ACCOUNTED, {"received": list(received)})


def received_name(dataset: str) -> str:
    """Of the array of what each cell received."""
    return f"received-{dataset}.npy"


def _settled(look: Look, noted: dict[str, Any]) -> Settled:
    method = str(noted["method"])
    if not noted["is_parted"]:
        return Settled(method, ())
    rows, columns = look.grid.shape
    side = look.job.settings.piece_cells // TILE_CELLS * TILE_CELLS
    corners = product(range(0, rows, side), range(0, columns, side))
    return Settled(
        method,
        tuple(Rectangle(top, left, min(top + side, rows), min(left + side, columns)) for top, left in corners),
    )


def _cells_of(fitted: FittedRecording, planned: Planned) -> tuple[MeasuredCells, str]:
    """Each measured cell once, and the method."""
    shape, elements = planned.plan.grid.shape, fitted.model.elements
    once, live_s = by_live_time(fitted.samples, fitted.live_s, shape)
    cells = merged(once, shape, elements, live_s)
    method = method_of(planned, lambda: cells)
    return cells, method_for(cells) if method == AUTOMATIC else method


def _leave(pieces: Pieces, cells: MeasuredCells, planned: Planned) -> list[str]:
    """Write everything that kriging's tiles and the visible part are made from; gives the method's remarks."""
    photograph = usable_photograph(checked_photograph(planned.sighting.rgb, cells.shape))
    learned = learn_parameters(cells, photograph)
    known = GrowingKriging(cells, learned, photograph)
    known.take(cells, np.arange(len(cells)))
    tiling = known.tiling()
    pieces.keep_array("neighbours.npy", known.neighbours(cells, np.arange(tile_count(cells.shape))))
    pieces.keep_array("noise.npy", tiling.noise)
    pieces.keep_array("metric.npy", tiling.metric)
    laws: dict[str, NDArray[Any]] = {"scaling": tiling.scaling, "groups": np.array(len(tiling.groups))}
    for g, group in enumerate(tiling.groups):
        pieces.keep_array(f"features-{g}.npy", group.features)
        pieces.keep_array(f"values-{g}.npy", group.values)
        follows = [len(group.colour) > 1, len(group.guide) > 1]
        laws |= {f"elements-{g}": group.elements, f"law-{g}": group.law, f"follows-{g}": np.array(follows)}
        if follows[1]:
            pieces.keep_array("guide.npy", group.guide)
    visible = kriging_visible_law(cells, photograph, learned.alignment)
    if visible is not None:
        laws |= _as_arrays(visible[0])
    if photograph is not None:
        pieces.keep_array("colour.npy", photograph.aligned(learned.alignment))
    pieces.keep("laws.npz", laws)
    _leave_grid(pieces, cells, planned)
    return list(remarks_of(learned, photograph, cells.names))


def _leave_grid(pieces: Pieces, cells: MeasuredCells, planned: Planned) -> None:
    for name in ("rows", "columns", "values", "variance"):
        pieces.keep_array(f"cells-{name}.npy", getattr(cells, name))
    pieces.keep_array("allowed.npy", allowed_cells(planned.config, planned.plan.grid))
    pieces.keep_array("mask.npy", planned.plan.mask.cells)
    pieces.keep_array("rgb.npy", planned.sighting.display)


def _as_arrays(law: VisibleLaw) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "visible-places": law.places,
        "visible-mean": law.mean,
        "visible-spread": law.spread,
        "visible-offset": law.offset,
        "visible-region": np.array(law.region),
        "visible-groups": np.array(len(law.groups)),
    }
    for g, group in enumerate(law.groups):
        arrays |= {
            f"visible-elements-{g}": group.elements,
            f"visible-weights-{g}": group.weights,
            f"visible-width-{g}": np.array(group.width),
        }
    return arrays
