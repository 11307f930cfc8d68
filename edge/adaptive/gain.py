"""What a second of beam brings at each cell: the squared error that it would take away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.worth import distance_to, worth_of_cells
from edge.reconstruct.cells import MeasuredCells, checked_photograph
from edge.reconstruct.choice import STARVED, method_in_motion
from edge.reconstruct.covariance import Learned
from edge.reconstruct.kriging import krige, learn_parameters, usable_photograph
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.photon_starved import photon_starved
from edge.reconstruct.tiling import tile_count

Floats = NDArray[np.float32]

_LEAST_SHARE = 0.05
"""Of the mean variance: where hardly anything was counted, something would still be."""
_TOGETHER, _APART = 0.5, 1.0
"""With what power of the beam's time a squared error falls: of cells estimated from one another by 4 to 5 dB a decade
(portrait and hands, docs/adr/0015-modes.md), of a cell that stands for itself as its counts do."""
_SMOOTH, _WIDE = 1.0, 6.0
"""Cells over which errors told by few photons are averaged; the second where no cell nearby was measured."""
_NEARBY = 1e-3
"""Least weight of measured cells that counts as nearby."""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What is left to gain at each cell, and what beam would leave of it; all of shape (rows, columns)."""

    squared_error: Floats
    """Of the maps once all that is planned is measured, every element by its own mean."""
    known: Floats
    """The inverse of that where it is known from other cells alone; 0 where it follows from the cell's own beam."""
    of_a_second: Floats
    """Squared error that a second of beam would leave, were nothing else known of the cell."""
    power: float
    """Of the beam's time with which that falls."""
    planned_s: Floats
    """Beam that each cell has had or will have anyhow, s."""
    distance: Floats
    """Cells to the nearest cell that is measured or will be."""

    def of_more(self, cell_s: float) -> Floats:
        """What so much more beam on each cell takes off its squared error, shape (rows, columns).

        Where a cell is known from others and its own value stands for itself, the two are weighed by their variances.
        """
        beam = np.power(self.planned_s + np.float32(cell_s), np.float32(self.power))
        after = 1 / (self.known + beam / np.maximum(self.of_a_second, np.float32(1e-20)))
        return np.asarray(np.maximum(self.squared_error - after, 0), np.float32)


def gain_of_cells(
    cells: MeasuredCells,
    planned_s: Floats,
    *,
    rgb: NDArray[Any] | None,
    interest: Floats | None = None,
) -> Gain:
    """What is left to gain after these values.

    Where photons are what lacks, cells are estimated together: the error of each is the maps' own standard error, and
    falls with its beam more slowly than its counts alone would say. Where cells are, that is shared out over the cells
    between as `edge.adaptive.worth` says, and a measured cell keeps what counting leaves.

    Parameters
    ----------
    cells
        With the live time behind each value.
    planned_s
        Beam that each cell has had or will have anyhow, s, shape (rows, columns).
    rgb
        Photograph on the grid.
    interest
        As in `worth_of_cells`.
    """
    photograph = None if rgb is None else checked_photograph(rgb, cells.shape)
    if method_in_motion(cells) == STARVED:
        return _together(cells, planned_s, photograph, interest)
    return _apart(cells, planned_s, photograph, interest)


def _together(cells: MeasuredCells, planned_s: Floats, photograph: Floats | None, interest: Floats | None) -> Gain:
    """Where every cell is estimated from all."""
    error = photon_starved(cells, photograph).standard_error
    squared = (np.square(error) * _weights(cells, error, interest)).sum(axis=2)
    had_s = np.zeros(cells.shape, np.float32)
    had_s[cells.rows, cells.columns] = _live_s(cells)
    measured = had_s > 0
    of_a_second = _nearby(np.where(measured, squared * np.power(had_s, _TOGETHER), 0), measured)
    planned = planned_s > 0
    beam = np.power(np.where(planned, planned_s, 1), np.float32(_TOGETHER))
    now = np.where(planned, of_a_second / beam, squared)
    return Gain(
        now.astype(np.float32), np.zeros_like(of_a_second), of_a_second, _TOGETHER, planned_s, distance_to(planned)
    )


