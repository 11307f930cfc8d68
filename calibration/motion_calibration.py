"""How a stage moves, found once and kept: limits, jerk, what stops cost, how well all that is known, and of what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from calibration.motion_legs import Motion
from calibration.stored import DamagedCalibration

KIND: Final = "motion"


@dataclass(frozen=True, slots=True)
class MovedBy:
    """The controller that moved the stage, as it said of itself."""

    firmware: str
    max_speed_mm_s: float | None
    """As announced; None where the recording does not say."""
    max_acceleration_mm_s2: float | None


@dataclass(frozen=True, slots=True)
class MotionCalibration:
    """A stage's motion, as a calibration run or a recording told it."""

    motion: Motion
    errors: Mapping[str, float]
    """Standard error of each figure that was told; the others are as stated beforehand."""
    scatter_s: float
    """Standard deviation of a single move's time about the model."""
    difference: float
    """Of all moves and exposures together: actual over predicted, less one."""
    legs: int
    """Moves that were fitted."""
    left_out: int
    """Moves that no model explains."""
    dwell_step_s: float
    """Step that dwells are rounded up to; 0: none."""
    stroke_factor: float
    """Duration of strokes over what was asked."""
    backlash_mm: tuple[float, float] | None
    """Of x and y, from measured positions; None where too few were reached from both sides."""
    backlash_error_mm: tuple[float, float] | None
    moved_by: MovedBy
    recording: str
    """Name of the recording that it was made from."""
    made_at: str
    """UTC, ISO 8601."""
    notes: tuple[str, ...] = ()
    digest: str = ""
    """Of the file that it was read from; empty before it is stored."""


def motion_to_dict(calibration: MotionCalibration) -> dict[str, Any]:
    """Plain content for `calibration.stored.store`."""
    motion = calibration.motion
    return {
        "made_at": calibration.made_at,
        "recording": calibration.recording,
        "firmware": calibration.moved_by.firmware,
        "announced_speed_mm_s": calibration.moved_by.max_speed_mm_s,
        "announced_acceleration_mm_s2": calibration.moved_by.max_acceleration_mm_s2,
        "speed_of_x_and_y_mm_s": list(motion.speeds_mm_s),
        "acceleration_of_x_and_y_mm_s2": list(motion.accelerations_mm_s2),
        "diagonals_are_faster": motion.is_speed_of_axes,
        "diagonals_accelerate_faster": motion.is_acceleration_of_axes,
        "jerk_mm_s3": motion.jerk_mm_s3 if math.isfinite(motion.jerk_mm_s3) else None,
        "settle_s": motion.settle_s,
        "overhead_of_a_dwell_s": motion.overhead_s,
        "overhead_of_a_run_s": motion.run_overhead_s,
        "lead_of_a_run_s": motion.lead_s,
        "margin_of_a_run_mm": motion.margin_mm,
        "dwell_step_s": calibration.dwell_step_s,
        "strokes_take_longer_by_the_factor": calibration.stroke_factor,
        "standard_errors": dict(calibration.errors),
        "scatter_s": calibration.scatter_s,
        "actual_over_predicted_less_one": calibration.difference,
        "moves": calibration.legs,
        "moves_left_out": calibration.left_out,
        "backlash_mm": _listed(calibration.backlash_mm),
        "backlash_error_mm": _listed(calibration.backlash_error_mm),
        "notes": list(calibration.notes),
    }


def motion_from_dict(content: Mapping[str, Any], digest: str = "") -> MotionCalibration:
    """Inverse of `motion_to_dict`.

    Raises
    ------
    DamagedCalibration
        A key is missing, of another kind, or a figure that no stage has.
    """
    try:
        calibration = _read(content, digest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedCalibration(f"the motion calibration is not whole ({error}): calibrate the motion again") from None
    motion = calibration.motion
    for name, value in (
        ("speed", min(motion.speeds_mm_s)),
        ("acceleration", min(motion.accelerations_mm_s2)),
        ("jerk", motion.jerk_mm_s3),
        ("factor of strokes", calibration.stroke_factor),
    ):
        if not value > 0:
            raise DamagedCalibration(f"the motion calibration's {name} is {value:g}: calibrate the motion again")
    times = (motion.settle_s, motion.overhead_s, motion.run_overhead_s, motion.lead_s, motion.margin_mm)
    if not all(math.isfinite(value) and value >= 0 for value in (*times, calibration.dwell_step_s)):
        raise DamagedCalibration("the motion calibration has stops of less than no time: calibrate the motion again")
    return calibration


def _read(content: Mapping[str, Any], digest: str) -> MotionCalibration:
    jerk = content["jerk_mm_s3"]
    return MotionCalibration(
        motion=Motion(
            speeds_mm_s=_pair(content["speed_of_x_and_y_mm_s"]),
            accelerations_mm_s2=_pair(content["acceleration_of_x_and_y_mm_s2"]),
            is_speed_of_axes=bool(content["diagonals_are_faster"]),
            is_acceleration_of_axes=bool(content["diagonals_accelerate_faster"]),
            jerk_mm_s3=math.inf if jerk is None else float(jerk),
            settle_s=float(content["settle_s"]),
            overhead_s=float(content["overhead_of_a_dwell_s"]),
            run_overhead_s=float(content["overhead_of_a_run_s"]),
            lead_s=float(content["lead_of_a_run_s"]),
            margin_mm=float(content["margin_of_a_run_mm"]),
        ),
        errors={str(name): float(error) for name, error in content["standard_errors"].items()},
        scatter_s=float(content["scatter_s"]),
        difference=float(content["actual_over_predicted_less_one"]),
        legs=int(content["moves"]),
        left_out=int(content["moves_left_out"]),
        dwell_step_s=float(content["dwell_step_s"]),
        stroke_factor=float(content["strokes_take_longer_by_the_factor"]),
        backlash_mm=None if content["backlash_mm"] is None else _pair(content["backlash_mm"]),
        backlash_error_mm=None if content["backlash_error_mm"] is None else _pair(content["backlash_error_mm"]),
        moved_by=MovedBy(
            str(content["firmware"]),
            _or_none(content["announced_speed_mm_s"]),
            _or_none(content["announced_acceleration_mm_s2"]),
        ),
        recording=str(content["recording"]),
        made_at=str(content["made_at"]),
        notes=tuple(str(note) for note in content["notes"]),
        digest=digest,
    )


def _listed(values: tuple[float, float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _pair(values: Any) -> tuple[float, float]:
    first, second = (float(value) for value in values)
    if not (math.isfinite(first) and math.isfinite(second)):
        raise ValueError("a number that is not finite")
    return first, second


def _or_none(value: Any) -> float | None:
    return None if value is None else float(value)
