"""Steps of abundances, and their way back to what they may be: none below zero, adding up to 1 in each cell.

Two projections: the Euclidean one on the simplex, by Newton's method on its threshold (after L. Condat, "Fast
projection onto the simplex and the l1 ball" (2016), and C. Michelot (1986)), and the one of Q. Dai et al.,
"Spatial-Spectral Representation for X-Ray Fluorescence Image Super-Resolution", below Eq. 15, which sets negative
abundances to zero and scales the rest. Steps of the first never raise the objective; those of the second may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]
Projection: TypeAlias = Literal["simplex", "clip-and-scale"]

_MOST_TURNS = 40
_STILL = 3e-6
"""Of two thresholds, between one turn and the next."""


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
def step(now: Floats, before: Floats, gradient: Floats, length: Floats, visible: int, momentum: float) -> None:
    """Write, over the abundances before, the step from those now: on by momentum, then down the gradient.

    Parameters
    ----------
    now, before, gradient
        Shape (cells, entries).
    length
        Of each cell's step, shape (cells, 2): of the first `visible` entries, and of all others.
    """
    on = np.float32(momentum)
    for i in range(now.shape[0]):
        for part in range(2):
            # views of their own: an index that may be negative keeps a loop from vector instructions
            entries = slice(visible, now.shape[1]) if part else slice(0, visible)
            here, towards, slope, by = now[i, entries], before[i, entries], gradient[i, entries], length[i, part]
            for k in range(here.shape[0]):
                towards[k] = here[k] + on * (here[k] - towards[k]) - by * slope[k]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a cell's abundances may be."""

    visible: int
    """How many are visible, the first ones."""
    hidden: int
    """How many are hidden, those that follow; all others are of colours alone."""
    projection: Projection = "simplex"
    sparsity: int | None = None
    """Most atoms that a cell may use, in its visible and hidden part together (Eq. 14h): those with most above zero
    stay. None: all."""

    def bring_back(self, abundances: Floats, threshold: Floats) -> None:
        """Project each cell's abundances, (cells, atoms of all parts), in place.

        Where there are abundances of colours alone, the visible ones add up to 1 with them as well as with the hidden
        ones: each image is whole.

        Parameters
        ----------
        threshold
            The last thresholds of these cells, shape (cells, 2), brought up to date; zeros at first.
        """
        if self.sparsity is not None:
            keep_largest_atoms(abundances[:, : self.visible + self.hidden], self.visible, self.sparsity)
        if abundances.shape[1] > self.visible + self.hidden:
            onto_two_simplices(abundances, threshold, self.visible, self.visible + self.hidden)
            return
        match self.projection:
            case "simplex":
                onto_simplex(abundances, threshold[:, 0])
            case "clip-and-scale":
                clip_and_scale(abundances)
            case _:
                assert_never(self.projection)


def keep_largest_atoms(abundances: Floats, visible: int, sparsity: int) -> None:
    """Set all atoms but the `sparsity` largest of each cell far below zero, so that no projection brings them back.

    Where there are as many hidden as visible atoms, the k-th of each counts as one (Eq. 14h). For one part alone,
    keeping the largest and then projecting is the nearest sparse point of the simplex (A. Kyrillidis et al., "Sparse
    projections onto the simplex", 2013); for the sum of two it need not be.
    """
    count = 2 if visible and abundances.shape[1] == 2 * visible else 1
    atoms = abundances.shape[1] // count
    if sparsity >= atoms:
        return
    parts = abundances.reshape(len(abundances), count, atoms)
    total = np.maximum(parts, 0).sum(axis=1)
    dropped = np.argpartition(total, atoms - sparsity, axis=1)[:, : atoms - sparsity]
    kept = np.ones(total.shape, np.bool_)
    np.put_along_axis(kept, dropped, False, axis=1)
    for part in range(count):
        # a view of the caller's array, also where that is no whole one
        np.copyto(abundances[:, part * atoms : (part + 1) * atoms], np.float32(-1e3), where=~kept)


@compiled
def onto_two_simplices(rows: Floats, threshold: Floats, shared: int, whole: int) -> None:
    """Nearest points without negative entries of which the first `whole` add up to 1, and the shared with the rest.

    Shape (cells, entries); in place. Two thresholds, one of each sum, found in turn: coordinate ascent of the dual,
    which is concave and smooth.
    """
    for i in range(rows.shape[0]):
        row = rows[i]
        one, other = threshold[i, 0], threshold[i, 1]
        for _ in range(_MOST_TURNS):
            first = _threshold(row, shared, 0, whole, other, one)
            second = _threshold(row, shared, whole, row.shape[0], first, other)
            moved = abs(first - one) + abs(second - other)
            one, other = first, second
            if moved < _STILL:
                break
        threshold[i, 0], threshold[i, 1] = one, other
        for k in range(row.shape[0]):
            taken = np.float32(0)
            if k < whole:
                taken += one
            if k < shared or k >= whole:
                taken += other
            row[k] = max(row[k] - taken, np.float32(0))


@compiled
def _threshold(row: Floats, shared: int, begin: int, end: int, already: np.float32, guess: np.float32) -> np.float32:
    """What is taken off the shared entries, less what is already, and those from `begin` to `end`, that they sum to 1.

    Newton's method on a convex, falling, piecewise linear sum, as in `_onto_simplex`.
    """
    before = np.float32(-1)
    for _ in range(2 * (shared + end - begin) + 2):
        total, above, largest = np.float32(0), np.float32(0), np.float32(-np.inf)
        for k in range(shared):
            value = row[k] - already
            largest = max(largest, value)
            if value > guess:
                total += value - guess
                above += np.float32(1)
        for k in range(max(begin, shared), end):
            largest = max(largest, row[k])
            if row[k] > guess:
                total += row[k] - guess
                above += np.float32(1)
        if above == before:
            guess += (total - np.float32(1)) / above
            break
        if above == 0:
            guess = largest - np.float32(1)
        else:
            guess += (total - np.float32(1)) / above
            before = above
    return guess


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
