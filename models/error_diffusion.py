"""The compiled loop of error diffusion."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def diffuse(
    density: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    noise: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Serpentine Floyd-Steinberg over the allowed cells; the count is within a few of the density's sum.

    Parameters
    ----------
    density
        Shape (rows, columns), in [0, 1].
    allowed
        Cells that take part, same shape.
    noise
        Added to the threshold of one half, same shape.
    start
        Error that the row above the first one is taken to have left, shape (columns,); without it sparse densities
        leave the first rows empty. Saturated and empty cells take none.
    """
    rows, columns = density.shape
    cells = np.zeros((rows, columns), np.bool_)
    here = np.zeros(columns + 2)
    for c in range(columns):
        here[c + 1] = start[c] if 0.0 < density[0, c] < 1.0 else 0.0
    stranded = 0.0
    for r in range(rows):
        below = np.zeros(columns + 2)
        step = 1 if r % 2 == 0 else -1
        for n in range(columns):
            c = n if step == 1 else columns - 1 - n
            if not allowed[r, c]:
                continue
            wanted = density[r, c] + here[c + 1] + stranded
            cells[r, c] = wanted > 0.5 + noise[r, c]
            error = wanted - cells[r, c]
            ahead, behind = c + step, c - step
            ahead_inside, behind_inside = 0 <= ahead < columns, 0 <= behind < columns
            a = 7.0 if ahead_inside and allowed[r, ahead] else 0.0
            b = 3.0 if r + 1 < rows and behind_inside and allowed[r + 1, behind] else 0.0
            d = 5.0 if r + 1 < rows and allowed[r + 1, c] else 0.0
            e = 1.0 if r + 1 < rows and ahead_inside and allowed[r + 1, ahead] else 0.0
            weights = a + b + d + e
            # an error without a neighbour waits for the next cell in line
            stranded = error if weights == 0.0 else 0.0
            share = error / weights if weights > 0.0 else 0.0
            here[ahead + 1] += a * share
            below[behind + 1] += b * share
            below[c + 1] += d * share
            below[ahead + 1] += e * share
        here = below
    return cells
