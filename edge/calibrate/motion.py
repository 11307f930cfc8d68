"""`pointillist calibrate motion`: how the stage moves, from a short run of its own or a recording that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from calibration.motion_calibration import KIND, MotionCalibration, MovedBy, motion_to_dict
from calibration.motion_fit import NotFitted, fit_motion
from calibration.stored import store
from edge.beam.scan import RunOutcome
from edge.calibrate.age import examine_ages
from edge.calibrate.before_visits import writable
from edge.calibrate.motion_plan import Strokes, motion_table, room_in
from edge.configuration.config import SamplingConfig, ScanConfig, load_scan_config, parse_scan_config
from edge.configuration.devices import MarlinStageConfig, NativeControllerConfig, PairedControllerConfig
from edge.console import Console
from edge.faults import ScanStopped, UsageError
from edge.folds.ledger import read_ledger
from edge.motion.kinematics import StageModel, predict_duration
from edge.motion.refit import figures_of, seen_in
from edge.motion.seen import MotionSeen, dwell_step_s, held_against, legs_of, motion_of, reversal_mm, stroke_factor
from edge.motion.stage_known import calibrated_stage, stated_stage
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan, check_plan, live_s_per_cell, plan_from_json
from edge.planning.scan_plan import frozen_table
from edge.planning.text import sealed
from edge.prepare import Sighting, require_known_names
from edge.readiness.doctor import examine_disk, examine_installation, require
from edge.record.folder import new_folder, open_recording, refuse_taken
from edge.report.stage import figure_words, stage_words
from edge.report.wording import duration
from firmware_bridge.messages import Capabilities
from models.sampling import SamplingMask

_ORIGIN: Final = "motion-calibration"
_NATIVE_STROKE_S: Final = 0.1
_PAIRED_STROKE_S: Final = 1.0
"""Long enough for spectrometers that are read over a serial line."""
_READ_LATE_S: Final = 0.1
"""By so much a spectrum that ends in motion may be read late, on a busy computer."""


def calibrate_motion(
    path: Path | None,
    *,
    recording: Path | None,
    flies: bool = True,
    review: bool = False,
    out: Path | None,
    console: Console,
) -> Path:
    """Calibrate how the stage moves and keep the result; gives the stored file.

    With a configuration the beam is on: typing the command is the arming, as of a scan. The run is recorded as a scan
    is, within the same limits. With a recording nothing moves.

    Parameters
    ----------
    path
        The scan's configuration; None: the calibration is made from a recording.
    recording
        Folder of a recording that is there; None: one is made.
    flies
        Whether runs are flown, too, where the controller can.
    review
        Whether the plan is shown and asked for before the shutter opens.
    out
        Folder of stored calibrations; None: ``calibrations/`` beside the configuration, or here.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and its exit code; the shutter is closed.
    """
    if (path is None) == (recording is None):
        raise UsageError("give either a configuration, to move the stage, or --recording FOLDER, to move nothing")
    folder = writable(out or (path.parent if path is not None else Path()) / "calibrations")
    made_by: MovedBy | None = None
    if recording is None:
        assert path is not None
        recording, made_by = _recorded(path, flies=flies, review=review, console=console)
        console.say(f"To have the run count as dose of a scan of the same object: dose.earlier: [{recording}]")
    calibration = calibration_from(recording, made_by)
    for line in told(calibration, recording):
        console.say(line)
    stored = store(folder, KIND, motion_to_dict(calibration), made_at=calibration.made_at)
    console.say(f"Kept in {stored}; to plan by it: instrument.motion_calibration: {stored}")
    return stored


def calibration_from(folder: Path, moved_by: MovedBy | None = None) -> MotionCalibration:
    """Fit the stage's motion to a recording.

    Parameters
    ----------
    moved_by
        The controller as it announced itself; None: as far as the recording says.

    Raises
    ------
    UsageError
        The recording has no plan, or its moves are too few or too much alike.
    """
    seen, stated, firmware = _read(folder)
    fit = fit_motion(legs_of(seen), motion_of(stated))
    if isinstance(fit, NotFitted):
        raise UsageError(
            f"{folder}: {fit.reason}: give the recording of a longer scan, or calibrate with pointillist calibrate "
            "motion CONFIG"
        )
    step_s = dwell_step_s(seen)
    backlash_mm, backlash_error_mm = reversal_mm(seen)
    calibration = MotionCalibration(
        motion=fit.motion,
        errors=fit.errors,
        scatter_s=fit.scatter_s,
        difference=0.0,
        legs=fit.legs,
        left_out=fit.left_out,
        dwell_step_s=step_s or 0.0,
        stroke_factor=stroke_factor(seen),
        backlash_mm=backlash_mm,
        backlash_error_mm=backlash_error_mm,
        moved_by=moved_by or MovedBy(firmware, None, None),
        recording=folder.name,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=_notes(seen, fit.errors, step_s),
    )
    return _held(calibration, seen, stated)


def told(calibration: MotionCalibration, folder: Path) -> list[str]:
    """What the operator should know, line by line."""
    _, stated, _ = _read(folder)
    stage = replace(calibrated_stage(calibration, stated), origin="")
    lines = [f"The stage: {stage_words(stage)}", f"Fitted to {calibration.legs} moves, {calibration.left_out} left out"]
    figures = figures_of(calibration.motion, calibration.errors, stated)
    lines += [f"  {figure.name}: {figure_words(figure)}" for figure in figures]
    lines.append(
        f"A single move departs from that by {duration(calibration.scatter_s)}; all together took "
        f"{100 * calibration.difference:+.2f} % against it"
    )
    if calibration.backlash_mm is not None and calibration.backlash_error_mm is not None:
        x, y = (
            f"{1000 * value:.1f} ± {1000 * error:.1f} µm"
            for value, error in zip(calibration.backlash_mm, calibration.backlash_error_mm, strict=True)
        )
        lines.append(f"Measured positions differ with the side that they are reached from by {x} in x, {y} in y")
    return [*lines, *calibration.notes]


def _read(folder: Path) -> tuple[MotionSeen, StageModel, str]:
    """A recording's motion, what was known of the stage before, and the controller's firmware."""
    with open_recording(folder) as recording:
        history, paths = recording.history, recording.paths
        if not history.plan_json or history.exposures == 0:
            raise UsageError(f"{folder}: nothing was measured there, so nothing moved: give another recording")
        config = parse_scan_config(history.config_yaml, paths.config)
        plan = plan_from_json(history.plan_json)
        # what a plan was priced with knew the controller's limits, unless it was a calibration's
        stated = plan.stage if plan.stage is not None and not plan.stage.origin else stated_stage(config)
        seen = seen_in(read_ledger(recording.reader, plan.grid), plan.table, history.received_before)
        firmware = dict(history.opened[-1].versions).get("firmware", "")
    return seen, stated, firmware


def _held(calibration: MotionCalibration, seen: MotionSeen, stated: StageModel) -> MotionCalibration:
    return replace(calibration, difference=held_against(seen, calibrated_stage(calibration, stated)).difference)


def _notes(seen: MotionSeen, errors: Mapping[str, float], step_s: float | None) -> tuple[str, ...]:
    """What the moves could not tell."""
    untold = [words for name, words in (("speed", "speed"), ("acceleration", "acceleration")) if name not in errors]
    notes = [f"The moves tell no {words}: too few are long enough; it is left as stated" for words in untold]
    if "settle" not in errors:
        notes.append("No dwell was made twice in one place, so settling is left as stated, and the rest is overhead")
    if "run_overhead" not in errors:
        notes.append("There were no runs, so each is taken to cost what a dwell does")
    if step_s is None:
        notes.append(
            "Dwells are neither as long as asked nor rounded up to a step: look at the spectrometer's settings"
        )
    return tuple(notes)


def _recorded(path: Path, *, flies: bool, review: bool, console: Console) -> tuple[Path, MovedBy]:
    """Make the run; gives its recording, and the controller as it announced itself."""
    from edge.app import record

    config = _config_of_run(load_scan_config(path))
    require_known_names(config)
    folder = new_folder(config.object.identifier, suffix="-motion")
    refuse_taken(folder)
    require([*examine_installation(), *examine_disk(config, folder), *examine_ages(config)])
    moved_by: list[MovedBy] = []

    def planner(sighting: Sighting, config: ScanConfig, capabilities: Capabilities) -> ScanPlan:
        moved_by.append(
            MovedBy(capabilities.firmware, capabilities.max_speed_mm_s, capabilities.max_acceleration_mm_s2)
        )
        strokes = _strokes(config) if flies else Strokes(0.0)
        plan = plan_of_run(sighting, config, capabilities, strokes)
        console.say(_beforehand(plan))
        return plan

    outcome, paths = record(config, folder, console, review=review, planner=planner)
    if outcome is not RunOutcome.FINISHED:
        raise ScanStopped(
            f"stopped before all moves were made, nothing is calibrated; pointillist scan --resume {paths.folder} goes "
            f"on with them, and pointillist calibrate motion --recording {paths.folder} calibrates by them"
        )
    return paths.folder, moved_by[0]


def plan_of_run(sighting: Sighting, config: ScanConfig, capabilities: Capabilities, strokes: Strokes) -> ScanPlan:
    """The moves of a calibration as a plan, checked against limits and dose.

    Raises
    ------
    SafetyStop
        The area leaves no room, or the plan breaks a limit.
    """
    grid, stage = sighting.grid, stated_stage(config, capabilities)
    table = frozen_table(
        motion_table(
            room_in(config, grid),
            grid,
            stage,
            capabilities,
            strokes=strokes,
            most_live_s=config.dose.max_live_s_per_cell,
            passage=passage_of(config, stage),
        )
    )
    cells = live_s_per_cell(table, grid) > 0
    cells.flags.writeable = False
    expected = predict_duration(table, stage)
    plan = sealed(
        ScanPlan(
            grid=grid,
            table=table,
            mask=SamplingMask(cells, float(cells.mean()), _ORIGIN, "none", config.sampling.seed),
            registration_digest=sighting.registration.digest,
            predicted_s=expected.total_s,
            travel_mm=expected.travel_mm,
            beam_s=expected.beam_s,
            longest_move_s=expected.longest_move_s,
            digest="",
            stage=stage,
        )
    )
    check_plan(plan, config, capabilities)
    return plan


def _beforehand(plan: ScanPlan) -> str:
    dose = live_s_per_cell(plan.table, plan.grid)
    return (
        f"The stage makes {len(plan.table)} dwells and strokes of {duration(plan.beam_s)} in all, with the beam on for "
        f"about {duration(plan.predicted_s)}; no cell is measured for more than {duration(float(dose.max()))}. Nothing "
        "of the beam is needed: with the tube switched off by its own control it does as well"
    )


def _strokes(config: ScanConfig) -> Strokes:
    match config.instrument.controller:
        case NativeControllerConfig():
            return Strokes(_NATIVE_STROKE_S)
        case PairedControllerConfig(stage=MarlinStageConfig()):
            return Strokes(0.0)
        case PairedControllerConfig():
            return Strokes(_PAIRED_STROKE_S, config.area.pitch_mm / 2 / _READ_LATE_S)


def _config_of_run(config: ScanConfig) -> ScanConfig:
    """The scan's configuration without a calibration to plan by, standard, and looks on the way."""
    instrument = config.instrument.model_copy(update={"standard": None, "motion_calibration": None})
    sampling = SamplingConfig(rate=config.sampling.rate, mask="grid", dwell_s=0.05, seed=config.sampling.seed)
    checks = config.checks.model_copy(update={"every_minutes": None})
    return config.model_copy(
        update={"instrument": instrument, "sampling": sampling, "checks": checks, "placement": None}
    )
