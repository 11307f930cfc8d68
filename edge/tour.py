"""The compiled local search over tours of pieces: 2-opt and Or-opt with neighbour lists and a work queue.

A piece has two ends; it is entered at one and left at the other, and a point's ends coincide. End 2 p and end 2 p + 1
belong to piece p. The last piece stands for what lies outside the tour: its even end is where the stage stands
beforehand, its odd end is nowhere, and with it the way is a closed one, of which either side of an exchange may be
turned round, whichever is shorter.

A step of the search looks at one piece and its nearest neighbours, makes the first exchange that saves time, and puts
the pieces whose surroundings changed back on the queue; it ends when no piece has a saving exchange left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge.move_price import MovePrice, leg_s

_LEAST_SAVING_S = 1e-10
_LONGEST_SEGMENT = 3


class Tour(NamedTuple):
    """A closed way through all pieces and the outside, with what it takes to price and change it."""

    ends: NDArray[np.float64]
    """Where the stage rests before and after each, (x, y) in mm, shape (2 n, 2), n pieces with the outside."""
    is_point: NDArray[np.bool_]
    """Whether a piece's ends coincide, shape (n,)."""
    near: NDArray[np.int32]
    """Nearest ends of other pieces to each end, nearest first, shape (2 n, k); of a point the even one alone."""
    nowhere: int
    """Ends from this one on cost nothing to go to."""
    order: NDArray[np.int32]
    """The end at which each piece in turn is entered, shape (n,); changed by the search."""
    place: NDArray[np.int32]
    """Where in the order each piece is."""
    price: MovePrice
    longest_shift: int
    """Positions that one exchange may move at the most."""


@njit(cache=True, error_model="numpy")
def improve(tour: Tour) -> int:
    """Shorten a tour in place; returns the number of exchanges made."""
    n = tour.order.size
    queue = tour.order >> 1
    queued = np.ones(n, np.bool_)
    first, waiting = 0, n
    touched = np.empty(6, np.int64)
    exchanges = 0
    while waiting > 0:
        piece = queue[first]
        first = (first + 1) % n
        waiting -= 1
        queued[piece] = False
        while _exchange(tour, piece, touched):
            exchanges += 1
            for end in touched:
                other = end >> 1
                if not queued[other]:
                    queued[other] = True
                    queue[(first + waiting) % n] = other
                    waiting += 1
    return exchanges


@njit(cache=True, error_model="numpy")
def _exchange(tour: Tour, piece: int, touched: NDArray[np.int64]) -> bool:
    for end in (2 * piece, 2 * piece + 1):
        if end < tour.nowhere and (_two_opt(tour, end, touched) or _or_opt(tour, end, touched)):
            return True
    return False


@njit(cache=True, error_model="numpy")
def _cost_s(tour: Tour, a: int, b: int) -> float:
    if a >= tour.nowhere or b >= tour.nowhere:
        return 0.0
    return leg_s(tour.price, tour.ends[a, 0], tour.ends[a, 1], tour.ends[b, 0], tour.ends[b, 1])


@njit(cache=True, error_model="numpy")
def _across(tour: Tour, end: int) -> int:
    """The end that a leg joins to this one."""
    order = tour.order
    i = tour.place[end >> 1]
    if order[i] == end:
        return order[i - 1 if i > 0 else order.size - 1] ^ 1
    return order[i + 1 if i + 1 < order.size else 0]


@njit(cache=True, error_model="numpy")
def _two_opt(tour: Tour, end: int, touched: NDArray[np.int64]) -> bool:
    """Join an end to a near one by turning round the stretch between them."""
    order, place = tour.order, tour.place
    i = place[end >> 1]
    is_entry = order[i] == end
    beside = _across(tour, end)
    now = _cost_s(tour, end, beside)
    for k in range(tour.near.shape[1]):
        other = np.int64(tour.near[end, k])
        gain = now - _cost_s(tour, end, other)
        if gain <= _LEAST_SAVING_S:
            return False
        j = place[other >> 1]
        if j == i:
            continue
        if (order[j] == other) != is_entry:
            if not tour.is_point[other >> 1]:
                continue
            other ^= 1
        beyond = _across(tour, other)
        gain += _cost_s(tour, other, beyond) - _cost_s(tour, beside, beyond)
        if gain > _LEAST_SAVING_S:
            low, high = (i, j - 1) if is_entry else (i + 1, j)
            if _turn_shorter(tour, low, high):
                touched[0], touched[1], touched[2] = end, beside, other
                touched[3], touched[4], touched[5] = beyond, beyond, beyond
                return True
    return False


