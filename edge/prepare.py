"""From a sighting to a checked plan: everything that is decided before the shutter opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE, Batches, first_origin
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.motion.stage_known import read_motion_calibration, stage_of
from edge.photography.camera_lens import read_camera_calibration
from edge.photography.sighting import (
    Sighting,
    fiducials_of,
    frame_digest,
    grid_of,
    place,
    register_as_configured,
    register_frame,
    require_placement,
    sight,
    uncovered_mm,
)
from edge.photography.stage_placing import read_stage_calibration
from edge.planning.area import allowed_cells, allowed_count
from edge.planning.coarse import coarse_plan
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan, check_plan, check_without_controller, make_plan
from edge.stopping.drawing import drawn, held_out_count, with_held_out
from edge.stopping.first_part import refuse_short_stop, refuse_untold_error
from firmware_bridge.messages import Capabilities
from models.binarise import BINARISERS
from models.density import cells_for_rate
from models.faults import CoverageImpossible, ModelsError
from models.masks import MASKS, MaskRequest, MaskResult, make_mask
from models.masks.network import require_network

__all__ = [
    "Sighting",
    "batches_of",
    "budget_of",
    "check_whole",
    "choose_cells",
    "density_of_plan",
    "fiducials_of",
    "frame_digest",
    "grid_of",
    "place",
    "plan_scan",
    "plan_without_controller",
    "predicted_whole_s",
    "register_as_configured",
    "register_frame",
    "require_known_names",
    "sight",
    "uncovered_mm",
]


def require_known_names(config: ScanConfig) -> None:
    """Every method, mask network and element that a scan will need must exist before anything moves.

    Raises
    ------
    UsageError
        One does not; the text names those that do. Or nothing will place the photograph, or no cell may be visited.
    ModelsError
        The mask network is missing, or is not what its manifest says.
    """
    from edge.dose.earlier import earlier_s_per_cell
    from edge.reconstruct import NAMES
    from edge.spectra.lines import default_group

    for key, name, known in (
        ("sampling.mask", config.sampling.mask, (*MASKS, ADAPTIVE)),
        ("sampling.binariser", config.sampling.binariser, BINARISERS),
        ("reconstruct.method", config.reconstruct.method, NAMES),
    ):
        if name not in known:
            raise UsageError(f"{key}: there is no {name!r}: choose one of {', '.join(known)}")
    require_network(config.sampling.first_mask, _model_of(config))
    if config.has_time:
        from edge.modes.of_scan import require_known_mode

        require_known_mode(config)
    require_placement(config)
    allowed_count(config, grid_of(config.area))
    if config.instrument.camera_calibration is not None:
        read_camera_calibration(Path(config.instrument.camera_calibration))
    if config.instrument.stage_calibration is not None:
        read_stage_calibration(Path(config.instrument.stage_calibration))
    if config.instrument.motion_calibration is not None:
        read_motion_calibration(Path(config.instrument.motion_calibration))
    if config.dose.earlier:
        earlier_s_per_cell(config.dose.earlier, grid_of(config.area))
    for element in config.elements:
        default_group(element, config.instrument.tube.kv)


def budget_of(config: ScanConfig, grid: ScanGrid) -> int:
    """Cells that a scan measures in all for its maps: what it holds out is not among them."""
    allowed = allowed_count(config, grid)
    exposures = cells_for_rate(config.sampling.rate, allowed)
    return exposures - held_out_count(config, exposures, allowed)


def batches_of(config: ScanConfig) -> Batches:
    """How the budget of a scan that listens is shared out."""
    return Batches(count=config.sampling.batches)


def choose_cells(sighting: Sighting, config: ScanConfig) -> MaskResult:
    """Decide where to measure: density and mask on the scan grid; the same answer for the same photograph.

    Of a scan that listens, this is the first part of its budget.
    """
    grid, sampling = sighting.grid, config.sampling
    count = budget_of(config, grid)
    if config.listens:
        count = batches_of(config).sizes(count)[0]
    request = MaskRequest(
        shape=grid.shape,
        count=count,
        rgb=sighting.rgb,
        allowed=None if config.area.is_whole else allowed_cells(config, grid),
        binariser=sampling.binariser,
        seed=sampling.seed,
        max_hole=None if sampling.max_hole_mm is None else sampling.max_hole_mm / grid.pitch_mm,
        model=_model_of(config),
    )
    try:
        return make_mask(config.sampling.first_mask, request)
    except CoverageImpossible as error:
        raise UsageError(f"sampling.max_hole_mm, {sampling.max_hole_mm:g} mm, cannot be kept: {error}") from None


def density_of_plan(sighting: Sighting, config: ScanConfig, plan: ScanPlan) -> NDArray[np.float32] | None:
    """The density that chose a plan's cells, made again.

    None where the network that made it is gone or another, and where a campaign or a mode, or nobody, chose them.
    """
    if config.placement is not None or plan.way is not None or config.is_coarse:
        return None
    try:
        density = choose_cells(sighting, config).density
    except ModelsError:
        return None
    return density.values if density.origin == first_origin(plan.mask.origin) else None


def _model_of(config: ScanConfig) -> Path | None:
    return None if config.sampling.model is None else Path(config.sampling.model)


def plan_scan(sighting: Sighting, config: ScanConfig, capabilities: Capabilities) -> ScanPlan:
    """Decide where to measure and in which order, and check it against limits and dose."""
    stage = stage_of(config, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)
    plan = _planned(sighting, config, stage)
    check_plan(plan, config, capabilities)
    check_whole(plan, config)
    return plan


def plan_without_controller(sighting: Sighting, config: ScanConfig) -> ScanPlan:
    """The same with the stage that the configuration describes, checked against area and dose alone."""
    plan = _planned(sighting, config, stage_of(config))
    check_without_controller(plan, config)
    check_whole(plan, config)
    return plan


def predicted_whole_s(plan: ScanPlan, config: ScanConfig) -> float:
    """A plan's duration; of a scan that listens, that of its whole budget, as if all of it were spread like the plan.

    What is chosen later lies closer together, and takes less. Where a time was given, that is it.
    """
    if plan.way is not None:
        return max(plan.way.budget_s, plan.predicted_s)
    if config.is_coarse:
        return plan.predicted_s
    whole = budget_of(config, plan.grid) + (0 if plan.held_out is None else int(plan.held_out.sum()))
    return plan.predicted_s * max(1.0, whole / max(len(plan.table), 1))


def check_whole(plan: ScanPlan, config: ScanConfig) -> None:
    """Refuse a plan that grows beyond the dose, or for which the time is over before it can grow.

    Raises
    ------
    SafetyStop
        The beam would be on for too long.
    UsageError
        The scan would be stopped before its first part is measured, or for an error that nothing will tell.
    """
    refuse_short_stop(plan, config)
    refuse_untold_error(plan, config)
    whole_s = predicted_whole_s(plan, config)
    if (config.listens or plan.way is not None) and whole_s > config.dose.max_beam_s:
        raise SafetyStop(
            f"the scan keeps the beam on for about {whole_s:.4g} s in all, above dose.max_beam_s of "
            f"{config.dose.max_beam_s:g} s: give less time, lower the rate, shorten the dwell or raise the limit"
        )


def _planned(sighting: Sighting, config: ScanConfig, stage: StageModel) -> ScanPlan:
    plan = _first_part(sighting, config, stage)
    free = allowed_cells(config, plan.grid) & ~plan.mask.cells
    if plan.way is None:
        cells = int(free.sum() + plan.mask.cells.sum())
        allowed = allowed_count(config, plan.grid)
        asked = len(plan.table) if config.is_coarse else cells_for_rate(config.sampling.rate, allowed)
        count = held_out_count(config, asked, cells)
    else:
        from edge.modes.of_scan import held_out_in_time, setting_of

        count = held_out_in_time(setting_of(sighting, config, stage), config)
    held_out = drawn(free, count, config.sampling.seed)
    return with_held_out(plan, held_out, dwell_s=config.sampling.dwell_s, passage=passage_of(config, stage))


def _first_part(sighting: Sighting, config: ScanConfig, stage: StageModel) -> ScanPlan:
    """What is known beforehand."""
    if config.has_time:
        from edge.modes.of_scan import first_plan

        return first_plan(sighting, config, stage)
    if config.is_coarse:
        return coarse_plan(sighting, config, stage)
    if config.placement is None:
        mask, poses_mm = choose_cells(sighting, config).mask, None
    else:
        from edge.campaign.window import window_of

        window = window_of(sighting, config)
        mask, poses_mm = window.mask, window.poses_mm
    return make_plan(
        grid=sighting.grid,
        mask=mask,
        dwell_s=config.sampling.dwell_s,
        stage=stage,
        registration_digest=sighting.registration.digest,
        poses_mm=poses_mm,
        passage=passage_of(config, stage),
    )
