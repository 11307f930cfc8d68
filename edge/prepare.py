"""From a photograph to a checked plan: everything that happens before the shutter opens."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial
from calibration.register import register
from calibration.registration import NotRegistered, Registration
from edge.adaptive.batches import ADAPTIVE, Batches, first_origin
from edge.area import allowed_cells, allowed_count
from edge.area_config import AreaConfig, OutlinedConfig
from edge.camera_config import MosaicCameraConfig
from edge.camera_lens import lens_for, lens_origin, read_camera_calibration
from edge.cameras import Camera, Frame
from edge.config import ScanConfig
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.kinematics import StageModel
from edge.mosaic_placing import placed_mosaic
from edge.passage import passage_of
from edge.photograph import photograph_on_grid
from edge.plan import ScanPlan, check_plan, check_without_controller, make_plan
from edge.stage_known import read_motion_calibration, stage_of
from edge.stage_placing import (
    UNHELD,
    held_by_fiducials,
    noted,
    placed_frame,
    read_stage_calibration,
    require_precise,
)
from edge.stopping.drawing import drawn, held_out_count, with_held_out
from edge.stopping.first_part import refuse_short_stop, refuse_untold_error
from firmware_bridge.messages import Capabilities, StagePose
from models.binarise import BINARISERS
from models.density import cells_for_rate
from models.faults import CoverageImpossible, ModelsError
from models.masks import MASKS, MaskRequest, MaskResult, make_mask
from models.masks.network import require_network


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The object as the camera saw it, placed on the stage."""

    frame: Frame
    frame_sha256: str
    registration: Registration
    grid: ScanGrid
    rgb: NDArray[Any]
    """The photograph averaged over the footprint at each cell of the scan grid, sRGB, uint8 or uint16 as the frame is,
    shape (rows, columns, 3)."""
    remarks: tuple[str, ...] = ()
    """What somebody should know of its colours, one sentence each."""

    @property
    def display(self) -> NDArray[np.uint8]:
        """The same of 8 bits, to be shown."""
        if self.rgb.dtype == np.uint8:
            return self.rgb
        return np.asarray(np.rint(self.rgb / 257), dtype=np.uint8)


def sight(camera: Camera, config: ScanConfig) -> Sighting:
    """Take a frame, register it, and resample it to the scan grid."""
    frame = camera.capture()
    return place(frame, config, register_frame(frame, config))


def place(frame: Frame, config: ScanConfig, registration: Registration) -> Sighting:
    """Resample a registered frame to the scan grid."""
    grid = grid_of(config.area)
    rgb, remarks = photograph_on_grid(frame, registration, grid, config.instrument)
    return Sighting(frame, frame_digest(frame.image), registration, grid, rgb, remarks)


def frame_digest(image: NDArray[np.generic]) -> str:
    """SHA-256 of a picture's shape, type and values, hexadecimal."""
    digest = hashlib.sha256(f"{image.dtype.str} {image.shape} ".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def grid_of(area: OutlinedConfig) -> ScanGrid:
    """The largest grid of whole cells inside the area."""
    slack = 1e-6
    return ScanGrid(
        area.x_mm,
        area.y_mm,
        area.pitch_mm,
        rows=math.floor(area.height_mm / area.pitch_mm + slack),
        columns=math.floor(area.width_mm / area.pitch_mm + slack),
    )


def uncovered_mm(area: AreaConfig, grid: ScanGrid) -> tuple[float, float]:
    """Width and height of what the grid's whole cells leave over at the area's far ends, each below one pitch."""
    rest = area.width_mm - grid.width_mm, area.height_mm - grid.height_mm
    return max(0.0, rest[0]), max(0.0, rest[1])


def register_frame(frame: Frame, config: ScanConfig) -> Registration:
    """Place the frame on the stage: by its fiducials, a stored calibration of the stage, or a mosaic's own record.

    A stored calibration of the stage is held against the fiducials that are listed; where none are, a note says so.

    Raises
    ------
    SafetyStop
        The registration cannot be had, it or its expected error is worse than half a pitch, or fiducials lie by more
        than that from where a stored calibration says.
    UsageError
        A stored calibration is missing or damaged, or nothing places the frame.
    """
    registration = register_as_configured(frame, config)
    if config.instrument.stage_calibration is None:
        return registration
    fiducials = fiducials_of(config)
    if not fiducials:
        return noted(registration, UNHELD)
    dictionary = config.instrument.fiducials.dictionary
    held_by_fiducials(registration, frame, fiducials, dictionary, tolerance_mm=config.area.pitch_mm / 2)
    return registration


def register_as_configured(frame: Frame, config: ScanConfig) -> Registration:
    """As `register_frame`, and a stored calibration of the stage is taken at its word."""
    _require_placement(config)
    stored, camera = config.instrument.stage_calibration, config.instrument.camera
    if isinstance(camera, MosaicCameraConfig):
        outcome = placed_mosaic(frame, Path(camera.path), config.area)
    else:
        outcome = _by_fiducials(frame, config) if stored is None else placed_frame(frame, Path(stored))
    if isinstance(outcome, NotRegistered):
        raise SafetyStop(f"the photograph cannot be placed on the stage: {outcome.reason}")
    require_precise(outcome, config.area)
    return outcome


def _require_placement(config: ScanConfig) -> None:
    """Something says where the photograph lies; a calibration that is about to say so is made without."""
    instrument = config.instrument
    is_placed = instrument.stage_calibration is not None or isinstance(instrument.camera, MosaicCameraConfig)
    if not instrument.fiducials.markers and not is_placed:
        raise UsageError(
            "nothing places the photograph: list instrument.fiducials.markers, or give instrument.stage_calibration, "
            "which pointillist calibrate stage makes"
        )


def _by_fiducials(frame: Frame, config: ScanConfig) -> Registration | NotRegistered:
    outcome = register(
        frame.image,
        fiducials_of(config),
        lens=lens_for(config.instrument, frame),
        dictionary=config.instrument.fiducials.dictionary,
        camera_identity=frame.identity,
        registered_at=frame.taken_at,
        tolerance_mm=config.area.pitch_mm / 2,
    )
    origin = lens_origin(config.instrument)
    return noted(outcome, origin) if origin and isinstance(outcome, Registration) else outcome


def fiducials_of(config: ScanConfig) -> list[Fiducial]:
    """The markers where the configuration says that they lie."""
    stated = config.instrument.fiducials
    return [Fiducial(marker.id, StagePose(marker.x_mm, marker.y_mm), stated.side_mm) for marker in stated.markers]


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
    _require_placement(config)
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

    None where the network that made it is gone or another, and where a campaign or a mode chose them.
    """
    if config.placement is not None or plan.way is not None:
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
        exposures = cells_for_rate(config.sampling.rate, allowed_count(config, plan.grid))
        count = held_out_count(config, exposures, int(free.sum() + plan.mask.cells.sum()))
    else:
        from edge.modes.of_scan import held_out_in_time, setting_of

        count = held_out_in_time(setting_of(sighting, config, stage), config)
    cells = drawn(free, count, config.sampling.seed)
    return with_held_out(plan, cells, dwell_s=config.sampling.dwell_s, passage=passage_of(config, stage))


def _first_part(sighting: Sighting, config: ScanConfig, stage: StageModel) -> ScanPlan:
    """What is known beforehand."""
    if config.has_time:
        from edge.modes.of_scan import first_plan

        return first_plan(sighting, config, stage)
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
