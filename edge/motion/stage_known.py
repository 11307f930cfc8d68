"""What is known of the stage before a scan: what is stated, what the controller announces, what was calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from calibration.motion_calibration import KIND, MotionCalibration, motion_from_dict
from calibration.stored import DamagedCalibration, read_stored
from edge.configuration.config import ScanConfig
from edge.configuration.devices import GrblStageConfig, PairedControllerConfig
from edge.faults import UsageError
from edge.motion.kinematics import StageModel
from edge.motion.seen import stage_with
from edge.readiness.doctor import Finding
from firmware_bridge.messages import Capabilities
from firmware_bridge.pairing.acceptance import LEAD_S, LONGEST_ROW_S, MOST_CELLS

_ROW_MARGIN_MM: Final = 0.2
"""What a row of a paired stage is lengthened by at either end besides its ramps."""
_SHORTEST_STROKE_S: Final = 0.02
"""No pair tells shorter strokes apart, whatever its spectrometer's link; most need longer ones, and say so."""


def stage_of(
    config: ScanConfig, max_speed_mm_s: float = math.inf, max_acceleration_mm_s2: float = math.inf
) -> StageModel:
    """How the planner believes that the stage moves: as calibrated, else as stated; never beyond the limits given.

    Raises
    ------
    UsageError
        The motion calibration that the configuration names is missing or damaged.
    """
    stage = _stated(config)
    path = config.instrument.motion_calibration
    if path is not None:
        stage = calibrated_stage(read_motion_calibration(Path(path)), stage)
    return _within(stage, max_speed_mm_s, max_acceleration_mm_s2)


def slowest_to_stop(planned: StageModel, config: ScanConfig, capabilities: Capabilities) -> StageModel:
    """The stage that a plan was priced with, as far as what is known of the connected one runs up and out no further.

    It says where the beam may come, and prices nothing: a plan may be from a file, and for another stage.

    Raises
    ------
    UsageError
        As of `stage_of`.
    """
    known = stage_of(config, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)
    return replace(
        planned,
        acceleration_mm_s2=min(planned.acceleration_mm_s2, known.acceleration_mm_s2),
        jerk_mm_s3=min(planned.jerk_mm_s3, known.jerk_mm_s3),
        lead_s=max(planned.lead_s, known.lead_s),
        margin_mm=max(planned.margin_mm, known.margin_mm),
        are_ramps_measured=known.are_ramps_measured,
    )


def stated_stage(config: ScanConfig, capabilities: Capabilities | None = None) -> StageModel:
    """The same without regard for a calibration."""
    if capabilities is None:
        return _stated(config)
    return _within(_stated(config), capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)


def calibrated_stage(calibration: MotionCalibration, stated: StageModel) -> StageModel:
    """A stage with what a calibration found in place of what was stated; what it cannot tell stays."""
    return replace(
        stage_with(calibration.motion, stated),
        dwell_step_s=max(calibration.dwell_step_s, stated.dwell_step_s),
        stroke_factor=calibration.stroke_factor,
        are_ramps_measured="acceleration" in calibration.errors,
        origin=f"by the motion calibration made at {calibration.made_at}, digest {calibration.digest[:12]}",
    )


def read_motion_calibration(path: Path) -> MotionCalibration:
    """A stored calibration of a stage's motion.

    Raises
    ------
    UsageError
        It is missing, damaged, or of another kind; one sentence with the remedy.
    """
    try:
        stored = read_stored(path, [KIND])
        return motion_from_dict(stored.content, stored.digest)
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None


def examine_motion(config: ScanConfig, capabilities: Capabilities) -> Iterator[Finding]:
    """Whether the motion calibration that is configured was made with the controller that is connected."""
    path = config.instrument.motion_calibration
    if path is None:
        return
    calibration = read_motion_calibration(Path(path))
    made = calibration.moved_by
    before = [
        (capabilities.firmware, made.firmware),
        (f"{capabilities.max_speed_mm_s:g} mm/s", _told(made.max_speed_mm_s, "mm/s")),
        (f"{capabilities.max_acceleration_mm_s2:g} mm/s²", _told(made.max_acceleration_mm_s2, "mm/s²")),
    ]
    other = [f"{now} now, {then} then" for now, then in before if then is not None and now != then]
    if not other:
        yield Finding("motion", True, f"calibrated at {calibration.made_at} from {calibration.recording}")
        return
    yield Finding(
        "motion",
        False,
        f"{path}: made with another controller, or other limits ({'; '.join(other)}): calibrate the motion again with "
        "pointillist calibrate motion, or leave instrument.motion_calibration out",
        UsageError,
    )


def _stated(config: ScanConfig) -> StageModel:
    """As the configuration states it, with what is known of the controller's kind."""
    stated, controller = config.instrument.stage, config.instrument.controller
    stage = StageModel(
        speed_mm_s=stated.speed_mm_s,
        acceleration_mm_s2=stated.acceleration_mm_s2,
        settle_s=stated.settle_s,
        overhead_s=stated.overhead_s,
        jerk_mm_s3=math.inf if stated.jerk_mm_s3 is None else stated.jerk_mm_s3,
        dwell_step_s=stated.dwell_step_s,
        readout_s=stated.readout_s,
        shortest_stroke_s=stated.shortest_stroke_s,
        shutter_s=stated.shutter_s if config.area.keep_out else 0.0,
    )
    if isinstance(controller, PairedControllerConfig) and isinstance(controller.stage, GrblStageConfig):
        return replace(
            stage,
            lead_s=LEAD_S,
            margin_mm=_ROW_MARGIN_MM,
            shortest_stroke_s=max(stage.shortest_stroke_s, _SHORTEST_STROKE_S),
            most_run_cells=MOST_CELLS,
            longest_run_s=LONGEST_ROW_S,
        )
    return stage


def _within(stage: StageModel, speed_mm_s: float, acceleration_mm_s2: float) -> StageModel:
    speeds, accelerations = stage.axis_speeds_mm_s, stage.axis_accelerations_mm_s2
    return replace(
        stage,
        speed_mm_s=min(stage.speed_mm_s, speed_mm_s),
        acceleration_mm_s2=min(stage.acceleration_mm_s2, acceleration_mm_s2),
        axis_speeds_mm_s=None if speeds is None else (min(speeds[0], speed_mm_s), min(speeds[1], speed_mm_s)),
        axis_accelerations_mm_s2=None
        if accelerations is None
        else (min(accelerations[0], acceleration_mm_s2), min(accelerations[1], acceleration_mm_s2)),
    )


def _told(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:g} {unit}"
