"""In which order to visit points so that the stage travels for the least time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.kinematics import StageModel

_NEIGHBOURS = 8
"""Nearest points that a better successor is looked for among."""
_SPACINGS_PER_BAND = 3.0
"""Bands whose squared height is this many squared mean spacings make the shortest boustrophedon over random points."""
_LONGEST_SHIFT = 50_000
"""Positions that one exchange may move at the most; bounds the time for very large plans."""
_ROW_START_LIMIT = 200_000
"""Above this many points the long way round from a row-by-row start no longer pays."""


def order_points(points_mm: NDArray[np.float64], stage: StageModel) -> NDArray[np.intp]:
    """Order of visit with little travel time, both ends free.

    Boustrophedon starts, over rows and over wider bands, are improved by 2-opt and Or-opt among near neighbours (Or
    1976; Bentley 1992, ORSA J. Computing 4) on the stage's move time, which unlike the distance favours a few long
    moves over many middling ones. The better outcome is returned; it is never slower than `serpentine`.

    Parameters
    ----------
    points_mm
        Shape (n, 2), as (x, y); points may coincide.
    stage
        Prices the moves.

    Returns
    -------
    NDArray[np.intp]
        Permutation of 0 to n - 1; the same points give the same order.
    """
    points = np.ascontiguousarray(points_mm, np.float64).reshape(-1, 2)
    if len(points) < 3:
        return np.arange(len(points), dtype=np.intp)
    rows = serpentine(points)
    bands = _boustrophedon(points)
    starts = [rows, bands] if len(points) <= _ROW_START_LIMIT else [bands]
    near = _near_neighbours(points)
    tried = [_improved(points, start, near, stage) for start in starts]
    return min([*tried, rows], key=lambda order: travel_s(points, order, stage))


def serpentine(points_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """Row by row, every other row backwards: what a scanner does without a planner."""
    points = np.asarray(points_mm, np.float64).reshape(-1, 2)
    _, row = np.unique(np.round(points[:, 1], 6), return_inverse=True)
    return _back_and_forth(points, row.ravel())


def travel_s(points_mm: NDArray[np.float64], order: NDArray[np.intp], stage: StageModel) -> float:
    """Time on the move along an order, from rest to rest at each point."""
    steps = np.diff(np.asarray(points_mm, np.float64)[order], axis=0)
    return float(stage.move_s(np.hypot(steps[:, 0], steps[:, 1])).sum())


def travel_bound_s(points_mm: NDArray[np.float64], stage: StageModel) -> float:
    """Lower bound of `travel_s` over all orders: the spanning tree of least move time.

    A path is a spanning tree, and move time grows with distance, so the Euclidean tree is the one; it lies within
    the Delaunay triangulation.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial import Delaunay, QhullError

    points = np.unique(np.asarray(points_mm, np.float64).reshape(-1, 2), axis=0)
    if len(points) < 2:
        return 0.0
    try:
        corners = Delaunay(points).simplices
        edges = np.vstack([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    except (QhullError, ValueError):
        # all on one line, sorted by np.unique along it: the tree joins neighbours
        edges = np.column_stack([np.arange(len(points) - 1), np.arange(1, len(points))])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    step = points[edges[:, 0]] - points[edges[:, 1]]
    cost = stage.move_s(np.hypot(step[:, 0], step[:, 1]))
    graph = coo_matrix((cost, (edges[:, 0], edges[:, 1])), shape=(len(points), len(points)))
    return float(minimum_spanning_tree(graph).sum())


def _improved(
    points: NDArray[np.float64], start: NDArray[np.intp], near: NDArray[np.int64], stage: StageModel
) -> NDArray[np.intp]:
    from edge.tour import Tour, improve

    order = start.astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    longest_shift = min(_LONGEST_SHIFT, len(order))
    improve(Tour(points, near, order, place, stage.speed_mm_s, stage.acceleration_mm_s2, longest_shift))
    return order.astype(np.intp)


def _near_neighbours(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the nearest other points, nearest first, shape (n, at most 8)."""
    from scipy.spatial import cKDTree

    wanted = min(_NEIGHBOURS + 1, len(points))
    _, near = cKDTree(points).query(points, k=wanted)
    # where points coincide a point need not be its own nearest: take it out wherever it is, or else the last one
    itself = near == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return np.ascontiguousarray(near[~itself].reshape(len(points), wanted - 1), np.int64)


def _boustrophedon(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Back and forth over bands as high as suits the points' mean spacing."""
    width, height = (float(extent) for extent in np.ptp(points, axis=0))
    if height == 0:
        return _back_and_forth(points, np.zeros(len(points), np.intp))
    squared_bands = len(points) * height / (_SPACINGS_PER_BAND * width) if width > 0 else math.inf
    bands = max(1, round(math.sqrt(min(squared_bands, len(points) ** 2))))
    share = (points[:, 1] - points[:, 1].min()) / height
    return _back_and_forth(points, np.minimum(share * bands, bands - 1).astype(np.intp))


def _back_and_forth(points: NDArray[np.float64], band: NDArray[np.intp]) -> NDArray[np.intp]:
    along = np.where(band % 2 == 0, points[:, 0], -points[:, 0])
    # the last key decides first: band, then place along it, then y for points in one column
    return np.lexsort((points[:, 1], along, band)).astype(np.intp)
