"""The coverage floor: no hole wider than was promised, whatever the density says."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.exact_count import distance_to_samples
from models.faults import CoverageImpossible, UnusableRequest

_ROUNDING = 1e-6


def widest_hole(cells: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> float:
    """Largest distance of an allowed cell to the nearest chosen one, in cells; infinite for an empty mask."""
    if not cells.any():
        return float("inf")
    return float(distance_to_samples(cells)[allowed].max(initial=0.0))


def cover_holes(
    cells: NDArray[np.bool_], *, density: NDArray[np.float32], allowed: NDArray[np.bool_], max_hole: float
) -> NDArray[np.bool_]:
    """Close holes wider than `max_hole` and pay for it where the samples are densest, at the same count.

    Holes are closed from their middle, widest first; then samples without which every allowed cell still has one
    within reach are taken away, those with the least room (see `settle_count`) first.

    Parameters
    ----------
    cells, density, allowed
        Shape (rows, columns).
    max_hole
        Largest allowed distance to the nearest sample, in cells, at least 1.

    Raises
    ------
    CoverageImpossible
        That many samples cannot be found to keep every hole closed.
    """
    if not max_hole >= 1:
        raise UnusableRequest(f"a largest hole of {max_hole} cells is below 1: give a distance of at least one cell")
    away = distance_to_samples(cells)
    if cells.any() and float(away[allowed].max(initial=0.0)) <= max_hole + _ROUNDING:
        return cells
    count = int(np.count_nonzero(cells))
    reach = _disc(min(max_hole, float(np.hypot(*cells.shape))))
    covered = cells.copy()
    reached = _times_reached(covered, reach)
    # cells that may not be visited need no sample: they count as reached twice over
    reached[~allowed] += 2
    holes = np.flatnonzero(reached == 0)
    widest_first = np.argsort(-away.ravel()[holes], kind="stable")
    _close(covered, reached, holes[widest_first], reach)
    flat = np.flatnonzero(covered)
    room = _room(covered) * density.ravel()[flat]
    surplus = int(flat.size) - count
    left = _thin(covered, reached, flat[np.argsort(room, kind="stable")], reach, surplus)
    if left > 0:
        needed = count + left
        raise CoverageImpossible(
            f"no hole wider than {max_hole:g} cells takes about {needed} samples and {count} are asked: "
            f"raise the rate by a factor of {needed / count:.2f}, or allow wider holes"
        )
    return covered


@njit(cache=True)
def _room(cells: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Squared distance of each sample, row by row, to the nearest other one: looked for in growing squares."""
    rows, columns = cells.shape
    found = np.empty(np.count_nonzero(cells), np.float64)
    farthest = max(rows, columns)
    n = 0
    for row in range(rows):
        for column in range(columns):
            if not cells[row, column]:
                continue
            nearest = np.inf
            step = 1
            while step <= farthest and step * step < nearest:
                nearest = min(nearest, _nearest_on_square(cells, row, column, step))
                step += 1
            # a sample that is alone has room, and nobody to give it to
            found[n] = nearest if nearest < np.inf else 1.0
            n += 1
    return found


@njit(cache=True)
def _nearest_on_square(cells: NDArray[np.bool_], row: int, column: int, step: int) -> float:
    """Squared distance to the nearest sample among the cells `step` rows or columns away; infinite without one."""
    rows, columns = cells.shape
    nearest = np.inf
    for r in range(max(row - step, 0), min(row + step, rows - 1) + 1):
        on_edge = abs(r - row) == step
        for c in range(max(column - step, 0), min(column + step, columns - 1) + 1):
            if cells[r, c] and (on_edge or abs(c - column) == step):
                nearest = min(nearest, float((r - row) ** 2 + (c - column) ** 2))
    return nearest


def _disc(radius: float) -> NDArray[np.int64]:
    """Offsets (row, column) within a radius, shape (n, 2)."""
    span = np.arange(-int(radius), int(radius) + 1)
    rows, columns = np.meshgrid(span, span, indexing="ij")
    inside = rows**2 + columns**2 <= (radius + _ROUNDING) ** 2
    return np.column_stack([rows[inside], columns[inside]]).astype(np.int64)


@njit(cache=True)
def _mark(reached: NDArray[np.int32], row: int, column: int, reach: NDArray[np.int64], change: int) -> None:
    rows, columns = reached.shape
    for n in range(reach.shape[0]):
        r, c = row + reach[n, 0], column + reach[n, 1]
        if 0 <= r < rows and 0 <= c < columns:
            reached[r, c] += change


@njit(cache=True)
def _times_reached(cells: NDArray[np.bool_], reach: NDArray[np.int64]) -> NDArray[np.int32]:
    """In how many samples' reach each cell lies."""
    reached = np.zeros(cells.shape, np.int32)
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            if cells[row, column]:
                _mark(reached, row, column, reach, 1)
    return reached


@njit(cache=True)
def _close(
    cells: NDArray[np.bool_], reached: NDArray[np.int32], holes: NDArray[np.int64], reach: NDArray[np.int64]
) -> None:
    columns = cells.shape[1]
    for flat in holes:
        row, column = flat // columns, flat % columns
        if reached[row, column] == 0:
            cells[row, column] = True
            _mark(reached, row, column, reach, 1)


@njit(cache=True)
def _thin(
    cells: NDArray[np.bool_],
    reached: NDArray[np.int32],
    samples: NDArray[np.int64],
    reach: NDArray[np.int64],
    surplus: int,
) -> int:
    """Remove up to `surplus` samples that no cell depends on; returns how many could not be removed."""
    rows, columns = cells.shape
    for flat in samples:
        if surplus == 0:
            break
        row, column = flat // columns, flat % columns
        needed = False
        for n in range(reach.shape[0]):
            r, c = row + reach[n, 0], column + reach[n, 1]
            if 0 <= r < rows and 0 <= c < columns and reached[r, c] == 1:
                needed = True
                break
        if not needed:
            cells[row, column] = False
            _mark(reached, row, column, reach, -1)
            surplus -= 1
    return surplus
