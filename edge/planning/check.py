"""What a plan must satisfy before anything moves or the shutter opens."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from edge.configuration.area import AreaConfig
from edge.configuration.config import DoseConfig, ScanConfig
from edge.dose.earlier import earlier_s_per_cell
from edge.dose.limits import check_dose, check_fluence
from edge.dose.path import live_s_per_cell
from edge.faults import SafetyStop
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, StageModel, predict_duration, stroke_ramps, stroke_speeds, widened
from edge.motion.stage_known import slowest_to_stop
from edge.planning.area import allowed_cells
from edge.planning.passage import Passage, passage_of
from edge.planning.scan_plan import ScanPlan
from firmware_bridge.messages import Capabilities

_ROUNDING = 1e-6
"""Positions (mm) and times (s) are written to this; also the relative slack of sums."""


def check_plan(plan: ScanPlan, config: ScanConfig, capabilities: Capabilities) -> None:
    """Refuse a plan that leaves the planned area or the stage, is too fast, or gives too much dose.

    Raises
    ------
    SafetyStop
        Names the first violation and its remedy.
    """
    _check_whatever_it_does(plan, config, slowest_to_stop(plan.stage or _stage_of(config), config, capabilities))
    _check_stage(plan.table, capabilities)


def check_without_controller(plan: ScanPlan, config: ScanConfig) -> None:
    """Refuse a plan that leaves the planned area, touches a keep-out or gives too much dose, whatever the stage can do.

    Raises
    ------
    SafetyStop
        Names the first violation and its remedy.
    """
    _check_whatever_it_does(plan, config, plan.stage or _stage_of(config))


def _check_whatever_it_does(plan: ScanPlan, config: ScanConfig, stage: StageModel) -> None:
    """As `check_without_controller`, of a stage that runs up and out like this one."""
    if len(plan.table) == 0:
        raise SafetyStop("the plan holds no exposure: raise sampling.rate or widen the area")
    _check_numbers(plan.table)
    _check_area(plan.table, config.area)
    check_kept_off(plan.table, plan.grid, config, stage)
    _check_dose(plan, config)


def check_rest(
    plan: ScanPlan,
    done: AbstractSet[int],
    received_s: float,
    dose: DoseConfig,
    stage: StageModel,
    passage: Passage | None = None,
) -> None:
    """Refuse to go on with a plan when that would keep the beam on for too long in all.

    Parameters
    ----------
    done
        Indices that need not be measured any more.
    received_s
        Time with the shutter open so far, in s.
    stage
        How the stage moves on the way through the rest.
    passage
        Where the shutter is closed on that way; None: nowhere.

    Raises
    ------
    SafetyStop
        What was received and what is predicted for the rest exceed ``dose.max_beam_s``.
    """
    rest = np.setdiff1d(np.arange(len(plan.table)), np.fromiter(done, np.intp, len(done)))
    table = plan.table[rest]
    rest_s = predict_duration(table, stage).total_s + (0.0 if passage is None else passage.closing_s(table))
    if received_s + rest_s > dose.max_beam_s * (1 + _ROUNDING):
        raise SafetyStop(
            f"the beam was on for {received_s:.4g} s and the rest of the plan takes {rest_s:.4g} s, together above "
            f"dose.max_beam_s of {dose.max_beam_s:g} s: make do with what is measured (pointillist report), or start "
            "a new scan with a higher limit"
        )


def check_kept_off(table: ExposureTable, grid: ScanGrid, config: ScanConfig, stage: StageModel) -> None:
    """Refuse exposures outside the area's polygon, and any that touch a keep-out, run-up and run-out included.

    Parameters
    ----------
    stage
        Says how far strokes run up.

    Raises
    ------
    SafetyStop
        Names the first violation and its remedy.
    """
    if config.area.is_whole:
        return
    trespass = passage_of(config, stage).trespass(table)
    if trespass is not None:
        first, name = trespass
        x, y = table[first, 0:2]
        raise SafetyStop(
            f"exposure {first} at ({x:.3f}, {y:.3f}) mm brings the beam onto the keep-out {name!r}, or its run-up or "
            "run-out does: make the plan anew for this area and stage"
        )
    outside = (live_s_per_cell(table, grid) > 0) & ~allowed_cells(config, grid)
    if outside.any():
        row, column = divmod(int(np.argmax(outside)), grid.columns)
        raise SafetyStop(
            f"the plan measures the cell in row {row}, column {column}, which lies outside area.polygon or too near to "
            "a keep-out: make the plan anew for this area"
        )


def _stage_of(config: ScanConfig) -> StageModel:
    """Of plans that do not say what they were priced with."""
    stated = config.instrument.stage
    return StageModel(stated.speed_mm_s, stated.acceleration_mm_s2)


def _check_numbers(table: ExposureTable) -> None:
    wrong = ~np.isfinite(table).all(axis=1) | ~(table[:, 4] > 0)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise SafetyStop(f"exposure {first} has no finite pose or no live time above 0: make the plan anew")


def _check_area(table: ExposureTable, area: AreaConfig) -> None:
    low = np.array([area.x_mm, area.y_mm]) - _ROUNDING
    high = np.array([area.x_mm + area.width_mm, area.y_mm + area.height_mm]) + _ROUNDING
    for poses in (table[:, 0:2], table[:, 2:4]):
        if (first := _first_outside(poses, low, high)) is not None:
            x, y = poses[first]
            raise SafetyStop(
                f"exposure {first} at ({x:.3f}, {y:.3f}) mm lies outside the planned area "
                f"x {area.x_mm:g} to {area.x_mm + area.width_mm:g}, y {area.y_mm:g} to "
                f"{area.y_mm + area.height_mm:g} mm: make the plan anew for this area"
            )


def _check_stage(table: ExposureTable, capabilities: Capabilities) -> None:
    (x_low, x_high), (y_low, y_high) = capabilities.x_limits_mm, capabilities.y_limits_mm
    low, high = np.array([x_low, y_low]) - _ROUNDING, np.array([x_high, y_high]) + _ROUNDING
    speeds = stroke_speeds(table)
    if (speeds > capabilities.max_speed_mm_s * (1 + _ROUNDING)).any():
        first = int(np.argmax(speeds > capabilities.max_speed_mm_s * (1 + _ROUNDING)))
        raise SafetyStop(
            f"exposure {first} is a stroke at {speeds[first]:.3g} mm/s and the stage reaches "
            f"{capabilities.max_speed_mm_s:g} mm/s: lengthen its dwell"
        )
    _, ramp_mm = stroke_ramps(table, capabilities.max_acceleration_mm_s2)
    for poses in widened(table, ramp_mm):
        if (first_out := _first_outside(poses, low, high)) is not None:
            x, y = poses[first_out]
            raise SafetyStop(
                f"exposure {first_out} needs the stage at ({x:.3f}, {y:.3f}) mm, outside its travel x {x_low:g} to "
                f"{x_high:g}, y {y_low:g} to {y_high:g} mm: move the area or the object"
            )


def _check_dose(plan: ScanPlan, config: ScanConfig) -> None:
    dose = config.dose
    earlier_s = earlier_s_per_cell(dose.earlier, plan.grid) if dose.earlier else None
    check_dose(plan.table, plan.grid, dose, received_s_per_cell=earlier_s)
    stage = plan.stage or _stage_of(config)
    check_fluence(plan.table, plan.grid, config, stage, received_s_per_cell=earlier_s)
    # The shutter stays open between exposures, so travel counts as beam too.
    if plan.predicted_s > dose.max_beam_s * (1 + _ROUNDING):
        raise SafetyStop(
            f"the plan keeps the beam on for {plan.predicted_s:.4g} s in all, "
            f"above dose.max_beam_s of {dose.max_beam_s:g} s: "
            "lower the rate, shorten the dwell or raise the limit"
        )


def _first_outside(poses: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> int | None:
    outside = ((poses < low) | (poses > high)).any(axis=1)
    return int(np.argmax(outside)) if outside.any() else None
