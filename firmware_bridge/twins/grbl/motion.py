"""GRBL's planner and stepper: straight blocks, trapezoids with look-ahead over all that are queued, feed hold.

Speeds at the junctions follow the junction deviation (Jeon 2009): v^2 = a d sin(t/2) / (1 - sin(t/2)), t the angle
between the blocks, d the deviation ``$11``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.native.kinematics import between

_DEVIATION_MM = 0.01
_TINY_MM = 1e-9
_SEGMENT_S = 0.01
"""Motion is prepared in segments of this length; an output that follows the speed changes with them."""


@dataclass(slots=True)
class Block:
    """One straight piece of the queue."""

    start: StagePose
    end: StagePose
    speed_mm_s: float
    acceleration_mm_s2: float
    power: float
    """What an output in laser mode gives on the way."""
    entry_limit_mm_s: float = 0.0
    entry_mm_s: float = 0.0

    @property
    def length_mm(self) -> float:
        return math.hypot(self.end.x_mm - self.start.x_mm, self.end.y_mm - self.start.y_mm)

    @property
    def direction(self) -> tuple[float, float]:
        length_mm = self.length_mm
        return (self.end.x_mm - self.start.x_mm) / length_mm, (self.end.y_mm - self.start.y_mm) / length_mm


class Motion:
    """What moves: a queue of blocks, and the state of the one in progress.

    Parameters
    ----------
    capacity
        Blocks that the queue holds, the one in progress included.
    """

    def __init__(self, capacity: int, pose: StagePose) -> None:
        self.capacity = capacity
        self.blocks: deque[Block] = deque()
        self.on_change: Callable[[float], None] = lambda _: None
        """Called with the time whenever a block begins or motion ends, before anything later happens."""
        self.is_holding = False
        self._rest = pose
        self._since_s = 0.0
        self._way_mm = 0.0
        self._speed_mm_s = 0.0
        self._phases: list[tuple[float, float]] = []
        self._segment_s = 0.0

    @property
    def has_room(self) -> bool:
        return len(self.blocks) < self.capacity

    @property
    def is_moving(self) -> bool:
        return bool(self.blocks) and not self.is_held

    @property
    def is_held(self) -> bool:
        """Whether a hold has come to rest."""
        return self.is_holding and (not self.blocks or (self._speed_mm_s == 0.0 and not self._phases))

    @property
    def end(self) -> StagePose:
        """Where the queue ends."""
        return self.blocks[-1].end if self.blocks else self._rest

    @property
    def power(self) -> float:
        """Of the block that is moving now."""
        return self.blocks[0].power if self.is_moving else 0.0

    def place(self, pose: StagePose) -> None:
        """Stand there, with nothing queued."""
        self.blocks.clear()
        self._phases.clear()
        self._speed_mm_s = self._way_mm = 0.0
        self.is_holding = False
        self._rest = pose

    def pose(self, time_s: float) -> StagePose:
        """Where the stage is, up to the next change."""
        if not self.blocks:
            return self._rest
        way_mm, _ = self._at(time_s)
        block = self.blocks[0]
        return between(block.start, block.end, min(1.0, way_mm / block.length_mm))

    def speed(self, time_s: float) -> float:
        """How fast it is, in mm/s."""
        return self._at(time_s)[1] if self.blocks else 0.0

    def next_s(self) -> float:
        """When the next block begins or motion ends; infinite when nothing moves."""
        return self._since_s + sum(phase[0] for phase in self._phases) if self._phases else math.inf

    def segment_share(self, time_s: float) -> float:
        """Speed at the end of the present segment, as a share of what the block in progress was given."""
        if not self.is_moving:
            return 0.0
        return min(1.0, self.speed(min(time_s + _SEGMENT_S, self.next_s())) / self.blocks[0].speed_mm_s)

    def next_segment_s(self) -> float:
        """When the next segment of a ramp begins; infinite while the speed stays."""
        ramp_s = self._since_s
        for duration_s, acceleration in self._phases:
            begun_s, ramp_s = ramp_s, ramp_s + duration_s
            if acceleration and duration_s > 0 and self._segment_s < ramp_s:
                due_s = max(begun_s, self._segment_s)
                return due_s if due_s < ramp_s else math.inf
        return math.inf

    def pass_segment(self, time_s: float) -> None:
        """The segment that begins now is under way."""
        self._segment_s = time_s + _SEGMENT_S

    def append(self, time_s: float, block: Block) -> None:
        """Queue a block that begins where the queue ends; one without length is none."""
        if block.length_mm < _TINY_MM:
            return
        block.entry_limit_mm_s = self._junction(self.blocks[-1], block) if self.blocks else 0.0
        self._rebase(time_s)
        self.blocks.append(block)
        self._plan()
        if len(self.blocks) == 1:
            self.on_change(time_s)

    def hold(self, time_s: float) -> None:
        """Brake to rest, keeping the queue."""
        if not self.is_holding:
            self._rebase(time_s)
            self.is_holding = True
            self._plan()
            self.on_change(time_s)

    def resume(self, time_s: float) -> None:
        """Go on after a hold."""
        if self.is_held:
            self.is_holding = False
            self._since_s = time_s
            self._plan()
            self.on_change(time_s)

    def step(self, time_s: float) -> None:
        """Let what is due at `next_s` happen; call it then."""
        way_mm, speed_mm_s = self._at(time_s)
        block = self.blocks[0]
        self._since_s, self._way_mm, self._speed_mm_s = time_s, way_mm, speed_mm_s
        self._phases.clear()
        if self.is_holding and speed_mm_s < 1e-6:
            self._speed_mm_s = 0.0
        else:
            self.blocks.popleft()
            self._rest = block.end
            self._way_mm = 0.0
            if not self.blocks:
                self._speed_mm_s = 0.0
        self._plan()
        self.on_change(time_s)

    def _rebase(self, time_s: float) -> None:
        if self.blocks:
            self._way_mm, self._speed_mm_s = self._at(time_s)
        else:
            self._way_mm = self._speed_mm_s = 0.0
        self._since_s = time_s

    def _at(self, time_s: float) -> tuple[float, float]:
        way_mm, speed_mm_s, left_s = self._way_mm, self._speed_mm_s, max(0.0, time_s - self._since_s)
        for duration_s, acceleration in self._phases:
            share_s = min(left_s, duration_s)
            way_mm += speed_mm_s * share_s + acceleration * share_s**2 / 2
            speed_mm_s = max(0.0, speed_mm_s + acceleration * share_s)
            left_s -= share_s
        return way_mm, speed_mm_s

    def _plan(self) -> None:
        """Speeds at all junctions, then the phases of the block in progress."""
        self._phases.clear()
        if not self.blocks:
            return
        block = self.blocks[0]
        left_mm = max(0.0, block.length_mm - self._way_mm)
        rate = block.acceleration_mm_s2
        if self.is_holding:
            self._phases = _braking(self._speed_mm_s, rate, left_mm)
            return
        queue = list(self.blocks)
        after_mm_s = 0.0
        for later in reversed(queue[1:]):
            later.entry_mm_s = min(
                later.entry_limit_mm_s, math.sqrt(after_mm_s**2 + 2 * later.acceleration_mm_s2 * later.length_mm)
            )
            after_mm_s = later.entry_mm_s
        exit_mm_s = min(after_mm_s, math.sqrt(self._speed_mm_s**2 + 2 * rate * left_mm))
        self._phases = _trapezoid(self._speed_mm_s, exit_mm_s, block.speed_mm_s, rate, left_mm)

    @staticmethod
    def _junction(before: Block, after: Block) -> float:
        (ax, ay), (bx, by) = before.direction, after.direction
        cosine = -(ax * bx + ay * by)
        slowest_mm_s = min(before.speed_mm_s, after.speed_mm_s)
        if cosine > 0.999999:
            return 0.0
        if cosine < -0.999999:
            return slowest_mm_s
        half_sine = math.sqrt((1 - cosine) / 2)
        acceleration = min(before.acceleration_mm_s2, after.acceleration_mm_s2)
        return min(slowest_mm_s, math.sqrt(acceleration * _DEVIATION_MM * half_sine / (1 - half_sine)))


def _trapezoid(
    entry_mm_s: float, exit_mm_s: float, cruise_mm_s: float, rate: float, way_mm: float
) -> list[tuple[float, float]]:
    """Phases (seconds, mm/s^2) over a way."""
    peak_mm_s = min(cruise_mm_s, math.sqrt(rate * way_mm + (entry_mm_s**2 + exit_mm_s**2) / 2))
    peak_mm_s = max(peak_mm_s, exit_mm_s)
    up_s = abs(peak_mm_s - entry_mm_s) / rate
    up_rate = math.copysign(rate, peak_mm_s - entry_mm_s)
    down_s = (peak_mm_s - exit_mm_s) / rate
    ramps_mm = (entry_mm_s + peak_mm_s) / 2 * up_s + (peak_mm_s + exit_mm_s) / 2 * down_s
    cruise_s = max(0.0, way_mm - ramps_mm) / peak_mm_s if peak_mm_s > 0 else 0.0
    return [(up_s, up_rate), (cruise_s, 0.0), (down_s, -rate)]


def _braking(speed_mm_s: float, rate: float, way_mm: float) -> list[tuple[float, float]]:
    """Phases that brake to rest, or to the end of the way if that comes first."""
    if speed_mm_s == 0.0:
        return []
    stop_mm = speed_mm_s**2 / (2 * rate)
    if stop_mm <= way_mm:
        return [(speed_mm_s / rate, -rate)]
    return [((speed_mm_s - math.sqrt(speed_mm_s**2 - 2 * rate * way_mm)) / rate, -rate)]
