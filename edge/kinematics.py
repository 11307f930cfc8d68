"""What a plan costs in seconds: the planner's own idea of how the stage moves.

It is fitted to, or read from, the instrument; it never looks into a simulated one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.grid import ScanGrid
from firmware_bridge.messages import StagePose

ExposureTable = NDArray[np.float64]
"""One exposure a row, shape (n, 5): start x, start y, end x, end y in stage mm, live time in s."""


@dataclass(frozen=True, slots=True)
class StageModel:
    """A stage whose two axes start, run and stop together on a straight line, at bounded speed and acceleration.

    Raises
    ------
    UsageError
        A speed or acceleration that is not above zero, a time that is negative, or a value that is not finite.
    """

    speed_mm_s: float
    """Highest speed along the line."""
    acceleration_mm_s2: float
    """Acceleration and deceleration along the line."""
    settle_s: float = 0.0
    """Wait between standing still and counting."""
    overhead_s: float = 0.0
    """Everything else that an exposure costs besides moving and counting: command, shutter, readout."""

    def __post_init__(self) -> None:
        for name, value in (("speed_mm_s", self.speed_mm_s), ("acceleration_mm_s2", self.acceleration_mm_s2)):
            if not (np.isfinite(value) and value > 0):
                raise UsageError(f"stage.{name} is {value}: give a number above 0")
        for name, value in (("settle_s", self.settle_s), ("overhead_s", self.overhead_s)):
            if not (np.isfinite(value) and value >= 0):
                raise UsageError(f"stage.{name} is {value}: give 0 or more seconds")

    @property
    def ramp_mm(self) -> float:
        """Shortest move that reaches full speed: half of it to speed up, half to slow down."""
        return self.speed_mm_s**2 / self.acceleration_mm_s2

    def move_s(self, length_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Time from rest to rest over straight lines: a trapezoid of speed, or a triangle when too short for one."""
        length = np.asarray(length_mm, np.float64)
        triangle = 2.0 * np.sqrt(length / self.acceleration_mm_s2)
        trapezoid = length / self.speed_mm_s + self.speed_mm_s / self.acceleration_mm_s2
        return np.where(length < self.ramp_mm, triangle, trapezoid)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a plan takes, by what takes it."""

    travel_s: float
    """Moving without counting, the run-up and run-out of strokes included."""
    beam_s: float
    """Counting: the sum of live times; dead time comes on top."""
    waiting_s: float
    """Settling and overhead."""
    travel_mm: float
    """Path length outside the exposures."""
    longest_move_s: float
    """Longest single move between two exposures, run-out and run-up included."""

    @property
    def total_s(self) -> float:
        return self.travel_s + self.beam_s + self.waiting_s


def predict_duration(table: ExposureTable, stage: StageModel, *, start: StagePose | None = None) -> Duration:
    """Duration of exposures taken in the table's order.

    The stage stops before and after every exposure. A stroke is counted at constant speed: it is preceded by a run-up
    from rest to that speed and followed by a run-out.

    Parameters
    ----------
    table
        Shape (n, 5).
    stage
        How the stage moves.
    start
        Where it stands beforehand; None when it stands at the first exposure.
    """
    if len(table) == 0:
        return Duration(0.0, 0.0, 0.0, 0.0, 0.0)
    ramp_s, ramp_mm = stroke_ramps(table, stage.acceleration_mm_s2)
    entries, exits = widened(table, ramp_mm)
    origin = entries[:1] if start is None else np.array([[start.x_mm, start.y_mm]])
    leaps_mm = np.hypot(*(entries - np.vstack([origin, exits[:-1]])).T)
    moves_s = stage.move_s(leaps_mm) + ramp_s + np.concatenate([[0.0], ramp_s[:-1]])
    return Duration(
        travel_s=float(moves_s.sum() + ramp_s[-1]),
        beam_s=math.fsum(table[:, 4]),
        waiting_s=len(table) * (stage.settle_s + stage.overhead_s),
        travel_mm=float(leaps_mm.sum() + 2 * ramp_mm.sum()),
        longest_move_s=float(moves_s.max()),
    )


def stroke_speeds(table: ExposureTable) -> NDArray[np.float64]:
    """Speed at which each exposure is driven, in mm/s, shape (n,); zero for dwells."""
    length = np.hypot(table[:, 2] - table[:, 0], table[:, 3] - table[:, 1])
    return np.divide(length, table[:, 4], out=np.zeros_like(length), where=table[:, 4] > 0)


def stroke_ramps(table: ExposureTable, acceleration_mm_s2: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time (s) and length (mm) of each stroke's run-up, equal to its run-out; zero for dwells."""
    speed = stroke_speeds(table)
    return speed / acceleration_mm_s2, speed**2 / (2 * acceleration_mm_s2)


def widened(table: ExposureTable, ramp_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the stage rests before and after each exposure, each of shape (n, 2)."""
    path = table[:, 2:4] - table[:, 0:2]
    length = np.hypot(path[:, 0], path[:, 1])
    share = np.divide(ramp_mm, length, out=np.zeros_like(length), where=length > 0)[:, None] * path
    return table[:, 0:2] - share, table[:, 2:4] + share


def predict_raster_s(grid: ScanGrid, dwell_s: float, stage: StageModel) -> float:
    """Duration of the classical full raster: every row flown at constant speed, every other one backwards.

    Parameters
    ----------
    grid
        What is scanned.
    dwell_s
        Live time per cell. Where that asks for more than the stage's full speed, the stage sets the pace.
    stage
        How it moves.
    """
    rows = np.arange(grid.rows)
    left, right = grid.origin_x_mm, grid.origin_x_mm + grid.width_mm
    backwards = rows % 2 == 1
    y_mm = grid.origin_y_mm + (rows + 0.5) * grid.pitch_mm
    live_s = np.full(grid.rows, max(grid.columns * dwell_s, grid.width_mm / stage.speed_mm_s))
    starts, ends = np.where(backwards, right, left), np.where(backwards, left, right)
    return predict_duration(np.column_stack([starts, y_mm, ends, y_mm, live_s]), stage).total_s
