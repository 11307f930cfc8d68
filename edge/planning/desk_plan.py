"""`pointillist plan`: a scan's plan and its pictures, from configuration and photograph alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.cameras import Camera, FileCamera, open_camera
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import UsageError
from edge.motion.stage_known import stage_of
from edge.photography.camera_lens import read_camera_calibration
from edge.photography.stage_placing import read_stage_calibration
from edge.planning.desk_comparison import FRONTIER, Aim, compared
from edge.planning.figures import figures, tell_plan, tell_registration
from edge.planning.folder import ReviewedPlan, refuse_in_use, write_plan_folder
from edge.planning.review import write_animation, write_pictures
from edge.planning.scan_plan import ScanPlan
from edge.prepare import Sighting, plan_without_controller, require_known_names, sight
from edge.readiness.doctor import examine_disk, examine_installation, examine_wiring, require
from edge.record.folder import new_folder
from edge.stopping.first_part import warn_of_floor


def write_plan(
    path: Path, *, out: Path | None, photograph: Path | None, console: Console, aim: Aim | None = None
) -> Path:
    """Plan a scan as `run_scan` would, and leave plan and pictures in a folder; nothing but the camera is touched.

    Parameters
    ----------
    path
        The scan's configuration.
    out
        Folder of plan and pictures, new or empty; made once the plan stands. None: one under ``runs/``.
    photograph
        A picture as the configured camera would take it, in its place; None asks the camera.
    aim
        What modes are compared by, in place of what the configuration asks for; None: its own.

    Returns
    -------
    The folder.

    Raises
    ------
    UsageError, ModelsError
        An argument, the configuration or a name in it cannot be used.
    DeviceError
        No picture can be had, or it shows nothing.
    SafetyStop
        The photograph cannot be placed on the stage, or the plan breaks a limit.
    """
    return _written(path, out=out, photograph=photograph, console=console, write=write_pictures, aim=aim)


def dry_run(path: Path, *, out: Path | None, photograph: Path | None, console: Console, aim: Aim | None = None) -> Path:
    """As `write_plan`, and go through the plan in time: an animation of the path, and a page to look at closely."""
    return _written(path, out=out, photograph=photograph, console=console, write=_pictures_and_animation, aim=aim)


def _written(
    path: Path,
    *,
    out: Path | None,
    photograph: Path | None,
    console: Console,
    write: Callable[[Path, Sighting, ScanPlan, ScanConfig], list[Path]],
    aim: Aim | None,
) -> Path:
    config = load_scan_config(path)
    require_known_names(config)
    if aim is not None and config.placement is not None:
        raise UsageError("what a placement measures is its campaign's business: leave --time, --rate and --error out")
    if aim is not None and config.is_coarse:
        raise UsageError(
            "sampling.coarse measures every block, whatever that takes: leave --time, --rate and --error out, or coarse"
        )
    warn_of_floor(config, console)
    folder = out or new_folder(config.object.identifier, suffix="-plan")
    refuse_in_use(folder)
    require([*examine_installation(), *examine_wiring(config)])
    sighting = sight(_camera(config, photograph), config)
    tell_registration(sighting.registration, console)
    frontier = ""
    if aim is not None:
        found = compared(aim, sighting, config, console)
        config, frontier = found.config, found.frontier
    plan = plan_without_controller(sighting, config)
    tell_plan(plan, config, console)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = write(folder / "review", sighting, plan, config)
    if frontier:
        pictures.append(folder / "review" / FRONTIER)
        pictures[-1].write_text(frontier, encoding="utf-8")
    file = write_plan_folder(folder, ReviewedPlan(plan, sighting, is_given=photograph is not None))
    console.say("Look at")
    for picture in pictures:
        console.say(f"  {picture}")
    for line in figures(plan, config):
        console.say(f"  {line}")
    console.say(f"The plan is in {file}; carry it out as it is with: pointillist scan {path} --plan {folder}")
    _tell_unchecked(plan, config, console)
    return folder


def _pictures_and_animation(folder: Path, sighting: Sighting, plan: ScanPlan, config: ScanConfig) -> list[Path]:
    return [*write_pictures(folder, sighting, plan, config), *write_animation(folder, sighting, plan, config)]


def _camera(config: ScanConfig, photograph: Path | None) -> Camera:
    if photograph is None:
        return open_camera(config.instrument.camera)
    if not photograph.is_file():
        raise UsageError(f"{photograph}: no such picture: give --photograph a file, or leave it out to ask the camera")
    return FileCamera(photograph.absolute(), identity=_calibrated_camera(config))


def _calibrated_camera(config: ScanConfig) -> str | None:
    """Whose picture the photograph is, as its giver says: the one that the calibrations are of; None without any."""
    instrument = config.instrument
    if instrument.stage_calibration is not None:
        return read_stage_calibration(Path(instrument.stage_calibration)).camera_identity
    if instrument.camera_calibration is not None:
        return read_camera_calibration(Path(instrument.camera_calibration)).camera_identity or None
    return None


def _tell_unchecked(plan: ScanPlan, config: ScanConfig, console: Console) -> None:
    """What a scan will look at besides, and would refuse to begin for."""
    stage = plan.stage or stage_of(config)
    is_stated = {"speed_mm_s", "acceleration_mm_s2"} <= config.instrument.stage.model_fields_set
    known = "as instrument.stage says" if is_stated else "the defaults where instrument.stage says nothing"
    console.say(
        f"Travel is priced at {stage.speed_mm_s:.4g} mm/s and {stage.acceleration_mm_s2:.4g} mm/s2, "
        f"{stage.origin or known}; a controller with lower limits takes longer"
    )
    console.say(
        "Not checked, since only the controller can tell: whether the stage's travel holds the area, whether spectra "
        f"have {config.instrument.detector.channels} channels, door, shutter and stand-off"
    )
    # The recording may come to lie elsewhere: a disk that is full here forbids no plan.
    for finding in examine_disk(config, Path.cwd()):
        if not finding.passed:
            console.warn(f"a scan recorded here would be refused: {finding.text}")
