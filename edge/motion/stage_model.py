"""How a stage moves, in numbers: limits of its axes, and what starting and stopping costs."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.moves import along_line, ramp_up_s, rest_to_rest_s, shares
from edge.faults import UsageError

Floats = NDArray[np.float64]
_LINE_SLACK = 1 + 1e-9
_SLOWEST = 1e-4
"""Of speed, acceleration and jerk, in mm and s: a plan of anything slower outlasts whoever waits for it."""


@dataclass(frozen=True, slots=True)
class StageModel:
    """A stage whose two axes start, run and stop together on a straight line, at bounded speed and acceleration.

    The first two figures hold along lines of every direction, and alone they are the whole model of the way. Where
    the axes' own limits are known as well, a line is driven as fast as neither axis minds, as controllers do:
    diagonals are faster than what runs along an axis.

    Raises
    ------
    UsageError
        A speed, acceleration or jerk that is not above zero, or so low that no stage has it, a time that is negative, a
        value that is not finite, or an axis that is slower than the stage along any line.
    """

    speed_mm_s: float
    """Highest speed along a line of any direction: that of the slower axis."""
    acceleration_mm_s2: float
    """Acceleration and deceleration along a line of any direction."""
    settle_s: float = 0.0
    """Wait between standing still and counting: before each exposure at rest, and before each run."""
    overhead_s: float = 0.0
    """Everything else that an exposure at rest costs besides moving and counting: command, shutter, readout."""
    _: KW_ONLY
    axis_speeds_mm_s: tuple[float, float] | None = None
    """Highest speed of x and y; None: lines of every direction are driven at `speed_mm_s`."""
    axis_accelerations_mm_s2: tuple[float, float] | None = None
    """Acceleration of x and y; None: lines of every direction are driven with `acceleration_mm_s2`."""
    jerk_mm_s3: float = math.inf
    """Change of acceleration, along the line, or along each axis where those have accelerations of their own."""
    run_overhead_s: float | None = None
    """As `overhead_s`, of a run: strokes that are flown without stopping. None: the same."""
    lead_s: float = 0.0
    """Way at constant speed between the run-up and the first stroke of a run."""
    margin_mm: float = 0.0
    """Way at constant speed between a run and its ramps, at either end."""
    dwell_step_s: float = 0.0
    """Live times at rest are rounded up to multiples of this; 0: they are not."""
    readout_s: float = 0.0
    """Time after each exposure at rest in which the detector is read and does not count."""
    shortest_stroke_s: float = 0.0
    """Shortest stroke whose counts the detector can tell from the next one's."""
    shutter_s: float = 0.0
    """Time for one closing and opening of the shutter between two exposures."""
    stroke_factor: float = 1.0
    """Duration of a stroke over what was asked: above 1 where the stage flies more slowly than it is told."""
    most_run_cells: int = 2**31
    """Strokes that the controller flies without stopping, at the most."""
    longest_run_s: float = math.inf
    """Time that it flies without stopping, at the most; a single stroke may take longer."""
    are_ramps_measured: bool = False
    """Whether acceleration and jerk are what the stage was seen to do, rather than stated or announced."""
    origin: str = ""
    """Where the figures are from, in words; empty: from configuration and controller."""

    def __post_init__(self) -> None:
        for name, line, axes in (
            ("speed_mm_s", self.speed_mm_s, self.axis_speeds_mm_s),
            ("acceleration_mm_s2", self.acceleration_mm_s2, self.axis_accelerations_mm_s2),
        ):
            _require_above_zero(name, line)
            for axis in axes or ():
                _require_above_zero(f"{name} of an axis", axis)
                if axis * _LINE_SLACK < line:
                    raise UsageError(f"stage.{name} is {line}, above the {axis} of an axis: give the lower one")
        _require_above_zero("stroke_factor", self.stroke_factor)
        for name in ("jerk_mm_s3", "longest_run_s", "most_run_cells"):
            if not getattr(self, name) > 0:
                raise UsageError(f"stage.{name} is {getattr(self, name)}: give a number above 0")
        for name in ("speed_mm_s", "acceleration_mm_s2", "jerk_mm_s3"):
            if getattr(self, name) < _SLOWEST:
                raise UsageError(f"stage.{name} is {getattr(self, name):g}, as no stage's: give {_SLOWEST:g} or more")
        for name in _AT_LEAST_0:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"stage.{name} is {value}: give 0 or more")

    @property
    def ramp_mm(self) -> float:
        """Shortest move that reaches full speed along a line: half of it to speed up, half to slow down."""
        return self.speed_mm_s * float(ramp_up_s(self.speed_mm_s, self.acceleration_mm_s2, self.jerk_mm_s3))

    @property
    def stop_s(self) -> float:
        """Waiting that each exposure at rest brings with it."""
        return self.settle_s + self.overhead_s + self.readout_s

    @property
    def run_stop_s(self) -> float:
        """Waiting that each run brings with it."""
        return self.settle_s + (self.overhead_s if self.run_overhead_s is None else self.run_overhead_s)

    def move_s(self, length_mm: Floats) -> Floats:
        """Time from rest to rest over straight lines of these lengths, whatever their direction."""
        return rest_to_rest_s(length_mm, self.speed_mm_s, self.acceleration_mm_s2, self.jerk_mm_s3)

    def step_s(self, steps_mm: Floats) -> Floats:
        """Time from rest to rest over straight lines given as vectors (x, y), shape (n, 2): never above `move_s`."""
        steps = np.asarray(steps_mm, np.float64).reshape(-1, 2)
        speed, acceleration, jerk = self.along(steps)
        return rest_to_rest_s(np.hypot(steps[:, 0], steps[:, 1]), speed, acceleration, jerk)

    def along(self, directions: Floats) -> tuple[Floats, Floats, Floats]:
        """Speed, acceleration and jerk along lines in these directions, each of shape (n,).

        Parameters
        ----------
        directions
            Vectors (x, y) of any length, shape (n, 2); those of length zero get the figures of any line.
        """
        share = shares(directions)
        jerk = np.full(len(share), self.jerk_mm_s3)
        if self.axis_accelerations_mm_s2 is not None:
            jerk = jerk / share.max(axis=1)
        return (
            _either(self.speed_mm_s, self.axis_speeds_mm_s, share),
            _either(self.acceleration_mm_s2, self.axis_accelerations_mm_s2, share),
            jerk,
        )


_AT_LEAST_0 = (
    "settle_s",
    "overhead_s",
    "run_overhead_s",
    "lead_s",
    "margin_mm",
    "dwell_step_s",
    "readout_s",
    "shortest_stroke_s",
    "shutter_s",
)


def _either(line: float, axes: tuple[float, float] | None, share: Floats) -> Floats:
    return np.full(len(share), line) if axes is None else along_line(axes, share)


def _require_above_zero(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"stage.{name} is {value}: give a number above 0")
