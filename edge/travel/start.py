"""A first order of pieces, compiled: the cheapest legs first, wherever they are, until all pieces hang together."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge.motion.move_price import MovePrice, leg_s

_NEIGHBOURS = 6
"""Nearest ends that a leg may lead to in a round; those that are taken by then are looked past in the next one."""
_LEVEL = 1e-6
"""Added to a leg's price for each mm in y: among equal ones, those along rows come first, and full rows stay whole."""

Ends = NDArray[np.float64]
Indices = NDArray[np.int32]


def greedy_order(ends: Ends, nowhere: int, price: MovePrice) -> Indices:
    """The end at which each piece is entered, one after another: Bentley's greedy start (1992, ORSA J. Computing 4).

    Parameters
    ----------
    ends
        Of all pieces and the outside, as `Tour` has them, shape (2 n, 2).
    nowhere
        Ends from this one on are joined to none.

    Returns
    -------
    Shape (n,).
    """
    from scipy.spatial import cKDTree

    link = np.full(len(ends), -1, np.int32)
    is_point = (ends[0::2] == ends[1::2]).all(axis=1)
    is_point[-1] = False
    free = np.arange(nowhere, dtype=np.int32)
    while True:
        other_end = _terminals(link, free)
        if len(free) < 2 or (len(free) == 2 and other_end[free[0]] == free[1]):
            break
        # of a point that is in no leg, one end stands for both
        asked = free[~(is_point[free >> 1] & (free & 1 == 1) & (link[free ^ 1] < 0))]
        wanted = min(_NEIGHBOURS + 2, len(asked))
        _, found = cKDTree(ends[asked]).query(ends[asked], k=wanted)
        first, second = np.repeat(asked, wanted), asked[found.ravel()]
        is_leg = (first != second) & (other_end[first] != second)
        first, second = first[is_leg], second[is_leg]
        cheapest = np.argsort(_leg_prices(ends, first, second, price), kind="stable")
        _join(link, other_end, is_point, first, second, cheapest)
        free = free[link[free] < 0]
    if nowhere % 2 == 0 and len(free):
        link[nowhere], link[free[0]] = free[0], nowhere
    return _walk(link, len(ends) // 2)


@njit(cache=True, error_model="numpy")
def _leg_prices(ends: Ends, first: Indices, second: Indices, price: MovePrice) -> NDArray[np.float64]:
    cost = np.empty(first.size)
    for k in range(first.size):
        a, b = first[k], second[k]
        cost[k] = leg_s(price, ends[a, 0], ends[a, 1], ends[b, 0], ends[b, 1]) + _LEVEL * abs(ends[a, 1] - ends[b, 1])
    return cost


@njit(cache=True)
def _terminals(link: Indices, free: Indices) -> Indices:
    """For each free end, the free or nowhere end at the other side of the chain that it ends."""
    other_end = np.full(link.size, -1, np.int32)
    for end in free:
        far = end ^ 1
        while link[far] >= 0:
            far = link[far] ^ 1
        other_end[end] = far
        other_end[far] = end
    return other_end


@njit(cache=True)
def _join(
    link: Indices,
    other_end: Indices,
    is_point: NDArray[np.bool_],
    first: Indices,
    second: Indices,
    cheapest: NDArray[np.int64],
) -> None:
    """Make legs, cheapest first, where both ends are free and do not belong to one chain."""
    for k in cheapest:
        a, b = first[k], second[k]
        a = a ^ 1 if is_point[a >> 1] and link[a] >= 0 else a
        b = b ^ 1 if is_point[b >> 1] and link[b] >= 0 else b
        if link[a] >= 0 or link[b] >= 0 or other_end[a] == b:
            continue
        link[a], link[b] = b, a
        far_a, far_b = other_end[a], other_end[b]
        other_end[far_a], other_end[far_b] = far_b, far_a


@njit(cache=True)
def _walk(link: Indices, n: int) -> Indices:
    """Follow the one chain from an end that is joined to none."""
    end = 2 * n - 1
    order = np.empty(n, np.int32)
    for k in range(n):
        order[k] = end
        end = link[end ^ 1]
    return order
