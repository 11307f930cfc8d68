"""Which runs of cells to fly next: in each row the stretches that are worth their time, rows by what they bring."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]

_APART = 0.75
"""A run tells of cells up to this part of their distance to what was measured before."""
_LEAST_REACH = 1.5
"""Cells: where a cell was measured already, a run beside it tells of it all the same."""
_HALVINGS = 20
"""Of the range of prices, on a logarithmic scale: the price is then known to some parts in a hundred thousand."""
_LEAST_PRICE = 1e-9
"""Of what the best cell brings in its time: whatever is worth anything is worth that."""
_CLOSE_ENOUGH = 0.005
"""Relative difference of the time chosen from the time asked for that is not worth another look."""


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run of cells takes."""

    start_s: float
    """To get to it, up to speed, and to rest again."""
    cell_s: float
    """On each cell."""


def chosen_runs(gain: Floats, distance: Floats, cost: RunCost, budget_s: float) -> NDArray[np.bool_]:
    """Cells to fly over, shape (rows, columns): stretches of rows that bring most for a time.

    In a row, the stretches are chosen together: those for which the sum of gains less a price for the time is
    greatest, found by stepping through the row once. Rows follow by what their best stretches bring, each taking its
    share from what rows nearby would still bring. The price is the one at which all together take the time; where no
    price does, because many stretches are worth the same, rows are taken until it is spent.

    Parameters
    ----------
    gain
        What measuring each cell brings, at least 0, shape (rows, columns); 0 where the beam may not go: a stretch is
        cut there.
    distance
        Cells to the nearest measured one, same shape.
    budget_s
        Time for all runs; the cells chosen take about that, less where all cells together take less.
    """
    gain = np.ascontiguousarray(gain, np.float32)
    reach = np.maximum(_APART * distance, _LEAST_REACH).astype(np.float32)
    start_s, cell_s = np.float32(cost.start_s), np.float32(cost.cell_s)

    def at(price: float, most_s: float) -> tuple[NDArray[np.bool_], float]:
        cells = np.zeros(gain.shape, np.bool_)
        seconds = _choose(gain, reach, np.float32(price), start_s, cell_s, np.float32(most_s), cells)
        return cells, seconds

    highest = float(gain.max(initial=0)) / cost.cell_s
    low, high = highest * _LEAST_PRICE, highest
    cells, seconds = at(low, math.inf)
    if seconds <= budget_s:
        return cells
    for _ in range(_HALVINGS):
        price = math.sqrt(low * high)
        cells, seconds = at(price, math.inf)
        if (1 - _CLOSE_ENOUGH) * budget_s <= seconds <= budget_s:
            return cells
        low, high = (price, high) if seconds > budget_s else (low, price)
    return at(low, budget_s)[0]


@compiled
def _choose(
    gain: Floats,
    reach: Floats,
    price: np.float32,
    start_s: np.float32,
    cell_s: np.float32,
    most_s: np.float32,
    chosen: NDArray[np.bool_],
) -> float:
    """Mark the stretches that are worth more than their time at a price; tells the time that they take."""
    rows, columns = gain.shape
    left = gain.copy()
    furthest = int(np.ceil(reach.max()))
    worth = np.empty(rows, np.float32)
    state = np.empty((rows, columns), np.bool_)
    for i in range(rows):
        worth[i] = _stretches(left[i], price, start_s, cell_s, state[i])
    seconds = np.float32(0)
    open_rows = np.ones(rows, np.bool_)
    while True:
        best, best_worth = -1, np.float32(0)
        for i in range(rows):
            if open_rows[i] and worth[i] > best_worth:
                best, best_worth = i, worth[i]
        if best < 0:
            return float(seconds)
        open_rows[best] = False
        takes, before = np.float32(0), False
        for j in range(columns):
            if state[best, j]:
                takes += cell_s + (np.float32(0) if before else start_s)
            before = state[best, j]
        if seconds + takes > most_s:
            continue
        seconds += takes
        chosen[best] = state[best]
        for i in range(max(best - furthest, 0), min(best + furthest + 1, rows)):
            away = np.float32(abs(i - best))
            if open_rows[i] and _share_out(left[i], reach[i], away, state[best]):
                worth[i] = _stretches(left[i], price, start_s, cell_s, state[i])


@compiled
def _share_out(gain: Floats, reach: Floats, away: np.float32, chosen: NDArray[np.bool_]) -> bool:
    """Take from a row what the chosen cells of another one, so far away, tell of it; whether that is anything."""
    is_told = False
    for j in range(gain.shape[0]):
        if chosen[j] and away < reach[j]:
            share = away / reach[j]
            gain[j] *= share * share
            is_told = True
    return is_told


@compiled
def _stretches(
    gain: Floats, price: np.float32, start_s: np.float32, cell_s: np.float32, state: NDArray[np.bool_]
) -> np.float32:
    """The stretches of a row for which gain less price times time is greatest; tells that sum, marks their cells."""
    columns = gain.shape[0]
    begin, step = price * start_s, price * cell_s
    began = np.empty(columns, np.bool_)
    ended = np.empty(columns, np.bool_)
    outside, inside = np.float32(0), np.float32(-np.inf)
    for j in range(columns):
        net = gain[j] - step
        if gain[j] <= 0:
            inside_next = np.float32(-np.inf)
            began[j] = False
        else:
            began[j] = outside - begin > inside
            inside_next = max(outside - begin, inside) + net
        ended[j] = inside_next > outside
        outside_next = max(inside_next, outside)
        inside, outside = inside_next, outside_next
    is_in = False
    for j in range(columns - 1, -1, -1):
        if not is_in and ended[j]:
            is_in = True
        state[j] = is_in
        if is_in and began[j]:
            is_in = False
    return outside
