"""What was seen of a stage's moves, and how long a model of the stage says that they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.moves import Doubles, along_line, ramp_up_s, rest_to_rest_s, shares


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """Ways from the end of one count to the beginning of the next, each with one stop or more, shape (n,) or (n, 2)."""

    way_mm: Doubles
    """Vector (x, y) from where the last count ended to where the next one begins."""
    left_mm_s: Doubles
    """Velocity (x, y) of the run that was left; zero after a dwell."""
    entered_mm_s: Doubles
    """Velocity of the run that follows; zero before a dwell."""
    took_s: Doubles
    """Everything but the counting: the way, settling, and what the exposure that follows cost besides its real time."""

    def __len__(self) -> int:
        return len(self.took_s)

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Legs:
        """Some of them."""
        return Legs(self.way_mm[which], self.left_mm_s[which], self.entered_mm_s[which], self.took_s[which])

    @property
    def begins_run(self) -> NDArray[np.bool_]:
        """Whether a run follows."""
        return _is_any(self.entered_mm_s)

    @property
    def is_still(self) -> NDArray[np.bool_]:
        """Whether a dwell follows another at the same place, so that nothing moves."""
        return ~(_is_any(self.way_mm) | _is_any(self.left_mm_s) | _is_any(self.entered_mm_s))


@dataclass(frozen=True, slots=True)
class Motion:
    """A stage in numbers; `edge.motion.stage_model.StageModel` has the same under the same names."""

    speeds_mm_s: tuple[float, float]
    """Of x and y."""
    accelerations_mm_s2: tuple[float, float]
    is_speed_of_axes: bool = False
    """Whether a line is as fast as neither axis minds; else lines of every direction run at the lower speed."""
    is_acceleration_of_axes: bool = False
    jerk_mm_s3: float = float("inf")
    settle_s: float = 0.0
    """Before counting, where the stage has moved."""
    overhead_s: float = 0.0
    """Of each dwell."""
    run_overhead_s: float = 0.0
    """Of each run."""
    lead_s: float = 0.0
    margin_mm: float = 0.0

    @property
    def stop_s(self) -> float:
        """What a dwell costs after a move."""
        return self.settle_s + self.overhead_s

    @property
    def run_stop_s(self) -> float:
        """What a run costs."""
        return self.settle_s + self.run_overhead_s


def expected_s(legs: Legs, motion: Motion) -> Doubles:
    """How long the legs take by a model, shape (n,)."""
    out_s, out_mm = _ramps(legs.left_mm_s, motion, lead_s=0.0)
    up_s, up_mm = _ramps(legs.entered_mm_s, motion, lead_s=motion.lead_s)
    leap_mm = legs.way_mm - out_mm - up_mm
    speed, acceleration, jerk = _limits(leap_mm, motion)
    move_s = rest_to_rest_s(np.hypot(leap_mm[:, 0], leap_mm[:, 1]), speed, acceleration, jerk)
    stop_s = np.where(legs.begins_run, motion.run_overhead_s, motion.overhead_s)
    return np.asarray(move_s + out_s + up_s + stop_s + np.where(legs.is_still, 0.0, motion.settle_s))


def thinned(legs: Legs, most: int) -> Legs:
    """No more than so many legs: dwells and runs by turns, each evenly over their durations."""
    if len(legs) <= most:
        return legs
    kept = []
    for which in (legs.begins_run, ~legs.begins_run):
        places = np.flatnonzero(which)
        by_time = places[np.argsort(legs.took_s[places], kind="stable")]
        evenly = np.unique(np.linspace(0, max(len(by_time) - 1, 0), most // 2).astype(np.intp))
        kept.append(by_time[evenly[: len(by_time)]])
    return legs.only(np.sort(np.concatenate(kept)))


def _is_any(vectors: Doubles) -> NDArray[np.bool_]:
    """Which have a length; a fit asks some thousand times, and numpy takes long over rows of two."""
    return np.asarray((vectors[:, 0] != 0) | (vectors[:, 1] != 0))


def _limits(directions: Doubles, motion: Motion) -> tuple[Doubles, Doubles, Doubles]:
    share = shares(directions)
    speed = along_line(motion.speeds_mm_s, share)
    acceleration = along_line(motion.accelerations_mm_s2, share)
    if not motion.is_speed_of_axes:
        speed = np.minimum(speed, min(motion.speeds_mm_s))
    if not motion.is_acceleration_of_axes:
        acceleration = np.minimum(acceleration, min(motion.accelerations_mm_s2))
    jerk = np.full(len(share), motion.jerk_mm_s3)
    larger = np.maximum(share[:, 0], share[:, 1])
    return speed, acceleration, jerk / larger if motion.is_acceleration_of_axes else jerk


def _ramps(velocity_mm_s: Doubles, motion: Motion, *, lead_s: float) -> tuple[Doubles, Doubles]:
    """Time (n,) and way as vectors (n, 2) between rest and a run; nothing where there is none."""
    took_s, way_mm = np.zeros(len(velocity_mm_s)), np.zeros_like(velocity_mm_s)
    runs = np.flatnonzero(_is_any(velocity_mm_s))
    if not runs.size:
        return took_s, way_mm
    velocity_mm_s = velocity_mm_s[runs]
    speed = np.hypot(velocity_mm_s[:, 0], velocity_mm_s[:, 1])
    _, acceleration, jerk = _limits(velocity_mm_s, motion)
    ramp_s = ramp_up_s(speed, acceleration, jerk)
    steady_mm = motion.margin_mm + lead_s * speed
    took_s[runs] = ramp_s + steady_mm / speed
    way_mm[runs] = ((speed * ramp_s / 2 + steady_mm) / speed)[:, None] * velocity_mm_s
    return took_s, way_mm
