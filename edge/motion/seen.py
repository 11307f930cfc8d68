"""How the stage moved, as the exposures tell it: each way timed, held against a model, and ready to be fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.motion_legs import Legs, Motion
from edge.motion.kinematics import ExposureTable, StageModel, predict_stretches, run_starts, stroke_speeds

Doubles = NDArray[np.float64]
_PAUSE_TIMES = 3.0
_PAUSE_S = 1.0
"""A way that takes so many times what was predicted, and so much more, was no way but a pause."""
_STOPPED_S = 0.02
_STOPPED_SHARE = 0.5
"""A gap within a run that is longer than either, in s and as a share of the stroke before, is a stop."""
_STEPS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Steps of a dwell that are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionSeen:
    """Exposures in the order in which they were made, and when; times by the controller's clock."""

    table: ExposureTable
    """What was asked, shape (n, 5)."""
    starts_mm: Doubles
    """Measured (x, y) at opening, shape (n, 2)."""
    real_s: Doubles
    live_s: Doubles
    opened_at_s: Doubles
    closed_at_s: Doubles
    is_broken: NDArray[np.bool_]
    """Whether the way to each exposure was interrupted, by a closed shutter or otherwise, shape (n,)."""

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, slots=True)
class Held:
    """A prediction held against what was seen, over the ways that nothing interrupted."""

    predicted_s: float
    actual_s: float
    """Without the detector's dead time at rest, which no prediction knows."""
    stretches: int
    """Dwells and runs that were compared."""
    left_out: int
    """Those whose way was interrupted."""

    @property
    def difference(self) -> float:
        """Actual over predicted, less one."""
        return self.actual_s / self.predicted_s - 1 if self.predicted_s > 0 else 0.0


def held_against(seen: MotionSeen, stage: StageModel) -> Held:
    """Hold a stage's model against what was seen: each dwell and run from the end of the one before to its own."""
    if len(seen) < 2:
        return Held(0.0, 0.0, 0, 0)
    stretches = predict_stretches(seen.table, stage)
    first, last = stretches.first, np.append(stretches.first[1:], len(seen)) - 1
    predicted_s = (stretches.approach_s + stretches.waiting_s + stretches.counted_s)[1:]
    dead_s = np.add.reduceat(_dead_s(seen), first)[1:]
    actual_s = seen.closed_at_s[last[1:]] - seen.closed_at_s[last[:-1]] - dead_s
    whole = ~np.logical_or.reduceat(seen.is_broken, first)[1:]
    whole &= (actual_s > 0) & (actual_s <= _PAUSE_TIMES * predicted_s + _PAUSE_S)
    return Held(float(predicted_s[whole].sum()), float(actual_s[whole].sum()), int(whole.sum()), int((~whole).sum()))


def legs_of(seen: MotionSeen) -> Legs:
    """The ways between counts that nothing interrupted, as a fit takes them."""
    table = seen.table
    gap_s = seen.opened_at_s[1:] - seen.closed_at_s[:-1]
    stops = run_starts(table)
    stops[1:] |= (gap_s > _STOPPED_S) | (gap_s > _STOPPED_SHARE * table[:-1, 4])
    velocity = np.zeros((len(table), 2))
    moves = stroke_speeds(table) > 0
    np.divide(table[:, 2:4] - table[:, 0:2], table[:, 4:5], out=velocity, where=moves[:, None])
    own_s = np.where(moves, 0.0, seen.closed_at_s - seen.opened_at_s - seen.real_s)
    wanted = stops[1:] & ~seen.is_broken[1:]
    return Legs(
        way_mm=(table[1:, 0:2] - table[:-1, 2:4])[wanted],
        left_mm_s=velocity[:-1][wanted],
        entered_mm_s=velocity[1:][wanted],
        took_s=(gap_s + own_s[1:])[wanted],
    )


