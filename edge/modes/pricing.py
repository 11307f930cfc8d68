"""What pieces take, in seconds, and how many there is time for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.modes.lines import even_lines, line_count, whole_lines
from edge.modes.pieces import Pieces
from edge.modes.setting import Setting
from edge.motion.kinematics import ExposureTable, StageModel, predict_duration
from edge.travel.ordering import order_pieces
from firmware_bridge.messages import StagePose
from models.faults import CoverageImpossible

_CLOSE = 1e-3
"""Relative: a time that is so near to the one asked for is not worth another look."""
_LOOKS = 12
_CLOSE_FOR_POINTS = 0.02
_LOOKS_AT_POINTS = 5
_GROWTH = 1.2
"""Power of the time with which the number of points grows: more of them lie closer together."""
_MEAN_WAY = 0.8
"""Of the square root of the area for each point."""


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """Pieces in an order of little travel."""

    table: ExposureTable
    """A piece a row, in the order and direction in which the stage takes them."""
    seconds: float
    """Everything: travel, counting, settling, overhead."""
    end: StagePose
    """Where the stage stands afterwards."""


def priced(setting: Setting, pieces: Pieces, start: StagePose | None = None) -> Priced:
    """The time that pieces take from where the stage stands; None leaves that open."""
    segments = pieces.segments_mm(setting.grid)
    speeds = pieces.speeds_mm_s(setting.grid)
    order, is_reversed = order_pieces(segments, setting.stage, start=start, speeds_mm_s=speeds)
    way = np.where(is_reversed[:, None], segments[order][:, [2, 3, 0, 1]], segments[order])
    table = np.column_stack([way, (pieces.lengths * pieces.cell_s)[order]])
    seconds = predict_duration(table, setting.stage, start=start).total_s
    return Priced(table, seconds, StagePose(*table[-1, 2:4].tolist()))


def lines_for(setting: Setting, part_s: float) -> NDArray[np.intp]:
    """Lines evenly apart that full speed has time for.

    Raises
    ------
    UsageError
        There is not time for one.
    """

    def seconds(count: int) -> float:
        return priced(setting, whole_lines(setting, even_lines(setting, count), setting.fastest_cell_s)).seconds

    if (least_s := seconds(1)) > part_s:
        raise UsageError(f"{part_s:.3g} s are too short for one row of {least_s:.3g} s: give more time")
    low, high = 1, line_count(setting) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if seconds(middle) <= part_s else (low, middle)
    return even_lines(setting, low)


def slowest_cell_s(setting: Setting, lines: NDArray[np.intp], part_s: float) -> float:
    """The time on each cell with which whole lines take so long in all, as far as cells can bear it, but at least the
    least that a cell can take."""
    cell_s = setting.fastest_cell_s
    for _ in range(_LOOKS):
        pieces = whole_lines(setting, lines, cell_s)
        left_s = part_s - priced(setting, pieces).seconds
        if abs(left_s) < _CLOSE * part_s:
            break
        cell_s = max(cell_s + left_s / float(pieces.lengths.sum()), setting.fastest_cell_s)
    return max(min(cell_s, setting.longest_cell_s), setting.fastest_cell_s)


def points_in(
    setting: Setting, make: Callable[[int], Pieces], part_s: float, most: int, *, dwell_s: float | None = None
) -> Pieces:
    """As many points as there is time for.

    Parameters
    ----------
    make
        So many of them.
    most
        There are no more than these.
    dwell_s
        On each; None: the setting's.

    Raises
    ------
    UsageError
        There is not time for two.
    """
    dwell_s = setting.dwell_s if dwell_s is None else dwell_s
    guess = points_within(part_s, dwell_s, setting.stage, area_mm2=setting.area_mm2)
    count, pieces = min(guess, most), Pieces.none()
    for _ in range(_LOOKS_AT_POINTS):
        if count < 2:
            raise UsageError(f"{part_s:.3g} s are too short for two points of {dwell_s:.3g} s: give more time")
        try:
            pieces = make(count)
        except CoverageImpossible:
            raise UsageError(
                f"{count} points in {part_s:.3g} s leave holes above sampling.max_hole_mm: give more time, allow "
                "larger holes, or choose another sampling.mode"
            ) from None
        seconds = priced(setting, pieces).seconds
        if count == most and seconds <= part_s:
            break
        if abs(seconds / part_s - 1) < _CLOSE_FOR_POINTS:
            break
        count = min(max(int(count * (part_s / seconds) ** _GROWTH), 1), most)
    return pieces


def points_within(budget_s: float, dwell_s: float, stage: StageModel, *, area_mm2: float) -> int:
    """About how many points an area can be visited in within a time, the way to each the mean distance between them."""
    counts = np.geomspace(1, 1e7, 400)
    seconds = counts * (dwell_s + _way_s(counts, stage, area_mm2))
    return int(counts[max(int(np.searchsorted(seconds, budget_s)) - 1, 0)])


def way_between_s(setting: Setting, count: int) -> float:
    """About how long it takes to get from one of so many points to the next, all over the area."""
    return float(_way_s(np.array([float(max(count, 1))]), setting.stage, setting.area_mm2)[0])


def _way_s(counts: NDArray[np.float64], stage: StageModel, area_mm2: float) -> NDArray[np.float64]:
    way_mm = _MEAN_WAY * np.sqrt(area_mm2 / counts)
    return np.asarray(stage.stop_s + stage.move_s(way_mm), np.float64)
