"""A stroke as lines: run-up, the way with the beam in pieces, run-out.

A board whose host has gone completes what it holds. The way with the beam is cut so finely that everything which the
board can hold at once takes less than 0.5 s, braking included.

In laser mode the power may change from block to block without a stop. Where a spectrometer's trigger follows it, the
cells of a row take turns between full and dimmed power, full in the last one: the level crosses a comparator between
the two at every boundary of cells and at the end, and at the start too where the number of cells is odd.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import LimitExceeded, SettingRefused
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.configuration import GrblConfiguration
from firmware_bridge.grbl.queue import Order
from firmware_bridge.messages import StagePose

BEAM_ON_LIMIT_S: Final = 0.5
"""Longest motion with the beam that the board may hold."""
_RESERVE: Final = 0.9
"""Share of the limit that is used, for boards that keep time badly."""
_UNANSWERED: Final = 2
"""Lines with beam that may be unanswered, on top of what the planner holds."""
_REFILL_S: Final = 0.06
"""Time that the planner's queue must outlast braking by, so that a late line doesn't slow the stroke."""
_RUN_UP_SHARE: Final = 1.25
_RUN_UP_EXTRA_MM: Final = 0.2
_PREPARED_S: Final = 0.06
"""Motion that the firmware has prepared and changes no more; it begins the run-up before the rest has come."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A stroke ready to be sent."""

    begin: StagePose
    """Where the run-up begins, at rest."""
    finish: StagePose
    """Where the run-out ends, at rest."""
    orders: tuple[Order, ...]
    """From rest to rest; the last is answered when the stage rests."""
    start: StagePose
    end: StagePose
    speed_mm_s: float
    with_beam: bool
    """Whether the beam is on from start to end, and only there."""

    @property
    def expected_s(self) -> float:
        """Time that it takes at its speed; ramps add a little."""
        return math.dist((self.begin.x_mm, self.begin.y_mm), (self.finish.x_mm, self.finish.y_mm)) / self.speed_mm_s


def plan_stroke(
    board: GrblConfiguration,
    start: StagePose,
    end: StagePose,
    speed_mm_s: float,
    *,
    with_beam: bool,
    cells: int = 1,
    lead_s: float = 0.0,
) -> Stroke:
    """Lines of a stroke at constant speed, from at least ``lead_s`` before the start.

    Raises
    ------
    LimitExceeded
        It is faster than the stage, or than the board can be fed within the limit on motion with the beam.
    SettingRefused
        The beam is asked for, and its output would not drop by itself.
    ValueError
        The stroke has no length, no speed or no cells.
    """
    dx_mm, dy_mm = end.x_mm - start.x_mm, end.y_mm - start.y_mm
    length_mm = math.hypot(dx_mm, dy_mm)
    if not (length_mm > 0.0 and 0.0 < speed_mm_s < math.inf):
        raise ValueError(f"a stroke of {length_mm} mm at {speed_mm_s} mm/s: give both a length and a speed")
    if cells < 1 or not 0.0 <= lead_s < math.inf:
        raise ValueError(f"a stroke of {cells} cells after {lead_s} s: give at least one, and a lead of 0 or more")
    fastest_mm_s, rate = board.along(dx_mm, dy_mm)
    if speed_mm_s > fastest_mm_s * (1 + 1e-9):
        raise LimitExceeded(
            f"a stroke at {speed_mm_s:g} mm/s is faster than the stage ({fastest_mm_s:g} mm/s): lower the speed"
        )
    run_up_mm = speed_mm_s**2 / (2 * rate) * _RUN_UP_SHARE + _RUN_UP_EXTRA_MM
    lead_mm = run_up_mm + speed_mm_s * max(lead_s, _PREPARED_S)
    begin = _beyond(start, -dx_mm / length_mm * lead_mm, -dy_mm / length_mm * lead_mm)
    finish = _beyond(end, dx_mm / length_mm * run_up_mm, dy_mm / length_mm * run_up_mm)
    if not with_beam:
        drive = Order(c.stroke_line(*board.to_machine(finish), speed_mm_s))
        orders = [drive, Order(c.SYNCHRONISE)]
        return Stroke(begin, finish, tuple(orders), start, end, speed_mm_s, with_beam)
    if not board.has_laser_mode:
        raise SettingRefused("strokes with the beam need an output that drops by itself: set $32=1 (laser mode)")
    orders = [Order(c.LASER_READY), Order(c.stroke_line(*board.to_machine(start), speed_mm_s, 0.0))]
    for share, power in _pieces(board, length_mm / speed_mm_s, speed_mm_s, rate, cells):
        place = _beyond(start, dx_mm * share, dy_mm * share)
        orders.append(Order(c.stroke_line(*board.to_machine(place), speed_mm_s, power), company=_UNANSWERED - 1))
    orders.append(Order(c.stroke_line(*board.to_machine(finish), speed_mm_s, 0.0)))
    orders += [Order(c.OUTPUT_OFF), Order(c.SYNCHRONISE)]
    return Stroke(begin, finish, tuple(orders), start, end, speed_mm_s, with_beam)


def _pieces(
    board: GrblConfiguration, row_s: float, speed_mm_s: float, rate: float, cells: int
) -> Iterator[tuple[float, float]]:
    """Where each piece of the way with the beam ends, as a share of it, and its power."""
    longest_s = _piece_s(board, speed_mm_s, rate)
    if not board.has_trigger:
        cells = 1
    pieces = math.ceil(row_s / cells / longest_s - 1e-9)
    shortest_s = (speed_mm_s / (2 * rate) + _REFILL_S) / (board.planner_blocks - 1)
    if cells > 1 and row_s / cells / pieces < shortest_s:
        raise LimitExceeded(
            f"cells of {1000 * row_s / cells:.3g} ms at {speed_mm_s:g} mm/s are more lines than the stage can be fed "
            f"({1000 * shortest_s:.3g} ms each): lengthen the strokes"
        )
    for cell in range(cells):
        power = board.full_power if (cells - 1 - cell) % 2 == 0 else board.dimmed_power
        for piece in range(1, pieces + 1):
            yield (cell + piece / pieces) / cells, power


def _piece_s(board: GrblConfiguration, speed_mm_s: float, rate: float) -> float:
    """Longest time that one piece of a stroke with the beam may take.

    The board holds ``blocks + 2`` pieces at most, and brakes at the end of what it holds, which takes v / 2a longer.
    """
    braking_s = speed_mm_s / (2 * rate)
    piece_s = (BEAM_ON_LIMIT_S * _RESERVE - braking_s) / (board.planner_blocks + _UNANSWERED)
    if (board.planner_blocks - 1) * piece_s < braking_s + _REFILL_S:
        raise LimitExceeded(
            f"a stroke with the beam at {speed_mm_s:g} mm/s needs more motion ahead than {BEAM_ON_LIMIT_S:g} s at "
            f"{rate:g} mm/s^2: lower the speed, or raise the acceleration in $120 and $121"
        )
    return piece_s


def _beyond(pose: StagePose, dx_mm: float, dy_mm: float) -> StagePose:
    return StagePose(pose.x_mm + dx_mm, pose.y_mm + dy_mm)