@njit(cache=True, error_model="numpy")
def _turn_shorter(tour: Tour, low: int, high: int) -> bool:
    """Turn round positions low to high, or all others, unless both are too many."""
    n = tour.order.size
    count = (high - low) % n + 1
    if 2 * count > n:
        low, count = high + 1, n - count
    if count > tour.longest_shift:
        return False
    _turn(tour, low % n, count)
    return True


@njit(cache=True, error_model="numpy")
def _turn(tour: Tour, low: int, count: int) -> None:
    """Turn round so many positions from one on, past the end of the array to its beginning."""
    order, place = tour.order, tour.place
    n = order.size
    high = low + count - 1
    if high >= n:
        high -= n
    for _ in range((count + 1) // 2):
        a, b = order[low] ^ 1, order[high] ^ 1
        order[low], order[high] = b, a
        place[b >> 1], place[a >> 1] = low, high
        low = low + 1 if low + 1 < n else 0
        high = high - 1 if high > 0 else n - 1


@njit(cache=True, error_model="numpy")
def _or_opt(tour: Tour, end: int, touched: NDArray[np.int64]) -> bool:
    """Move a stretch of up to three pieces, of which this is an outer end, to lie beside a near end."""
    order, n = tour.order, tour.order.size
    i = tour.place[end >> 1]
    is_entry = order[i] == end
    beside = _across(tour, end)
    before_s = _cost_s(tour, end, beside)
    for size in range(1, min(_LONGEST_SEGMENT, n - 2) + 1):
        if is_entry:
            low = i
            tail = order[(i + size - 1) % n] ^ 1
        else:
            low = (i - size + 1) % n
            tail = order[low]
        beyond_tail = _across(tour, tail)
        freed = before_s + _cost_s(tour, tail, beyond_tail) - _cost_s(tour, beside, beyond_tail)
        for k in range(tour.near.shape[1]):
            other = np.int64(tour.near[end, k])
            saved = freed - _cost_s(tour, end, other)
            if saved <= _LEAST_SAVING_S:
                break
            if (tour.place[other >> 1] - low) % n < size:
                continue
            for side in range(2 if tour.is_point[other >> 1] else 1):
                target = other ^ side
                if target in (beside, beyond_tail):
                    continue
                beyond = _across(tour, target)
                gain = saved + _cost_s(tour, target, beyond) - _cost_s(tour, tail, beyond)
                if gain > _LEAST_SAVING_S and _move(tour, low, size, end, target):
                    touched[0], touched[1], touched[2] = end, beside, tail
                    touched[3], touched[4], touched[5] = beyond_tail, target, beyond
                    return True
    return False


@njit(cache=True, error_model="numpy")
def _move(tour: Tour, low: int, size: int, end: int, target: int) -> bool:
    """Move `size` positions from `low` on into the leg at `target`, `end` to it, unless that is too far."""
    order, n = tour.order, tour.order.size
    j = tour.place[target >> 1]
    left = j if order[j] != target else (j - 1) % n
    ahead = (left - low - size + 1) % n
    behind = n - size - ahead
    if min(ahead, behind) > tour.longest_shift:
        return False
    if ahead <= behind:
        _turn(tour, low, ahead + size)
        _turn(tour, low, ahead)
        low = (low + ahead) % n
    else:
        first = (left + 1) % n
        _turn(tour, first, behind + size)
        _turn(tour, (first + size) % n, behind)
        low = first
    if _across(tour, end) != target:
        _turn(tour, low, size)
    return True


@njit(cache=True, error_model="numpy")
def way_s(tour: Tour) -> float:
    """Time of all legs."""
    total = 0.0
    for i in range(tour.order.size):
        total += _cost_s(tour, tour.order[i - 1] ^ 1, tour.order[i])
    return total


@njit(cache=True, error_model="numpy")
def direct(tour: Tour) -> None:
    """Enter each piece in the order at the end that is nearer to where the one before was left."""
    order = tour.order
    for i in range(order.size):
        tour.place[order[i] >> 1] = i
        left = order[i - 1] ^ 1
        if i + 1 < order.size and _cost_s(tour, left, order[i] ^ 1) < _cost_s(tour, left, order[i]):
            order[i] ^= 1
