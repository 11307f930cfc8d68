"""In which order to visit points and runs so that the stage travels for the least time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.moves import ramp_up_s
from edge.kinematics import StageModel
from firmware_bridge.messages import StagePose

if TYPE_CHECKING:
    from edge.move_price import MovePrice
    from edge.tour import Tour

_NEIGHBOURS = 8
"""Nearest ends that a better successor is looked for among."""
_SPACINGS_PER_BAND = 3.0
"""Bands whose squared height is this many squared mean spacings make the shortest boustrophedon over random points."""
_LONGEST_SHIFT = 50_000
"""Positions that one exchange may move at the most; bounds the time for very large plans."""
_ROW_START_LIMIT = 200_000
"""Above this many points the long way round from a row-by-row start no longer pays."""

Floats = NDArray[np.float64]
Order = NDArray[np.intp]


def order_points(
    points_mm: Floats,
    stage: StageModel,
    *,
    start: StagePose | None = None,
    barriers: Floats | None = None,
    crossing_s: float = 0.0,
) -> Order:
    """Order of visit with little travel time: `order_pieces` of points alone.

    Parameters
    ----------
    points_mm
        Shape (n, 2), as (x, y); points may coincide.
    stage, start, barriers, crossing_s
        As of `order_pieces`.

    Returns
    -------
    NDArray[np.intp]
        Permutation of 0 to n - 1; the same points give the same order.
    """
    points = np.asarray(points_mm, np.float64).reshape(-1, 2)
    return order_pieces(np.hstack([points, points]), stage, start=start, barriers=barriers, crossing_s=crossing_s)[0]


def order_pieces(
    pieces_mm: Floats,
    stage: StageModel,
    *,
    start: StagePose | None = None,
    speeds_mm_s: Floats | None = None,
    barriers: Floats | None = None,
    crossing_s: float = 0.0,
) -> tuple[Order, NDArray[np.bool_]]:
    """Order of dwells and runs, and the direction of each run, with little time on the way between them.

    Boustrophedon starts, over rows and over wider bands, are improved by 2-opt and Or-opt among near neighbours (Or
    1976; Bentley 1992, ORSA J. Computing 4) on the stage's move time, which unlike the distance favours a few long
    moves over many middling ones. The better outcome is returned; it is never slower than `serpentine`.

    Parameters
    ----------
    pieces_mm
        Where each begins and ends, (x0, y0, x1, y1), shape (n, 4); a point begins and ends in the same place.
    stage
        Prices the moves.
    start
        Where the stage stands beforehand; None leaves that open.
    speeds_mm_s
        At which runs are flown, shape (n,), of points 0: their ramps lie before and after them. None: the ramps are
        left out of account.
    barriers
        Straight lines (x0, y0, x1, y1), shape (m, 4): a way between two pieces that meets any takes longer.
    crossing_s
        By so much.

    Returns
    -------
    order : NDArray[np.intp]
        Permutation of 0 to n - 1; the same pieces give the same order.
    is_reversed : NDArray[np.bool_]
        Whether the piece in each place of the order is flown from its end to its beginning, shape (n,); False for
        points.
    """
    from edge.move_price import price_of
    from edge.tour import improve, way_s

    pieces = np.ascontiguousarray(pieces_mm, np.float64).reshape(-1, 4)
    n = len(pieces)
    if n == 0:
        return np.empty(0, np.intp), np.empty(0, np.bool_)
    ends = _rests(pieces, stage, speeds_mm_s)
    price = price_of(stage, barriers, crossing_s)
    middles = (pieces[:, 0:2] + pieces[:, 2:4]) / 2
    near = _near_ends(ends, start)
    rows = serpentine(middles)
    orders = [rows, _boustrophedon(middles)] if n <= _ROW_START_LIMIT else [_boustrophedon(middles)]
    tours = [_tour(ends, near, order, price, start) for order in orders]
    for tour in tours:
        improve(tour)
    tours.append(_tour(ends, near, rows, price, start))
    best = min(tours, key=way_s)
    place = int(best.place[-1])
    entered = np.roll(best.order, -place - 1)[:-1]
    if best.order[place] & 1 == 0:
        # the outside was entered where the stage stands, and left for nowhere: the way goes backwards
        entered = entered[::-1] ^ 1
    order = (entered >> 1).astype(np.intp)
    is_point = (pieces[:, 0:2] == pieces[:, 2:4]).all(axis=1)
    return order, (entered & 1 == 1) & ~is_point[order]


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


def _rests(pieces: Floats, stage: StageModel, speeds_mm_s: Floats | None) -> Floats:
    """Where the stage rests before and after each piece, (x, y), shape (2 n, 2).

    The way at constant speed before a run, in either direction, is shared out between both ends.
    """
    way = pieces[:, 2:4] - pieces[:, 0:2]
    length = np.hypot(way[:, 0], way[:, 1])
    reach = np.zeros(len(pieces))
    if speeds_mm_s is not None:
        _, acceleration, jerk = stage.along(way)
        speed = np.asarray(speeds_mm_s, np.float64)
        ramp_s = np.where(speed > 0, ramp_up_s(speed, acceleration, jerk), 0.0)
        reach = speed * (ramp_s + stage.lead_s) / 2 + stage.margin_mm
    share = np.divide(reach, length, out=np.zeros_like(length), where=length > 0)[:, None]
    return np.hstack([pieces[:, 0:2] - share * way, pieces[:, 2:4] + share * way]).reshape(-1, 2)


def _tour(ends: Floats, near: NDArray[np.int32], order: Order, price: MovePrice, start: StagePose | None) -> Tour:
    """The way through pieces in an order, each run from the end that is nearer to where the one before was left."""
    from edge.tour import Tour, direct

    n = len(ends) // 2
    outside = np.zeros((2, 2)) if start is None else np.tile([start.x_mm, start.y_mm], (2, 1))
    all_ends = np.vstack([ends, outside])
    entered = np.append(2 * order, 2 * n + 1).astype(np.int32)
    tour = Tour(
        ends=all_ends,
        is_point=(all_ends[0::2] == all_ends[1::2]).all(axis=1),
        near=near,
        nowhere=2 * n if start is None else 2 * n + 1,
        order=entered,
        place=np.empty(n + 1, np.int32),
        price=price,
        longest_shift=_LONGEST_SHIFT,
    )
    direct(tour)
    return tour


def _near_ends(ends: Floats, start: StagePose | None) -> NDArray[np.int32]:
    """The nearest ends of other pieces to each end and to the start, nearest first: shape (2 n + 2, k)."""
    from scipy.spatial import cKDTree

    n = len(ends) // 2
    is_point = (ends[0::2] == ends[1::2]).all(axis=1)
    kept = np.flatnonzero(~np.column_stack([np.zeros(n, np.bool_), is_point]))
    wanted = min(_NEIGHBOURS + 2, len(kept))
    home = np.zeros(2) if start is None else np.array([start.x_mm, start.y_mm])
    asked = np.vstack([ends[kept], home])
    _, found = cKDTree(ends[kept]).query(asked, k=wanted)
    found = kept[found.reshape(len(asked), wanted)]
    itself = found >> 1 == (np.append(kept, 2 * n) >> 1)[:, None]
    # a piece's own ends go to the end of the list, and where both are few, they are never better than what is there
    order = np.argsort(itself, axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)[:, :_NEIGHBOURS]
    near = np.empty((2 * n + 2, found.shape[1]), np.int32)
    near[kept] = found[:-1]
    near[2 * n : 2 * n + 2] = found[-1]
    odd = 2 * np.flatnonzero(is_point) + 1
    near[odd] = near[odd - 1]
    return near


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
