"""Straight-line moves with trapezoidal speed, synchronised over both axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True)
class Move:
    """A move from rest to rest along a straight line.

    Speed rises at constant acceleration to the cruising speed, stays, and falls alike; short moves never cruise.
    """

    start: StagePose
    end: StagePose
    peak_mm_s: float
    acceleration_mm_s2: float

    @property
    def length_mm(self) -> float:
        """Way along the line."""
        return math.hypot(self.end.x_mm - self.start.x_mm, self.end.y_mm - self.start.y_mm)

    @property
    def duration_s(self) -> float:
        """From rest to rest."""
        if self.length_mm == 0.0:
            return 0.0
        return self.length_mm / self.peak_mm_s + self.peak_mm_s / self.acceleration_mm_s2

    def way_at(self, elapsed_s: float) -> float:
        """Millimetres covered after a time."""
        duration_s = self.duration_s
        if elapsed_s >= duration_s:
            return self.length_mm
        elapsed_s = max(0.0, elapsed_s)
        ramp_s = self.peak_mm_s / self.acceleration_mm_s2
        if elapsed_s < ramp_s:
            return self.acceleration_mm_s2 * elapsed_s**2 / 2
        remaining_s = duration_s - elapsed_s
        if remaining_s < ramp_s:
            return self.length_mm - self.acceleration_mm_s2 * remaining_s**2 / 2
        return self.peak_mm_s * (elapsed_s - ramp_s / 2)

    def pose_at(self, elapsed_s: float) -> StagePose:
        """Where the stage is after a time."""
        length_mm = self.length_mm
        return between(self.start, self.end, self.way_at(elapsed_s) / length_mm if length_mm else 1.0)

    def pose_when_stopped(self, elapsed_s: float) -> StagePose:
        """Where the stage comes to rest when braked from a time on."""
        length_mm = self.length_mm
        if length_mm == 0.0:
            return self.end
        step_s = 1e-6
        speed_mm_s = (self.way_at(elapsed_s + step_s) - self.way_at(elapsed_s)) / step_s
        way_mm = self.way_at(elapsed_s) + speed_mm_s**2 / (2 * self.acceleration_mm_s2)
        return between(self.start, self.end, min(1.0, way_mm / length_mm))


@dataclass(frozen=True, slots=True)
class Axes:
    """What both axes can do alike."""

    speed_mm_s: float
    acceleration_mm_s2: float

    def move(self, start: StagePose, end: StagePose) -> Move:
        """The fastest straight move from rest to rest that neither axis minds."""
        dx_mm, dy_mm = end.x_mm - start.x_mm, end.y_mm - start.y_mm
        length_mm = math.hypot(dx_mm, dy_mm)
        if length_mm == 0.0:
            return Move(start, end, self.speed_mm_s, self.acceleration_mm_s2)
        steepest = max(abs(dx_mm), abs(dy_mm)) / length_mm
        speed_mm_s = self.speed_mm_s / steepest
        acceleration_mm_s2 = self.acceleration_mm_s2 / steepest
        return Move(start, end, min(speed_mm_s, math.sqrt(length_mm * acceleration_mm_s2)), acceleration_mm_s2)

    def run_up_mm(self, speed_mm_s: float) -> float:
        """Way from rest to a speed."""
        return speed_mm_s**2 / (2 * self.acceleration_mm_s2)


def between(start: StagePose, end: StagePose, share: float) -> StagePose:
    """The pose at a share of the way."""
    return StagePose(
        start.x_mm + share * (end.x_mm - start.x_mm),
        start.y_mm + share * (end.y_mm - start.y_mm),
    )
