"""Exchanges that make a tour of pieces shorter, compiled: 2-opt and Or-opt with neighbour lists.

A piece has two ends; it is entered at one and left at the other, and a point's ends coincide. End 2 p and end 2 p + 1
belong to piece p. The last piece stands for what lies outside the tour: its even end is where the stage stands
beforehand, its odd end is nowhere, and with it the way is a closed one, of which either side of an exchange may be
turned round, whichever is shorter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge.motion.move_price import MovePrice, leg_s

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
    least_saving_s: float
    """Less is not saved, but rounded: exchanges that undid each other would go on for ever."""
    turns: NDArray[np.int32]
    """First position and number of positions of what was turned round since a try began, shape (m, 2)."""
    turn_count: NDArray[np.int64]
    """How many rows of `turns` hold, shape (1,); below 0 while none are noted."""


@njit(cache=True, error_model="numpy")
def exchange(tour: Tour, piece: int, touched: NDArray[np.int64]) -> float:
    """Make one exchange at a piece; returns what it saves, 0 where none does.

    Ends whose surroundings it changed are left in `touched`, shape (6,).
    """
    if tour.turn_count[0] > tour.turns.shape[0] - 4:
        return 0.0
    for end in (2 * piece, 2 * piece + 1):
        if end >= tour.nowhere:
            continue
        gain = _two_opt(tour, end, touched)
        if gain == 0.0:
            gain = _or_opt(tour, end, touched)
        if gain > 0.0:
            return gain
    return 0.0


@njit(cache=True, error_model="numpy")
def cost_s(tour: Tour, a: int, b: int) -> float:
    """Time from rest at one end to rest at another; nothing to or from nowhere."""
    if a >= tour.nowhere or b >= tour.nowhere:
        return 0.0
    return leg_s(tour.price, tour.ends[a, 0], tour.ends[a, 1], tour.ends[b, 0], tour.ends[b, 1])


@njit(cache=True, error_model="numpy")
def _across(tour: Tour, end: int) -> int:
    """The end that a leg joins to this one."""
    order = tour.order
    i = tour.place[end >> 1]
    if order[i] == end:
        return int(order[i - 1 if i > 0 else order.size - 1]) ^ 1
    return int(order[i + 1 if i + 1 < order.size else 0])


@njit(cache=True, error_model="numpy")
def _two_opt(tour: Tour, end: int, touched: NDArray[np.int64]) -> float:
    """Join an end to a near one by turning round the stretch between them."""
    order, place = tour.order, tour.place
    i = place[end >> 1]
    is_entry = order[i] == end
    beside = _across(tour, end)
    now = cost_s(tour, end, beside)
    for k in range(tour.near.shape[1]):
        other = int(tour.near[end, k])
        gain = now - cost_s(tour, end, other)
        if gain <= tour.least_saving_s:
            return 0.0
        j = place[other >> 1]
        if j == i:
            continue
        if (order[j] == other) != is_entry:
            if not tour.is_point[other >> 1]:
                continue
            other ^= 1
        beyond = _across(tour, other)
        gain += cost_s(tour, other, beyond) - cost_s(tour, beside, beyond)
        if gain > tour.least_saving_s:
            low, high = (i, j - 1) if is_entry else (i + 1, j)
            if _turn_shorter(tour, low, high):
                touched[0], touched[1], touched[2] = end, beside, other
                touched[3], touched[4], touched[5] = beyond, beyond, beyond
                return gain
    return 0.0


@njit(cache=True, error_model="numpy")
def _turn_shorter(tour: Tour, low: int, high: int) -> bool:
    """Turn round positions low to high, or all others, unless both are too many."""
    n = tour.order.size
    count = (high - low) % n + 1
    if 2 * count > n:
        low, count = high + 1, n - count
    if count > tour.longest_shift:
        return False
    turn(tour, low % n, count)
    return True


@njit(cache=True, error_model="numpy")
def turn(tour: Tour, low: int, count: int) -> None:
    """Turn round so many positions from one on, past the end of the array to its beginning."""
    order, place = tour.order, tour.place
    n = order.size
    if tour.turn_count[0] >= 0:
        tour.turns[tour.turn_count[0], 0], tour.turns[tour.turn_count[0], 1] = low, count
        tour.turn_count[0] += 1
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
def _or_opt(tour: Tour, end: int, touched: NDArray[np.int64]) -> float:
    """Move a stretch of up to three pieces, of which this is an outer end, to lie beside a near end."""
    order, n = tour.order, tour.order.size
    i = tour.place[end >> 1]
    is_entry = order[i] == end
    beside = _across(tour, end)
    before_s = cost_s(tour, end, beside)
    for size in range(1, min(_LONGEST_SEGMENT, n - 2) + 1):
        if is_entry:
            low = i
            tail = order[(i + size - 1) % n] ^ 1
        else:
            low = (i - size + 1) % n
            tail = order[low]
        beyond_tail = _across(tour, tail)
        freed = before_s + cost_s(tour, tail, beyond_tail) - cost_s(tour, beside, beyond_tail)
        for k in range(tour.near.shape[1]):
            other = int(tour.near[end, k])
            saved = freed - cost_s(tour, end, other)
            if saved <= tour.least_saving_s:
                break
            if (tour.place[other >> 1] - low) % n < size:
                continue
            for side in range(2 if tour.is_point[other >> 1] else 1):
                target = other ^ side
                if target in (beside, beyond_tail):
                    continue
                beyond = _across(tour, target)
                gain = saved + cost_s(tour, target, beyond) - cost_s(tour, tail, beyond)
                if gain > tour.least_saving_s and _move(tour, low, size, end, target):
                    touched[0], touched[1], touched[2] = end, beside, tail
                    touched[3], touched[4], touched[5] = beyond_tail, target, beyond
                    return gain
    return 0.0


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
        turn(tour, low, ahead + size)
        turn(tour, low, ahead)
        low = (low + ahead) % n
    else:
        first = (left + 1) % n
        turn(tour, first, behind + size)
        turn(tour, (first + size) % n, behind)
        low = first
    if _across(tour, end) != target:
        turn(tour, low, size)
    return True
