"""Straight-line moves synchronised over both axes, with trapezoidal speed, or with the trapezoid's corners rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firmware_bridge.messages import StagePose

_SLOWEST_MM_S = 1e-9
"""Top speed of moves that are all but none."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """Speeding up from rest along a line.

    Acceleration rises at the jerk, stays, and falls alike; where there is little to speed up by it never reaches its
    limit. Slowing down is the same in the mirror.
    """

    speed_mm_s: float
    """At its end."""
    acceleration_mm_s2: float
    """The highest on it."""
    build_up_s: float
    """Time in which the acceleration rises, and in which it falls; 0 where the jerk is boundless."""

    @property
    def duration_s(self) -> float:
        return self.speed_mm_s / self.acceleration_mm_s2 + self.build_up_s

    @property
    def length_mm(self) -> float:
        """The mean speed is half of the last, by symmetry."""
        return self.speed_mm_s * self.duration_s / 2

    def way_at(self, elapsed_s: float) -> float:
        """Millimetres covered after a time, from 0 to the ramp's duration."""
        left_s = self.duration_s - elapsed_s
        if elapsed_s < self.build_up_s:
            return self.acceleration_mm_s2 / self.build_up_s * elapsed_s**3 / 6
        if left_s < self.build_up_s:
            left_mm = self.acceleration_mm_s2 / self.build_up_s * left_s**3 / 6
            return self.length_mm - self.speed_mm_s * left_s + left_mm
        held_s = elapsed_s - self.build_up_s / 2
        return self.acceleration_mm_s2 * (held_s**2 / 2 + self.build_up_s**2 / 24)


@dataclass(frozen=True, slots=True)
class Move:
    """A move from rest to rest along a straight line: a ramp, a way at constant speed, the ramp mirrored.

    Short moves never cruise.
    """

    start: StagePose
    end: StagePose
    ramp: Ramp

    @property
    def length_mm(self) -> float:
        """Way along the line."""
        return math.hypot(self.end.x_mm - self.start.x_mm, self.end.y_mm - self.start.y_mm)

    @property
    def duration_s(self) -> float:
        """From rest to rest."""
        if self.length_mm == 0.0:
            return 0.0
        return self.length_mm / self.ramp.speed_mm_s + self.ramp.duration_s

    def way_at(self, elapsed_s: float) -> float:
        """Millimetres covered after a time."""
        duration_s = self.duration_s
        if elapsed_s >= duration_s:
            return self.length_mm
        elapsed_s = max(0.0, elapsed_s)
        if elapsed_s < self.ramp.duration_s:
            return self.ramp.way_at(elapsed_s)
        if duration_s - elapsed_s < self.ramp.duration_s:
            return self.length_mm - self.ramp.way_at(duration_s - elapsed_s)
        return self.ramp.length_mm + self.ramp.speed_mm_s * (elapsed_s - self.ramp.duration_s)

    def pose_at(self, elapsed_s: float) -> StagePose:
        """Where the stage is after a time."""
        length_mm = self.length_mm
        return between(self.start, self.end, self.way_at(elapsed_s) / length_mm if length_mm else 1.0)

    def pose_when_stopped(self, elapsed_s: float) -> StagePose:
        """Where the stage comes to rest when braked, without regard for jerk, from a time on."""
        length_mm = self.length_mm
        if length_mm == 0.0:
            return self.end
        step_s = 1e-6
        speed_mm_s = (self.way_at(elapsed_s + step_s) - self.way_at(elapsed_s)) / step_s
        way_mm = self.way_at(elapsed_s) + speed_mm_s**2 / (2 * self.ramp.acceleration_mm_s2)
        return between(self.start, self.end, min(1.0, way_mm / length_mm))


@dataclass(frozen=True, slots=True)
class Axes:
    """What both axes can do alike."""

    speed_mm_s: float
    acceleration_mm_s2: float
    jerk_mm_s3: float = math.inf

    def move(self, start: StagePose, end: StagePose) -> Move:
        """The fastest straight move from rest to rest that neither axis minds."""
        dx_mm, dy_mm = end.x_mm - start.x_mm, end.y_mm - start.y_mm
        length_mm = math.hypot(dx_mm, dy_mm)
        along = self._along(dx_mm, dy_mm)
        top_mm_s = max(along.top_speed_over(length_mm), _SLOWEST_MM_S)
        return Move(start, end, along.ramp(min(along.speed_mm_s, top_mm_s)))

    def ramp(self, speed_mm_s: float) -> Ramp:
        """From rest to a speed along an axis."""
        acceleration = min(self.acceleration_mm_s2, math.sqrt(speed_mm_s * self.jerk_mm_s3))
        return Ramp(speed_mm_s, acceleration, acceleration / self.jerk_mm_s3)

    def ramp_along(self, dx_mm: float, dy_mm: float, speed_mm_s: float) -> Ramp:
        """From rest to a speed along a line."""
        return self._along(dx_mm, dy_mm).ramp(speed_mm_s)

    def top_speed_over(self, length_mm: float) -> float:
        """Speed in the middle of a way from rest to rest that is too short for more, without a limit of speed."""
        if length_mm == 0.0:
            return self.speed_mm_s
        build_up_s = self.acceleration_mm_s2 / self.jerk_mm_s3
        if length_mm < 2 * self.acceleration_mm_s2 * build_up_s**2:
            return math.cbrt(length_mm**2 * self.jerk_mm_s3 / 4)
        held_s = math.sqrt(build_up_s**2 + 4 * length_mm / self.acceleration_mm_s2) - build_up_s
        return self.acceleration_mm_s2 / 2 * held_s

    def _along(self, dx_mm: float, dy_mm: float) -> Axes:
        """Limits along a line in this direction."""
        length_mm = math.hypot(dx_mm, dy_mm)
        if length_mm == 0.0:
            return self
        steepest = max(abs(dx_mm), abs(dy_mm)) / length_mm
        return Axes(self.speed_mm_s / steepest, self.acceleration_mm_s2 / steepest, self.jerk_mm_s3 / steepest)


def between(start: StagePose, end: StagePose, share: float) -> StagePose:
    """The pose at a share of the way."""
    return StagePose(
        start.x_mm + share * (end.x_mm - start.x_mm),
        start.y_mm + share * (end.y_mm - start.y_mm),
    )


def beyond(start: StagePose, end: StagePose, length_mm: float) -> StagePose:
    """The pose so far beyond the end of a line."""
    return between(start, end, 1 + length_mm / math.hypot(end.x_mm - start.x_mm, end.y_mm - start.y_mm))
