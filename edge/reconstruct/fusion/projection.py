"""Steps of abundances, and their way back to what they may be: none below zero, adding up to 1 in each cell.

Two projections: the Euclidean one on the simplex, by Newton's method on its threshold (after L. Condat, "Fast
projection onto the simplex and the l1 ball" (2016), and C. Michelot (1986)), and the one of Q. Dai et al.,
"Spatial-Spectral Representation for X-Ray Fluorescence Image Super-Resolution", below Eq. 15, which sets negative
abundances to zero and scales the rest. Steps of the first never raise the objective; those of the second may.
"""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@compiled
def _onto_simplex(row: Floats, threshold: np.float32) -> np.float32:
    """Project in place; the threshold that was taken off, a good guess of the next one. Any guess gives the answer."""
    count, guess, before = row.shape[0], threshold, np.float32(-1)
    # from the right one step of Newton goes left of the threshold, from there the entries above only become fewer
    for _ in range(2 * count + 2):
        total, above = np.float32(0), np.float32(0)
        for k in range(count):
            is_above = row[k] > guess
            total += row[k] - guess if is_above else np.float32(0)
            above += np.float32(1) if is_above else np.float32(0)
        if above == before:
            # once more from near by, where sums round least
            guess += (total - np.float32(1)) / above
            break
        if above == 0:
            guess = row[0]
            for k in range(count):
                guess = max(guess, row[k])
            guess -= np.float32(1)
        else:
            guess += (total - np.float32(1)) / above
            before = above
    for k in range(count):
        row[k] = max(row[k] - guess, np.float32(0))
    return guess


@compiled
def step(now: Floats, before: Floats, gradient: Floats, length: Floats, momentum: float) -> None:
    """Write, over the abundances before, the step from those now: on by momentum, then down the gradient.

    Parameters
    ----------
    now, before, gradient
        Shape (cells, entries).
    length
        Of each cell's step, shape (cells,).
    """
    on = np.float32(momentum)
    for i in range(now.shape[0]):
        for k in range(now.shape[1]):
            here = now[i, k]
            before[i, k] = here + on * (here - before[i, k]) - length[i] * gradient[i, k]


def bring_back(
    abundances: Floats, threshold: Floats, projection: Literal["simplex", "clip-and-scale"], sparsity: int | None
) -> None:
    """Project each cell's abundances, (cells, 2 atoms), in place.

    Parameters
    ----------
    threshold
        The last thresholds of these cells, shape (cells,), brought up to date; zeros at first.
    sparsity
        Most atoms that a cell may use, in its visible and hidden part together (Eq. 14h): those with most above
        zero stay. None: all.
    """
    if sparsity is not None and sparsity < abundances.shape[1] // 2:
        keep_largest_atoms(abundances, sparsity)
    match projection:
        case "simplex":
            onto_simplex(abundances, threshold)
        case "clip-and-scale":
            clip_and_scale(abundances)
        case _:
            assert_never(projection)


def keep_largest_atoms(abundances: Floats, sparsity: int) -> None:
    """Set all atoms but the `sparsity` largest of each cell far below zero, so that no projection brings them back.

    For one part alone, keeping the largest and then projecting is the nearest sparse point of the simplex
    (A. Kyrillidis et al., "Sparse projections onto the simplex", 2013); for the sum of two it need not be.
    """
    atoms = abundances.shape[1] // 2
    parts = abundances.reshape(len(abundances), 2, atoms)
    total = np.maximum(parts, 0).sum(axis=1)
    dropped = np.argpartition(total, atoms - sparsity, axis=1)[:, : atoms - sparsity]
    np.put_along_axis(parts, dropped[:, None, :], np.float32(-1e3), axis=2)


@compiled
def onto_simplex(rows: Floats, threshold: Floats) -> None:
    """Nearest points without negative entries that add up to 1, in place, shape (cells, entries)."""
    for i in range(rows.shape[0]):
        threshold[i] = _onto_simplex(rows[i], threshold[i])


@compiled
def clip_and_scale(rows: Floats) -> None:
    """Set negative entries to zero and divide by the sum, in place; equal shares where nothing is left."""
    for i in range(rows.shape[0]):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            rows[i, k] = max(rows[i, k], np.float32(0))
            total += rows[i, k]
        share = np.float32(0) if total > 0 else np.float32(1) / np.float32(rows.shape[1])
        scale = np.float32(1) / total if total > 0 else np.float32(0)
        for k in range(rows.shape[1]):
            rows[i, k] = rows[i, k] * scale + share