def reversal_mm(seen: MotionSeen) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Backlash of x and y, and its standard errors, in mm: how dwells reached from either side differ in place.

    The mean of measured less asked over dwells reached towards greater coordinates, less the same towards smaller ones
    (the reversal value of ISO 230-2). A controller that measures no positions of its own shows none; None where fewer
    than three dwells were reached from a side.
    """
    rests = (seen.table[1:, 0:2] == seen.table[1:, 2:4]).all(axis=1)
    way_mm = (seen.table[1:, 0:2] - seen.table[:-1, 2:4])[rests]
    off_mm = (seen.starts_mm[1:] - seen.table[1:, 0:2])[rests]
    found = []
    for axis in (0, 1):
        sides = [off_mm[sign * way_mm[:, axis] > 0.05, axis] for sign in (1, -1)]
        if min(len(side) for side in sides) < 3:
            return None, None
        error_mm = np.sqrt(sum(side.var(ddof=1) / len(side) for side in sides))
        found.append((float(sides[0].mean() - sides[1].mean()), float(error_mm)))
    (x, x_error), (y, y_error) = found
    return (x, y), (x_error, y_error)


def dwell_step_s(seen: MotionSeen) -> float | None:
    """The step that dwells are rounded up to; 0 where they are as long as asked, None where no step explains them."""
    rests = (seen.table[:, 0:2] == seen.table[:, 2:4]).all(axis=1) & ~seen.is_broken
    asked_s = seen.table[rests, 4]
    if len(asked_s) < 3:
        return 0.0
    counted = [
        times for times in (seen.live_s[rests], seen.real_s[rests]) if (times > asked_s * (1 - 1e-3) - 1e-4).all()
    ]
    if not counted:
        return 0.0
    given_s = min(counted, key=lambda times: float((times - asked_s).sum()))
    for step_s in (0.0, *_STEPS_S):
        meant_s = asked_s if step_s == 0 else np.ceil(asked_s / step_s - 1e-6) * step_s
        if np.mean(np.abs(given_s - meant_s) <= 1e-4 + 0.01 * step_s) > 0.95:
            return step_s
    return None


def stroke_factor(seen: MotionSeen) -> float:
    """Duration of strokes over what was asked: the median; 1 where there are few, or it differs by less than 0.1 %."""
    strokes = ~((seen.table[:, 0:2] == seen.table[:, 2:4]).all(axis=1) | seen.is_broken)
    if strokes.sum() < 3:
        return 1.0
    factor = float(np.median(seen.real_s[strokes] / seen.table[strokes, 4]))
    return factor if abs(factor - 1) > 1e-3 else 1.0


def motion_of(stage: StageModel) -> Motion:
    """A stage's model as a fit takes it."""
    return Motion(
        speeds_mm_s=stage.axis_speeds_mm_s or (stage.speed_mm_s,) * 2,
        accelerations_mm_s2=stage.axis_accelerations_mm_s2 or (stage.acceleration_mm_s2,) * 2,
        is_speed_of_axes=stage.axis_speeds_mm_s is not None,
        is_acceleration_of_axes=stage.axis_accelerations_mm_s2 is not None,
        jerk_mm_s3=stage.jerk_mm_s3,
        settle_s=stage.settle_s,
        overhead_s=stage.overhead_s + stage.readout_s,
        run_overhead_s=stage.overhead_s if stage.run_overhead_s is None else stage.run_overhead_s,
        lead_s=stage.lead_s,
        margin_mm=stage.margin_mm,
    )


def stage_with(motion: Motion, stage: StageModel) -> StageModel:
    """A stage with a motion's figures in place of its own; what a motion does not hold stays."""
    return replace(
        stage,
        speed_mm_s=min(motion.speeds_mm_s),
        acceleration_mm_s2=min(motion.accelerations_mm_s2),
        axis_speeds_mm_s=motion.speeds_mm_s if motion.is_speed_of_axes else None,
        axis_accelerations_mm_s2=motion.accelerations_mm_s2 if motion.is_acceleration_of_axes else None,
        jerk_mm_s3=motion.jerk_mm_s3,
        settle_s=motion.settle_s,
        overhead_s=max(0.0, motion.overhead_s - stage.readout_s),
        run_overhead_s=motion.run_overhead_s,
        lead_s=motion.lead_s,
        margin_mm=motion.margin_mm,
    )


def _dead_s(seen: MotionSeen) -> Doubles:
    """By how much the detector's dead time lengthened each exposure at rest: nothing where real time is preset."""
    rests = (seen.table[:, 0:2] == seen.table[:, 2:4]).all(axis=1)
    longer_s = np.minimum(seen.real_s - seen.table[:, 4], seen.real_s - seen.live_s)
    return np.where(rests, np.maximum(longer_s, 0.0), 0.0)
