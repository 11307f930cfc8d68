"""Harmonic inpainting: the Laplace equation with the measured cells held and no flow through the borders.

Multigrid from A. Brandt, "Multi-level adaptive solutions to boundary-value problems" (1977): the start comes from
coarse to fine, corrections go down and up. Holes of any size are filled by the start alone; each cycle then cuts the
residual. Stopping early is deliberate: the exact solution has logarithmic spikes at isolated samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import multigrid
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.correction import Links, coarser, coarser_levels, correct
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.reconstruction import Reconstruction

_START_SWEEPS = 2
_NOISE_SHARE = 0.3
"""Of a sample's counting variance in a cell between samples: several are averaged."""


def harmonic(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None, *, cycles: int = 0) -> Reconstruction:
    """Maps and standard error by harmonic inpainting; the photograph is not used.

    Some samples are held out of a first, coarser run; their errors scale the standard error of the second, which has
    them all.
    Without cycles the largest defect (a cell's difference from the mean of its neighbours) is some hundredths of the
    largest value; each cycle divides it by about five, and ten reach the rounding of float32.
    """
    del rgb
    held = held_out(len(cells))
    kept = np.ones(len(cells), np.bool_)
    kept[held] = False
    field, free = hold(cells, kept)
    fill(field, free, sweeps=1)
    residual = cells.values[held] - field[cells.rows[held], cells.columns[held]]
    field, free = hold(cells, np.ones(len(cells), np.bool_))
    fill(field, free)
    cycle(field, free, cycles=cycles)
    return Reconstruction(field, *distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE))


def hold(cells: MeasuredCells, kept: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A field that is zero but for the kept samples, and the mask of its free cells."""
    field = np.zeros((*cells.shape, cells.elements), np.float32)
    free = np.ones(cells.shape, np.bool_)
    field[cells.rows[kept], cells.columns[kept]] = cells.values[kept]
    free[cells.rows[kept], cells.columns[kept]] = False
    return field, free


def fill(field: NDArray[np.float32], free: NDArray[np.bool_], sweeps: int = _START_SWEEPS) -> None:
    """Fill the free cells, which must be zero, from coarse to fine, relaxing on each level."""
    if not free.any():
        return
    if max(free.shape) > 1:
        shape = coarser(free.shape)
        coarse, coarse_free = np.empty((*shape, field.shape[2]), np.float32), np.empty(shape, np.bool_)
        multigrid.average_blocks(field, free, coarse, coarse_free)
        fill(coarse, coarse_free, sweeps)
        multigrid.add_interpolated(coarse, field, free)
    for _ in range(sweeps):
        multigrid.relax(field, free)


def cycle(field: NDArray[np.float32], free: NDArray[np.bool_], *, cycles: int) -> None:
    """Improve the free cells by V-cycles with one sweep before and one after each correction."""
    levels = _levels(free, field.shape[2]) if cycles else []
    for _ in range(cycles):
        multigrid.relax(field, free)
        if levels:
            multigrid.restrict_residual(field, free, levels[0].load)
            correct(levels)
            multigrid.add_interpolated(levels[0].error, field, free)
        multigrid.relax(field, free)


def largest_residual(field: NDArray[np.float32], free: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Largest absolute mean-of-neighbours defect of the free cells, per element, in the field's unit."""
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
    total = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * field
    largest: NDArray[np.float32] = np.abs(total[free] / 4).max(axis=0, initial=0)
    return largest


def _levels(free: NDArray[np.bool_], elements: int) -> list[Links]:
    across: NDArray[np.float32] = np.zeros(free.shape, np.float32)
    down: NDArray[np.float32] = np.zeros(free.shape, np.float32)
    across[:, :-1] = free[:, :-1] & free[:, 1:]
    down[:-1] = free[:-1] & free[1:]
    neighbours = np.full(free.shape, 4, np.float32)
    neighbours[0] -= 1
    neighbours[-1] -= 1
    neighbours[:, 0] -= 1
    neighbours[:, -1] -= 1
    diagonal: NDArray[np.float32] = np.where(free, neighbours, np.float32(0))
    return coarser_levels(across, down, diagonal, elements)
