"""In which order to visit points and runs so that the stage travels for the least time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibration.moves import ramp_up_s
from edge.motion.kinematics import StageModel
from firmware_bridge.messages import StagePose

if TYPE_CHECKING:
    from edge.motion.move_price import MovePrice
    from edge.travel.tour import Tour

_NEIGHBOURS = 8
"""Nearest ends that a better successor is looked for among."""
_LONGEST_SHIFT = 50_000
"""Positions that one exchange may move at the most; bounds the time for very large plans."""
_LONGEST_SHIFT_OF_A_TRY = 1_000
_PIECES_PER_TRY = 6
"""One exchange by chance for so many pieces keeps 40,000 of them under a second."""
_FEW_TRIES = 1_000
"""Four for each piece, up to so many, where there are few."""
_MOST_TURNS = 1_000
"""In one try, at the most."""
_LEAST_SAVING_S = 1e-10
_ROUNDING = 1e-13
"""Of the longest way, what sums of a few ways are surely true to."""

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

    A greedy start, the cheapest legs first (Bentley 1992, ORSA J. Computing 4), is improved by 2-opt and Or-opt (Or
    1976) among near neighbours and by exchanges by chance (Martin, Otto and Felten 1991), all on the stage's move
    time, which unlike the distance favours a few long moves over many middling ones. Where going row by row takes no
    longer, that is improved instead: the way is never longer than `serpentine`'s.

    Parameters
    ----------
    pieces_mm
        Where each begins and ends, (x0, y0, x1, y1), shape (n, 4); a point begins and ends in the same place.
    stage
        Prices the moves.
    start
        Where the stage stands beforehand: the way from there to the first piece counts. None leaves that open.
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
    from edge.motion.move_price import price_of
    from edge.travel.search import improve, vary, way_s

    pieces = np.ascontiguousarray(pieces_mm, np.float64).reshape(-1, 4)
    n = len(pieces)
    if n == 0:
        return np.empty(0, np.intp), np.empty(0, np.bool_)
    rests = rests_mm(pieces, stage, speeds_mm_s)
    tour, rows = _greedy_and_rows(rests.reshape(-1, 2), price_of(stage, barriers, crossing_s), start)
    improve(tour)
    if way_s(rows) <= way_s(tour):
        improve(rows)
        tour = rows
    vary(tour._replace(longest_shift=_LONGEST_SHIFT_OF_A_TRY), max(n // _PIECES_PER_TRY, min(4 * n, _FEW_TRIES)))
    entered = _from_the_outside(tour)
    order = (entered >> 1).astype(np.intp)
    is_point = (pieces[:, 0:2] == pieces[:, 2:4]).all(axis=1)
    return order, (entered & 1 == 1) & ~is_point[order]


def rests_mm(pieces_mm: Floats, stage: StageModel, speeds_mm_s: Floats | None) -> Floats:
    """Where the stage rests before and after each piece, (x0, y0, x1, y1), shape (n, 4).

    The way at constant speed before a run, in either direction, is shared out between both ends.
    """
    way = pieces_mm[:, 2:4] - pieces_mm[:, 0:2]
    length = np.hypot(way[:, 0], way[:, 1])
    reach = np.zeros(len(pieces_mm))
    if speeds_mm_s is not None:
        _, acceleration, jerk = stage.along(way)
        speed = np.asarray(speeds_mm_s, np.float64)
        ramp_s = np.where(speed > 0, ramp_up_s(speed, acceleration, jerk), 0.0)
        reach = speed * (ramp_s + stage.lead_s) / 2 + stage.margin_mm
    share = np.divide(reach, length, out=np.zeros_like(length), where=length > 0)[:, None]
    return np.hstack([pieces_mm[:, 0:2] - share * way, pieces_mm[:, 2:4] + share * way])


def serpentine(points_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """Row by row, every other row backwards: what a scanner does without a planner."""
    points = np.asarray(points_mm, np.float64).reshape(-1, 2)
    _, row = np.unique(np.round(points[:, 1], 6), return_inverse=True)
    return _back_and_forth(points, row.ravel())


def travel_s(points_mm: NDArray[np.float64], order: NDArray[np.intp], stage: StageModel) -> float:
    """Time on the move along an order, from rest to rest at each point."""
    steps = np.diff(np.asarray(points_mm, np.float64)[order], axis=0)
    return float(stage.step_s(steps).sum())


def _greedy_and_rows(ends: Floats, price: MovePrice, start: StagePose | None) -> tuple[Tour, Tour]:
    """Two first ways through all pieces, given by their ends, (x, y), shape (2 n, 2)."""
    from edge.motion.move_price import leg_s
    from edge.travel.search import direct
    from edge.travel.start import greedy_order
    from edge.travel.tour import Tour

    n = len(ends) // 2
    home = [0.0, 0.0] if start is None else [start.x_mm, start.y_mm]
    all_ends = np.vstack([ends, home, home])
    is_point = (all_ends[0::2] == all_ends[1::2]).all(axis=1)
    is_point[n] = False
    nowhere = 2 * n if start is None else 2 * n + 1
    cheapest = greedy_order(all_ends, nowhere, price)
    rows = np.append(2 * serpentine((ends[0::2] + ends[1::2]) / 2), 2 * n + 1).astype(np.int32)
    tour = Tour(
        ends=all_ends,
        is_point=is_point,
        near=_near_ends(all_ends, is_point),
        nowhere=nowhere,
        order=cheapest,
        place=np.argsort(cheapest >> 1).astype(np.int32),
        price=price,
        longest_shift=_LONGEST_SHIFT,
        least_saving_s=max(_LEAST_SAVING_S, _ROUNDING * leg_s(price, *all_ends.min(axis=0), *all_ends.max(axis=0))),
        turns=np.empty((_MOST_TURNS, 2), np.int32),
        turn_count=np.zeros(1, np.int64),
    )
    row_tour = tour._replace(order=rows, place=np.empty_like(rows))
    direct(row_tour)
    return tour, row_tour


def _from_the_outside(tour: Tour) -> NDArray[np.int32]:
    """The end at which each piece is entered on the way from where the stage stands, shape (n,)."""
    outside = int(tour.place[-1])
    entered = np.roll(tour.order, -outside - 1)[:-1]
    # entered where the stage stands and left for nowhere, it has the way's end before it: the way goes backwards
    return np.asarray(entered if tour.order[outside] & 1 else entered[::-1] ^ 1)


def _near_ends(ends: Floats, is_point: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The nearest ends of other pieces to each end, nearest first, shape (2 n, k); the last piece is nobody's."""
    from scipy.spatial import cKDTree

    asked = np.flatnonzero(~np.column_stack([np.zeros_like(is_point), is_point]))
    kept = asked[:-2]
    wanted = min(_NEIGHBOURS + 2, len(kept))
    _, found = cKDTree(ends[kept]).query(ends[asked], k=wanted)
    found = kept[found.reshape(len(asked), wanted)]
    # a piece's own ends go to the end of the list; the search passes them over where they stay
    order = np.argsort(found >> 1 == asked[:, None] >> 1, axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)[:, :_NEIGHBOURS]
    near = np.empty((len(ends), found.shape[1]), np.int32)
    near[asked] = found
    odd = 2 * np.flatnonzero(is_point) + 1
    near[odd] = near[odd - 1]
    return near


def _back_and_forth(points: NDArray[np.float64], band: NDArray[np.intp]) -> NDArray[np.intp]:
    along = np.where(band % 2 == 0, points[:, 0], -points[:, 0])
    # the last key decides first: band, then place along it, then y for points in one column
    return np.lexsort((points[:, 1], along, band)).astype(np.intp)
