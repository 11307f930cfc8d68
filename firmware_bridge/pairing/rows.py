"""Strokes that lie end to end, as rows that are flown without stopping. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from firmware_bridge.messages import Exposure, StagePose

_SAME_MM: Final = 1e-3
"""Below a step of any stage here: gaps and kinks that nothing can drive."""
_SAME_SHARE: Final = 1e-4
"""Relative difference of speeds, or lengths, that are meant to be equal."""


@dataclass(frozen=True, slots=True)
class RowLimits:
    """How much is flown without stopping."""

    most_cells: int
    longest_s: float
    """A pause waits for so long at the most; one stroke that takes longer is a row of its own."""
    are_cells_equal: bool
    """Whether all cells have to have one length, as a stage gives edges at equal distances."""


@dataclass(frozen=True, slots=True)
class Row:
    """Contiguous, collinear strokes of equal speed."""

    exposures: tuple[Exposure, ...]

    @property
    def start(self) -> StagePose:
        return self.exposures[0].start

    @property
    def end(self) -> StagePose:
        return self.exposures[-1].end

    @property
    def ends_mm(self) -> tuple[float, ...]:
        """Way from the start at which each cell ends."""
        return tuple(accumulate(length_mm(exposure) for exposure in self.exposures))

    @property
    def length_mm(self) -> float:
        return self.ends_mm[-1]

    @property
    def speed_mm_s(self) -> float:
        return self.length_mm / sum(exposure.live_s for exposure in self.exposures)

    def place(self, way_mm: float) -> StagePose:
        """Where the row is after a way from its start."""
        share = way_mm / self.length_mm
        return StagePose(
            self.start.x_mm + share * (self.end.x_mm - self.start.x_mm),
            self.start.y_mm + share * (self.end.y_mm - self.start.y_mm),
        )

    def way_mm(self, pose: StagePose) -> float:
        """How far along the row a pose is; negative before its start."""
        dx_mm, dy_mm = self.end.x_mm - self.start.x_mm, self.end.y_mm - self.start.y_mm
        along = (pose.x_mm - self.start.x_mm) * dx_mm + (pose.y_mm - self.start.y_mm) * dy_mm
        return along / math.hypot(dx_mm, dy_mm)


def length_mm(exposure: Exposure) -> float:
    """How long a stroke is."""
    return math.hypot(exposure.end.x_mm - exposure.start.x_mm, exposure.end.y_mm - exposure.start.y_mm)


def speed_mm_s(exposure: Exposure) -> float:
    """How fast a stroke is: its ``live_s`` is its duration in real time."""
    return length_mm(exposure) / exposure.live_s


def first_row(queue: Iterable[Exposure], limits: RowLimits) -> Row:
    """The longest row at the head of a queue that begins with a stroke."""
    taken: list[Exposure] = []
    for exposure in queue:
        if taken and not _goes_on(taken, exposure, limits):
            break
        taken.append(exposure)
    return Row(tuple(taken))


def _goes_on(taken: list[Exposure], following: Exposure, limits: RowLimits) -> bool:
    first = taken[0]
    if following.is_dwell or len(taken) >= limits.most_cells:
        return False
    if sum(exposure.live_s for exposure in taken) + following.live_s > limits.longest_s:
        return False
    if not math.isclose(speed_mm_s(first), speed_mm_s(following), rel_tol=_SAME_SHARE):
        return False
    if limits.are_cells_equal and not math.isclose(length_mm(first), length_mm(following), rel_tol=_SAME_SHARE):
        return False
    before = taken[-1].end
    gap_mm = math.hypot(following.start.x_mm - before.x_mm, following.start.y_mm - before.y_mm)
    return gap_mm <= _SAME_MM and _continues(first, following.end, before)


def _continues(first: Exposure, end: StagePose, before: StagePose) -> bool:
    """Whether a stroke's end lies ahead on the line of the first one."""
    line = Row((first,))
    ahead_mm = line.way_mm(end)
    nearest = line.place(ahead_mm)
    off_mm = math.hypot(end.x_mm - nearest.x_mm, end.y_mm - nearest.y_mm)
    return ahead_mm > line.way_mm(before) and off_mm <= _SAME_MM