def _nearby(values: Floats, measured: NDArray[np.bool_]) -> Floats:
    """Mean of the measured cells around each cell, shape (rows, columns)."""
    import cv2

    def around(image: NDArray[Any], cells: float) -> Floats:
        blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), cells, borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, np.float32)

    close, wide = around(measured, _SMOOTH), around(measured, _WIDE)
    far = np.where(wide > _NEARBY, around(values, _WIDE) / np.maximum(wide, _NEARBY), values[measured].mean())
    return np.where(close > _NEARBY, around(values, _SMOOTH) / np.maximum(close, _NEARBY), far).astype(np.float32)


def _apart(cells: MeasuredCells, planned_s: Floats, rgb: Floats | None, interest: Floats | None) -> Gain:
    """Where cells are kriged: measured ones stand for themselves."""
    planned = planned_s > 0
    maps, squared, distance, weights = _between_samples(cells, rgb, planned, interest)
    noise = (_noise_of_a_second(cells, maps) * weights).sum(axis=2)
    now = np.where(planned, noise / np.where(planned, planned_s, 1), squared)
    known = np.where(planned, 0, 1 / np.maximum(squared, 1e-20))
    return Gain(now.astype(np.float32), known.astype(np.float32), noise.astype(np.float32), _APART, planned_s, distance)


def _live_s(cells: MeasuredCells) -> Floats:
    """Live time behind each value; alike where nobody knows."""
    return np.ones(len(cells), np.float32) if cells.live_s is None else cells.live_s


def _between_samples(
    cells: MeasuredCells, rgb: Floats | None, planned: NDArray[np.bool_], interest: Floats | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Maps, squared error, distance to samples and the elements' weights where cells are kriged."""
    measured = np.zeros(cells.shape, np.bool_)
    measured[cells.rows, cells.columns] = True
    photograph = None if rgb is None else usable_photograph(rgb)
    learned = learn_parameters(cells, photograph)
    maps, standard_error = estimated_everywhere(cells, learned, photograph)
    worth = worth_of_cells(
        cells, learned, photograph, maps=maps, standard_error=standard_error, interest=interest, planned=planned
    )
    weights = _weights(cells, standard_error, interest)
    squared = (np.square(standard_error) * weights).sum(axis=2)
    if not measured.all():
        shared = np.square(worth.value * np.maximum(worth.distance, 1))
        open_mean = float(squared[~measured].mean()) / max(float(shared[~measured].mean()), 1e-20)
        squared = np.where(measured, squared, shared * np.float32(open_mean))
    return maps, squared, worth.distance, weights


def estimated_everywhere(
    cells: MeasuredCells, learned: Learned, photograph: Photograph | None
) -> tuple[Floats, Floats]:
    """Maps and standard errors, (rows, columns, elements), measured cells estimated like the others."""
    maps = np.empty((*cells.shape, cells.elements), np.float32)
    standard_error = np.empty_like(maps)
    everywhere = np.arange(tile_count(cells.shape))
    krige(cells, learned, photograph, which=everywhere, maps=maps, standard_error=standard_error)
    return maps, standard_error


def _weights(cells: MeasuredCells, standard_error: Floats, interest: Floats | None) -> Floats:
    """Of each element's squared error: by its mean, so that all count alike, times the interest; shape (elements,)."""
    mean = np.square(standard_error).mean(axis=(0, 1), dtype=np.float64)
    wanted = np.ones(cells.elements) if interest is None else np.asarray(interest, np.float64)
    varies = cells.values.std(axis=0) > 0
    return np.where(varies, wanted / np.maximum(mean, 1e-20), 0).astype(np.float32)


def _noise_of_a_second(cells: MeasuredCells, maps: Floats) -> Floats:
    """Counting variance that a second of live time would leave, times a second, shape (rows, columns, elements).

    A part of it goes with the element's own rate, a part is the same everywhere: least squares over the cells.
    """
    noise = np.empty_like(maps)
    if cells.live_s is None:
        return noise * 0
    seconds = cells.live_s.astype(np.float64)
    for element in range(cells.elements):
        values, each = cells.values[:, element].astype(np.float64), cells.variance[:, element] * seconds
        spread = float(values.var())
        slope = max(float(((values - values.mean()) * each).mean()) / spread, 0.0) if spread > 0 else 0.0
        level = max(float(each.mean()) - slope * float(values.mean()), _LEAST_SHARE * float(each.mean()))
        noise[:, :, element] = level + slope * np.maximum(maps[:, :, element], 0)
    return noise
