"""Whether a plan that was reviewed at a desk may be scanned as it is: object, area, dose and stage, looked at again."""

from __future__ import annotations

from dataclasses import replace

from edge.calibrate.place import PlaceCheck, check_place, require_unmoved
from edge.cameras.identity import is_same_camera
from edge.configuration.config import ScanConfig
from edge.console import duration_text
from edge.faults import SafetyStop, UsageError
from edge.motion.kinematics import StageModel, predict_duration
from edge.motion.stage_known import stage_of
from edge.planning.figures import live_times
from edge.planning.folder import ReviewedPlan
from edge.planning.growth import require_known_way
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan, check_plan, check_without_controller
from edge.prepare import Sighting, budget_of, check_whole
from firmware_bridge.messages import Capabilities

_WORTH_SAYING = 1.03
"""How much longer than reviewed a plan may take before it is said: the stage's model is no truer than that."""
_TOO_LONG = 1.5
"""How much longer makes it another plan than the one that was reviewed."""


def refuse_unfit(reviewed: ReviewedPlan, config: ScanConfig) -> None:
    """Refuse a plan that this configuration does not allow, before anything is connected.

    Raises
    ------
    SafetyStop
        It leaves the area, comes to a keep-out, or gives too much dose, with what will come to it.
    UsageError
        A scan that listens is to begin with more than its whole budget, or is stopped before it can go on; or the plan
        is of a mode that is not known.
    """
    plan = reviewed.plan
    check_without_controller(plan, config)
    check_whole(plan, config)
    if plan.way is not None:
        require_known_way(plan.way)
    elif config.listens:
        _require_within_budget(plan, budget_of(config, plan.grid))


def _require_within_budget(plan: ScanPlan, budget: int) -> None:
    if int(plan.mask.cells.sum()) > budget:
        raise UsageError(
            f"the plan holds {int(plan.mask.cells.sum())} cells, and the whole budget of this scan that listens is "
            f"{budget}: raise sampling.rate, or name another sampling.mask to measure this plan alone"
        )


def admit(reviewed: ReviewedPlan, now: Sighting, config: ScanConfig, capabilities: Capabilities) -> PlaceCheck:
    """Allow a reviewed plan, unchanged, on the object as it lies now and on the stage that is connected.

    Parameters
    ----------
    now
        By a new photograph.

    Returns
    -------
    What the photographs tell, and what somebody should know of the plan all the same.

    Raises
    ------
    SafetyStop
        Object, camera or focus moved by more than half a pitch since the plan's photograph, the plan breaks a limit,
        or this stage takes much longer for it.
    """
    checked = confirm_unmoved(reviewed, now, config)
    plan = reviewed.plan
    stage = stage_of(config, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)
    takes_s = duration_on(plan, config, stage)
    longest_s = max(plan.predicted_s, takes_s)
    check_plan(replace(plan, predicted_s=longest_s), config, capabilities)
    slower = (
        f"the plan was reviewed as one of {duration_text(plan.predicted_s)} and takes {duration_text(takes_s)} on this "
        "stage"
    )
    if takes_s > _TOO_LONG * plan.predicted_s:
        raise SafetyStop(f"{slower}: state its limits under instrument.stage, plan again and review that")
    told = (slower,) if takes_s > _WORTH_SAYING * plan.predicted_s else ()
    return replace(checked, remarks=(*checked.remarks, *told, *_set_aside(plan, config)))


def confirm_unmoved(reviewed: ReviewedPlan, now: Sighting, config: ScanConfig) -> PlaceCheck:
    """Hold a new photograph against the plan's.

    A photograph of the same camera tells whether it moved, too. One that was given as a file at the desk need not:
    then the object is looked at where each photograph's own registration places it.

    Raises
    ------
    SafetyStop
        Something moved by more than half a pitch, or the pictures cannot be compared.
    """
    before = reviewed.sighting
    is_same = is_same_camera(before.frame.identity, now.frame.identity)
    if not reviewed.is_given or (is_same and before.frame.image.shape == now.frame.image.shape):
        checked = check_place(before, now.frame, config)
        return replace(checked, sentence=f"beside the reviewed plan's photograph: {checked.sentence}")
    moved_mm = require_unmoved(before.display, now.display, before.grid.pitch_mm)
    aside = "the plan's photograph was given as a file, so it cannot be told whether the camera was moved"
    if moved_mm is None:
        return PlaceCheck("the photograph shows nothing by which to see whether the object was moved", (aside,))
    return PlaceCheck(f"the object is where it was when it was reviewed (within {1_000 * moved_mm:.0f} um)", (aside,))


def duration_on(plan: ScanPlan, config: ScanConfig, stage: StageModel) -> float:
    """How long a plan takes on another stage than the one that it was priced with, s."""
    return predict_duration(plan.table, stage).total_s + passage_of(config, stage).closing_s(plan.table)


def _set_aside(plan: ScanPlan, config: ScanConfig) -> tuple[str, ...]:
    """What the configuration asks for and a plan that stands does not do."""
    wanted = f"{config.sampling.dwell_s:g} s"
    if plan.way is not None or live_times(plan) == wanted:
        return ()
    return (f"the plan's exposures last {live_times(plan)}; sampling.dwell_s of {wanted} is not used for them",)
