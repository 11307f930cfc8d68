"""The compiled search for a shorter tour: exchanges as long as they save time, then chance.

A step looks at one piece and its nearest neighbours, makes the first exchange that saves time, and puts the pieces
whose surroundings changed back on the queue; it ends when no piece has a saving exchange left. Then short stretches
are exchanged by chance, one after another along the whole way, and what that brings is kept where it saves time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge.travel.tour import Tour, cost_s, exchange, turn

_LONGEST_STRETCH = 30
"""Pieces in each of two stretches that are exchanged by chance."""


class Queue(NamedTuple):
    """Pieces to be looked at, first come, first served, each at most once."""

    pieces: NDArray[np.int32]
    """Ring of shape (n,)."""
    holds: NDArray[np.bool_]
    """Whether a piece is in it, shape (n,)."""
    span: NDArray[np.int64]
    """Where in the ring the first one is, and how many there are."""


@njit(cache=True, error_model="numpy")
def improve(tour: Tour) -> None:
    """Shorten a tour in place until no exchange does."""
    n = tour.order.size
    queue = Queue(tour.order >> 1, np.ones(n, np.bool_), np.array([0, n]))
    tour.turn_count[0] = -1
    _settle(tour, queue)


@njit(cache=True, error_model="numpy")
def vary(tour: Tour, tries: int) -> None:
    """Exchange two neighbouring stretches, settle, and take that back unless the tour is shorter; so many times.

    Their lengths are chosen by chance, the same in each run: the double bridge of Martin, Otto and Felten (1991),
    between places that are near to each other.
    """
    n = tour.order.size
    queue = Queue(np.empty(n, np.int32), np.zeros(n, np.bool_), np.zeros(2, np.int64))
    longest = min(_LONGEST_STRETCH, (n - 2) // 2)
    if longest < 1:
        return
    state = np.uint64(88172645463325252)
    for k in range(tries):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
        chance = np.int64(state >> np.uint64(1))
        low = k * n // tries
        first = 1 + int(chance % longest)
        chance //= longest
        second = 1 + int(chance % longest)
        tour.turn_count[0] = 0
        lost = _swap(tour, low, first, second, queue)
        saved = _settle(tour, queue)
        if saved <= lost + tour.least_saving_s:
            noted = tour.turn_count[0]
            tour.turn_count[0] = -1
            for m in range(noted - 1, -1, -1):
                turn(tour, tour.turns[m, 0], tour.turns[m, 1])


@njit(cache=True, error_model="numpy")
def _swap(tour: Tour, low: int, first: int, second: int, queue: Queue) -> float:
    """Exchange the `first` positions from `low` on with the `second` after them; returns the time that this costs."""
    order, n = tour.order, tour.order.size
    a, b, c = low, (low + first) % n, (low + first + second) % n
    now = _leg_before(tour, a) + _leg_before(tour, b) + _leg_before(tour, c)
    for i in (a, b, c):
        _enqueue(queue, order[i] >> 1)
        _enqueue(queue, order[i - 1] >> 1)
    turn(tour, low, first + second)
    turn(tour, low, second)
    turn(tour, (low + second) % n, first)
    b = (low + second) % n
    return _leg_before(tour, a) + _leg_before(tour, b) + _leg_before(tour, c) - now


@njit(cache=True, error_model="numpy")
def _leg_before(tour: Tour, i: int) -> float:
    return cost_s(tour, tour.order[i - 1] ^ 1, tour.order[i])


@njit(cache=True, error_model="numpy")
def _enqueue(queue: Queue, piece: int) -> None:
    if not queue.holds[piece]:
        queue.holds[piece] = True
        n = queue.pieces.size
        queue.span[1] += 1
        queue.pieces[(queue.span[0] + queue.span[1] - 1) % n] = piece


@njit(cache=True, error_model="numpy")
def _settle(tour: Tour, queue: Queue) -> float:
    """Make exchanges until the queue is empty; returns the time that they save."""
    touched = np.empty(6, np.int64)
    saved = 0.0
    n = tour.order.size
    while queue.span[1] > 0:
        piece = int(queue.pieces[queue.span[0]])
        queue.span[0] = queue.span[0] + 1 if queue.span[0] + 1 < n else 0
        queue.span[1] -= 1
        queue.holds[piece] = False
        while True:
            gain = exchange(tour, piece, touched)
            if gain <= 0.0:
                break
            saved += gain
            for end in touched:
                _enqueue(queue, int(end) >> 1)
    return saved


@njit(cache=True, error_model="numpy")
def way_s(tour: Tour) -> float:
    """Time of all legs."""
    total = 0.0
    for i in range(tour.order.size):
        total += cost_s(tour, tour.order[i - 1] ^ 1, tour.order[i])
    return total


@njit(cache=True, error_model="numpy")
def direct(tour: Tour) -> None:
    """Enter each piece in the order at the end that is nearer to where the one before was left."""
    order = tour.order
    for i in range(order.size):
        tour.place[order[i] >> 1] = i
        left = order[i - 1] ^ 1
        if i + 1 < order.size and cost_s(tour, left, order[i] ^ 1) < cost_s(tour, left, order[i]):
            order[i] ^= 1
