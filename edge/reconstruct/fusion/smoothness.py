"""Weighted squared steps between neighbouring cells, and their gradient, as stencils.

The total variation terms of Q. Dai, H. Chopp, E. Pouyet, O. Cossairt, M. Walton and A. K. Katsaggelos, "Adaptive Image
Sampling using Deep Learning and its Application on X-Ray Fluorescence Image Reconstruction", Eq. 15 to 17. Their sums
leave out the steps within the last row and the last column; here every pair of neighbours counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """How much each step between neighbours counts."""

    across: Floats
    """Of the step from a cell to its right neighbour, shape (rows, columns), zero in the last column."""
    down: Floats
    """Of the step to the cell below, zero in the last row."""

    @property
    def degree(self) -> Floats:
        """Sum of the weights of a cell's steps, shape (rows, columns)."""
        total: Floats = self.across + self.down
        total[:, 1:] += self.across[:, :-1]
        total[1:] += self.down[:-1]
        return total


def even_steps(shape: tuple[int, int]) -> Steps:
    """Every step counts 1."""
    across, down = np.ones(shape, np.float32), np.ones(shape, np.float32)
    across[:, -1] = down[-1] = 0
    return Steps(across, down)


def steps_along_colour(photograph: Floats, alpha: float) -> Steps:
    """exp(-alpha |step of the colour|²), after Eq. 16 and 17.

    Parameters
    ----------
    photograph
        Shape (rows, columns, 3), in [0, 1].
    """
    steps = even_steps(photograph.shape[:2])
    steps.across[:, :-1] = np.exp(-alpha * np.square(np.diff(photograph, axis=1)).sum(axis=2))
    steps.down[:-1] = np.exp(-alpha * np.square(np.diff(photograph, axis=0)).sum(axis=2))
    return steps


def smoothness(field: Floats, channels: int, steps: Steps, factor: float, gradient: Floats) -> float:
    """`factor` times the sum of weighted squared steps of the first channels; its gradient is added to `gradient`.

    Parameters
    ----------
    field, gradient
        Shape (rows, columns, at least `channels`).
    """
    return float(_smoothness(field, channels, steps.across, steps.down, factor, gradient))


@compiled
def _smoothness(field: Floats, channels: int, across: Floats, down: Floats, factor: float, gradient: Floats) -> float:
    rows, columns, _ = field.shape
    scale = np.float32(2 * factor)
    total = 0.0
    for i in range(rows):
        in_row = 0.0
        for j in range(columns):
            left = scale * across[i, j - 1] if j > 0 else np.float32(0)
            right = scale * across[i, j] if j + 1 < columns else np.float32(0)
            above = scale * down[i - 1, j] if i > 0 else np.float32(0)
            below = scale * down[i, j] if i + 1 < rows else np.float32(0)
            jl, jr = max(j - 1, 0), min(j + 1, columns - 1)
            ia, ib = max(i - 1, 0), min(i + 1, rows - 1)
            cell = np.float32(0)
            for e in range(channels):
                here = field[i, j, e]
                to_right, to_below = here - field[i, jr, e], here - field[ib, j, e]
                pull = left * (here - field[i, jl, e]) + above * (here - field[ia, j, e])
                gradient[i, j, e] += pull + right * to_right + below * to_below
                cell += right * to_right * to_right + below * to_below * to_below
            in_row += float(cell)
        total += in_row
    return 0.5 * total
