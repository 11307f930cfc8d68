"""The compiled local search over tours: 2-opt and Or-opt with neighbour lists and a work queue.

A step of the search looks at one point and its nearest neighbours, makes the first exchange that saves time, and puts
the points whose surroundings changed back on the queue; it ends when no point has a saving exchange left.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LEAST_SAVING_S = 1e-10
_LONGEST_SEGMENT = 3
_NONE = -1
"""Stands for the point beyond either end of the path."""


class Tour(NamedTuple):
    """An open path through all points, with what it takes to price and change it."""

    points: NDArray[np.float64]
    """Shape (n, 2), in mm."""
    near: NDArray[np.int64]
    """Nearest other points of each, nearest first, shape (n, k)."""
    order: NDArray[np.int64]
    """Points in order of visit; changed by the search."""
    place: NDArray[np.int64]
    """Where in the order each point is."""
    speed_mm_s: float
    acceleration_mm_s2: float
    longest_shift: int
    """Positions that one exchange may move at the most."""


@njit(cache=True)
def improve(tour: Tour) -> int:
    """Shorten a tour in place; returns the number of exchanges made."""
    n = tour.order.size
    queue = tour.order.copy()
    queued = np.ones(n, np.bool_)
    first, waiting = 0, n
    touched = np.empty(5, np.int64)
    exchanges = 0
    while waiting > 0:
        point = queue[first]
        first = (first + 1) % n
        waiting -= 1
        queued[point] = False
        while _two_opt(tour, point, touched) or _or_opt(tour, point, touched):
            exchanges += 1
            for other in touched:
                if other != _NONE and not queued[other]:
                    queued[other] = True
                    queue[(first + waiting) % n] = other
                    waiting += 1
    return exchanges


@njit(cache=True)
def _move_s(tour: Tour, a: int, b: int) -> float:
    """Time from rest to rest; nothing to or from beyond an end of the path."""
    if a < 0 or b < 0:
        return 0.0
    x_mm, y_mm = tour.points[a, 0] - tour.points[b, 0], tour.points[a, 1] - tour.points[b, 1]
    length = sqrt(x_mm * x_mm + y_mm * y_mm)
    speed, acceleration = tour.speed_mm_s, tour.acceleration_mm_s2
    if length * acceleration < speed * speed:
        return 2.0 * sqrt(length / acceleration)
    return length / speed + speed / acceleration


@njit(cache=True)
def _at(tour: Tour, i: int) -> int:
    return tour.order[i] if 0 <= i < tour.order.size else _NONE


@njit(cache=True)
def _two_opt(tour: Tour, point: int, touched: NDArray[np.int64]) -> bool:
    """Join `point` to a near neighbour by turning round the stretch between them."""
    i = tour.place[point]
    for side in (1, -1):
        beside = _at(tour, i + side)
        if beside == _NONE:
            continue
        now = _move_s(tour, point, beside)
        for other in tour.near[point]:
            gain = now - _move_s(tour, point, other)
            if gain <= _LEAST_SAVING_S:
                break
            j = tour.place[other]
            beyond = _at(tour, j + side)
            gain += _move_s(tour, other, beyond) - _move_s(tour, beside, beyond)
            low, high = min(i, j), max(i, j)
            if side == 1:
                low += 1
            else:
                high -= 1
            if gain > _LEAST_SAVING_S and high - low < tour.longest_shift:
                _reverse(tour, low, high)
                touched[0], touched[1], touched[2], touched[3], touched[4] = beside, other, beyond, _NONE, _NONE
                return True
    return False


@njit(cache=True)
def _reverse(tour: Tour, low: int, high: int) -> None:
    order, place = tour.order, tour.place
    while low < high:
        order[low], order[high] = order[high], order[low]
        place[order[low]] = low
        place[order[high]] = high
        low += 1
        high -= 1


@njit(cache=True)
def _or_opt(tour: Tour, point: int, touched: NDArray[np.int64]) -> bool:
    """Move a segment of up to three points that ends in `point` to lie beside one of its near neighbours."""
    i = tour.place[point]
    for size in range(1, _LONGEST_SEGMENT + 1):
        for low in (i, i - size + 1):
            if low >= 0 and low + size <= tour.order.size and _move_segment(tour, point, low, size, touched):
                return True
    return False


@njit(cache=True)
def _move_segment(tour: Tour, point: int, low: int, size: int, touched: NDArray[np.int64]) -> bool:
    """Move the segment at positions low to low + size - 1, one end of which is `point`, if that saves time."""
    order, high = tour.order, low + size - 1
    head_first = order[low] == point
    tail = order[high] if head_first else order[low]
    before, after = _at(tour, low - 1), _at(tour, high + 1)
    freed = _move_s(tour, before, order[low]) + _move_s(tour, order[high], after) - _move_s(tour, before, after)
    for other in tour.near[point]:
        saved = freed - _move_s(tour, point, other)
        if saved <= _LEAST_SAVING_S:
            break
        j = tour.place[other]
        if low <= j <= high or max(low - j, j - high) > tour.longest_shift:
            continue
        for side in (1, -1):
            beyond = _beyond(tour, j, side, low, high)
            gain = saved + _move_s(tour, other, beyond) - _move_s(tour, tail, beyond)
            if gain > _LEAST_SAVING_S:
                _shift(tour, low, high, j if side == 1 else j - 1, head_first == (side == 1))
                touched[0], touched[1], touched[2], touched[3], touched[4] = before, after, other, beyond, tail
                return True
    return False


@njit(cache=True)
def _beyond(tour: Tour, j: int, side: int, low: int, high: int) -> int:
    """The point beside position j, on that side, once positions low to high are taken out."""
    if side == 1:
        return _at(tour, high + 1 if j + 1 == low else j + 1)
    return _at(tour, low - 1 if j - 1 == high else j - 1)


@njit(cache=True)
def _shift(tour: Tour, low: int, high: int, left: int, forward: bool) -> None:
    """Move positions low to high to just after position `left`, turned round unless forward."""
    order, place, size = tour.order, tour.place, high - low + 1
    segment = order[low : high + 1].copy()
    if left == high:
        left = low - 1
    if left < low:
        for u in range(low - 1, left, -1):
            order[u + size] = order[u]
            place[order[u]] = u + size
        base = left + 1
    else:
        for u in range(high + 1, left + 1):
            order[u - size] = order[u]
            place[order[u]] = u - size
        base = left - size + 1
    for u in range(size):
        moved = segment[u] if forward else segment[size - 1 - u]
        order[base + u] = moved
        place[moved] = base + u
