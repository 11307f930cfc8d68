"""Biharmonic inpainting: the thin plate through the measured cells that bends least, its borders free.

J. Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces" (1977), on the scan grid. Conjugate
gradients on all elements at once, each with its own steps. The preconditioner is two rough solutions of the Laplace
equation with the same cells held, by multigrid: within holes the plate's operator is about the Laplacian squared, so
that the number of steps depends on how wide the holes are and not on how large the grid is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.correction import WeightedGrid
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.harmonic import fill, hold
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.thin_plate import add_scaled, bending, plate_load, products, scale_and_add, stretching

Floats = NDArray[np.float32]

TOLERANCE = 3e-3
"""An element is done when its residual, in the preconditioner's norm, is this part of what harmonic inpainting leaves;
twice the steps then change the maps by less than 0.05 dB."""
_TRIAL_TOLERANCE = 1e-2
MOST_STEPS = 400
WORKING_BYTES = 800_000_000
"""Elements are taken so many at a time that the solver's fields stay below this, but one at least."""
_FIELDS = 9
_TINY = 1e-300
_NOISE_SHARE = 0.7
"""Of a sample's counting variance in a cell between samples: a plate averages little."""


def biharmonic(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Maps and standard error by biharmonic inpainting; the photograph is not used.

    A plate overshoots beside steep places: no cell leaves the range of its element's samples. Samples that do not
    determine a plane (fewer than three, or all in a line) are filled harmonically.
    """
    del rgb
    held = held_out(len(cells))
    kept = np.ones(len(cells), np.bool_)
    everything = kept.copy()
    kept[held] = False
    residual = np.zeros((0, cells.elements), np.float32)
    if len(held):
        plate = bent(cells, kept, tolerance=_TRIAL_TOLERANCE)
        residual = cells.values[held] - plate[cells.rows[held], cells.columns[held]]
    plate = bent(cells, everything)
    return Reconstruction(plate, *distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE))


def bent(
    cells: MeasuredCells, kept: NDArray[np.bool_], *, tolerance: float = TOLERANCE, most_steps: int = MOST_STEPS
) -> Floats:
    """The plate through the kept samples, within their range, (rows, columns, elements)."""
    field, free = hold(cells, kept)
    fill(field, free)
    values = cells.values[kept]
    if not free.any() or not _determines_a_plane(cells, kept):
        return field
    varies = np.flatnonzero(np.ptp(values, axis=0) > 0)
    at_once = max(1, int(WORKING_BYTES / (_FIELDS * field.itemsize * free.size)))
    mean = values.mean(axis=0)
    for start in range(0, len(varies), at_once):
        some = varies[start : start + at_once]
        part = field[:, :, some] - mean[some]
        relax_plate(part, free, tolerance=tolerance, most_steps=most_steps)
        field[:, :, some] = np.clip(part + mean[some], values[:, some].min(axis=0), values[:, some].max(axis=0))
    field[cells.rows[kept], cells.columns[kept]] = values
    return field


def relax_plate(field: Floats, free: NDArray[np.bool_], *, tolerance: float, most_steps: int) -> int:
    """Bend the free cells of a field in place until each element is within the tolerance; how many steps it took."""
    elements, grid = field.shape[2], WeightedGrid(free, field.shape[2])
    coefficients = bending(free.shape[0]), bending(free.shape[1]), stretching(free.shape[0]), stretching(free.shape[1])
    residual, change, direction, load = (np.zeros_like(field) for _ in range(4))
    plate_load(field, free, *coefficients, residual)
    residual *= -1
    energy, before, along, common, length, first = (np.zeros(elements) for _ in range(6))
    going = np.ones(elements, np.bool_)
    for step in range(most_steps):
        grid.roughly_solve(residual, change)
        products(residual, change, energy)
        if step == 0:
            first = energy.copy()
        going &= energy > tolerance**2 * first
        if not going.any():
            return step
        # by what the change has in common with the last step's load: the preconditioner is not quite symmetric
        products(load, change, common)
        turn = np.where(going, -length * common / np.maximum(before, _TINY), 0)
        scale_and_add(direction, turn.astype(np.float32), change)
        before = energy.copy()
        plate_load(direction, free, *coefficients, load)
        products(direction, load, along)
        length = np.where(going, energy / np.maximum(along, _TINY), 0)
        add_scaled(field, length.astype(np.float32), direction)
        add_scaled(residual, (-length).astype(np.float32), load)
    return most_steps


def _determines_a_plane(cells: MeasuredCells, kept: NDArray[np.bool_]) -> bool:
    """Whether the samples fix a plane over the grid, or a straight line where the grid is one cell wide."""
    places = np.column_stack([cells.rows[kept], cells.columns[kept]]).astype(np.float64)
    wanted = sum(length > 1 for length in cells.shape)
    return int(np.linalg.matrix_rank(places - places.mean(axis=0))) >= wanted
