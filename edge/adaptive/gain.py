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


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What is left to gain, and what counting takes away from it."""

    squared_error: Floats
    """Of the maps as they are, every element by its own mean, shape (rows, columns)."""
    noise_s: Floats
    """Counting variance of a second in the same unit, times a second; same shape."""
    distance: Floats
    """Cells to the nearest cell that is measured or will be, same shape."""

    def of_dwell(self, cell_s: float) -> Floats:
        """What measuring each cell for a time takes off its squared error, shape (rows, columns).

        A value with the noise of counting is weighed against what was known: the variance of the two together is less
        by the square of the known one over their sum.
        """
        total = self.squared_error + self.noise_s / np.float32(cell_s) + np.float32(1e-20)
        return np.asarray(np.square(self.squared_error) / total, np.float32)


def gain_of_cells(
    cells: MeasuredCells,
    *,
    rgb: NDArray[Any] | None,
    interest: Floats | None = None,
    planned: NDArray[np.bool_] | None = None,
) -> Gain:
    """What is left to gain after these values.

    Where photons are what lacks, the error of every cell is the maps' own standard error. Where cells are, that is
    shared out over the cells between as `edge.adaptive.worth` says.

    Parameters
    ----------
    cells
        With the live time behind each value.
    rgb
        Photograph on the grid.
    interest, planned
        As in `worth_of_cells`.
    """
    photograph = None if rgb is None else checked_photograph(rgb, cells.shape)
    measured = np.zeros(cells.shape, np.bool_)
    measured[cells.rows, cells.columns] = True
    if method_in_motion(cells) == STARVED:
        found = photon_starved(cells, photograph)
        weights = _weights(cells, found.standard_error, interest)
        squared = (np.square(found.standard_error) * weights).sum(axis=2)
        maps, distance = found.maps, distance_to(measured if planned is None else measured | planned)
    else:
        maps, squared, distance, weights = _between_samples(cells, photograph, measured, interest, planned)
    noise = (_noise_of_a_second(cells, maps) * weights).sum(axis=2)
    return Gain(squared.astype(np.float32), noise.astype(np.float32), distance)


def _between_samples(
    cells: MeasuredCells,
    rgb: Floats | None,
    measured: NDArray[np.bool_],
    interest: Floats | None,
    planned: NDArray[np.bool_] | None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Maps, squared error, distance to samples and the elements' weights where cells are kriged."""
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
