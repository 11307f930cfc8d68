"""What no order of dwells and runs can beat: lower bounds of the time on the way between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.moves import rest_to_rest_s
from edge.motion.kinematics import StageModel

_NEIGHBOURS = 10
"""Ends nearest to each whose exact price counts; all others are taken to be as near as the last of these."""
_FEW = 500
"""Ends of which all pairs are priced."""
_STEP = 0.03
"""Of the tree, how much the first ascents would raise it by if fees changed nothing but what they are paid for."""
_SHRINK = 0.8
"""Of the step, after an ascent that did not raise the bound."""
_DEEPEST_FEE = 0.2
"""Of the time to a middling furthest neighbour: deeper negative fees make pairs that are not priced too cheap."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pieces that lie near to each other, and how near the others are at the least."""

    sites: NDArray[np.intp]
    """Site of each of a piece's two ends, shape (n, 2); the same one twice for a point."""
    capacity: Floats
    """Legs at each site of a closed way: 1 at a run's end, 2 at a point."""
    first: NDArray[np.intp]
    """Of each pair, a piece; shape (pairs,)."""
    second: NDArray[np.intp]
    cost_s: Floats
    """Between each end of the first and each of the second, shape (pairs, 2, 2)."""
    far_s: Floats
    """From each site to any that is in no pair with it: no less than this, shape (sites,)."""


def travel_bound_s(ends_mm: Floats, stage: StageModel, *, ascents: int = 0) -> float:
    """Lower bound of the time between pieces, in whatever order and direction: a spanning tree of least time.

    Whatever order the stage takes, its legs join all pieces: they are a spanning tree of the graph whose nodes are
    the pieces and whose edges cost what it takes from the one's nearest end to the other's. So the least tree costs no
    more. For that only pairs of near neighbours are priced. A pair that is not among them is no nearer than the
    furthest neighbour of either piece; it is replaced by two edges from the pieces to a node in between, each with
    that least price, which joins at every price at least as much as was joined before, so that the least tree can
    only become shorter.

    The tree is raised by fees (Held and Karp 1970): with a fee for every leg at each end, a way that has one leg at
    every end, two at a point, costs the same fees in all whatever its order, but for those of its two outer ends,
    whereas a tree changes until it has about as many legs everywhere.

    Parameters
    ----------
    ends_mm
        Where the stage rests before and after each piece, (x0, y0, x1, y1), shape (n, 4), or of points (x, y), shape
        (n, 2).
    stage
        Prices the moves, along any line.
    ascents
        How often fees are raised; 0: the least spanning tree itself.
    """
    ends = np.asarray(ends_mm, np.float64)
    if ends.shape[1] == 2:
        ends = np.hstack([ends, ends])
    if len(ends) < 2:
        return 0.0
    pairs = _near_pairs(ends, stage)
    known_s = np.where(np.isfinite(pairs.far_s), pairs.far_s, pairs.cost_s.max())
    deepest_s = _DEEPEST_FEE * float(np.median(known_s))
    fees, step, best_s = np.zeros(len(pairs.capacity)), _STEP, -math.inf
    for _ in range(ascents + 1):
        bound_s, legs = _tree(pairs, fees)
        step *= 1.0 if bound_s > best_s else _SHRINK
        best_s = max(best_s, bound_s)
        surplus = legs - pairs.capacity
        steepness = float(surplus @ surplus)
        if steepness == 0:
            break
        fees = np.maximum(fees + step * best_s / steepness * surplus, -deepest_s)
    return best_s


def _near_pairs(ends: Floats, stage: StageModel) -> _Pairs:
    from scipy.spatial import cKDTree

    n = len(ends)
    is_point = (ends[:, 0:2] == ends[:, 2:4]).all(axis=1)
    site_count = 2 * n - int(is_point.sum())
    first_site = np.concatenate([[0], np.cumsum(2 - is_point)[:-1]])
    sites = np.column_stack([first_site, first_site + 1 - is_point])
    places = np.empty((site_count, 2))
    places[sites[:, 0]], places[sites[:, 1]] = ends[:, 0:2], ends[:, 2:4]
    owner = np.empty(site_count, np.intp)
    owner[sites[:, 0]] = owner[sites[:, 1]] = np.arange(n)
    wanted = site_count if site_count <= _FEW else _NEIGHBOURS + 2
    distance, found = cKDTree(places).query(places, k=wanted)
    far_s = np.full(site_count, math.inf) if wanted == site_count else _least_s(distance[:, -1], stage)
    a, b = np.repeat(owner, wanted), owner[found.ravel()]
    keys = np.unique((np.minimum(a, b) * n + np.maximum(a, b))[a != b])
    first, second = keys // n, keys % n
    step = places[sites[second]][:, None, :, :] - places[sites[first]][:, :, None, :]
    cost_s = stage.step_s(step.reshape(-1, 2)).reshape(-1, 2, 2)
    capacity = np.ones(site_count)
    capacity[sites[is_point, 0]] = 2
    return _Pairs(sites, capacity, first, second, cost_s, far_s)


def _least_s(length_mm: Floats, stage: StageModel) -> Floats:
    """Time over a distance along the fastest line that there might be."""
    speed, acceleration = stage.axis_speeds_mm_s, stage.axis_accelerations_mm_s2
    return rest_to_rest_s(
        length_mm,
        stage.speed_mm_s if speed is None else math.hypot(*speed),
        stage.acceleration_mm_s2 if acceleration is None else math.hypot(*acceleration),
        stage.jerk_mm_s3 if acceleration is None else math.sqrt(2) * stage.jerk_mm_s3,
    )


def _tree(pairs: _Pairs, fees: Floats) -> tuple[float, Floats]:
    """The bound with fees, and the legs that the least tree has at each site."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    n, least_fee = len(pairs.sites), float(fees.min())
    with_fees = (
        pairs.cost_s + fees[pairs.sites[pairs.first]][:, :, None] + fees[pairs.sites[pairs.second]][:, None, :]
    ).reshape(-1, 4)
    which = with_fees.argmin(axis=1)
    near_s = with_fees[np.arange(len(which)), which]
    far_s = (pairs.far_s + fees)[pairs.sites].min(axis=1) + least_fee
    is_far = np.isfinite(far_s)
    # shifted, since an edge that costs nothing is none for scipy
    shift = 1.0 - min(float(near_s.min(initial=math.inf)), float(far_s[is_far].min(initial=math.inf)))
    middle = np.flatnonzero(is_far)
    size = n + 1 if len(middle) else n
    weights = np.concatenate([near_s, far_s[middle]]) + shift
    rows, columns = np.concatenate([pairs.first, middle]), np.concatenate([pairs.second, np.full(len(middle), n)])
    pair = np.arange(len(rows))
    tree = minimum_spanning_tree(coo_matrix((weights, (rows, columns)), shape=(size, size))).tocoo()
    total_s = float(tree.data.sum()) - shift * (size - 1)
    if len(middle):
        total_s -= float(far_s.min())
    place = np.searchsorted(rows[: len(near_s)] * np.intp(n) + columns[: len(near_s)], tree.row * np.intp(n) + tree.col)
    legs = np.zeros(len(fees))
    is_near = tree.col < n
    pair = place[is_near]
    np.add.at(legs, pairs.sites[pairs.first[pair], which[pair] // 2], 1.0)
    np.add.at(legs, pairs.sites[pairs.second[pair], which[pair] % 2], 1.0)
    np.add.at(legs, pairs.sites[tree.row[~is_near], 0], 1.0)
    return total_s - float(pairs.capacity @ fees) + 2 * least_fee, legs
