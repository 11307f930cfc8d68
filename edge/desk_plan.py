"""`pointillist plan`: a scan's plan and its pictures, from configuration and photograph alone."""

from __future__ import annotations

from pathlib import Path

from edge.camera_lens import read_camera_calibration
from edge.cameras import Camera, FileCamera, open_camera
from edge.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.doctor import examine_disk, examine_installation, examine_wiring, require
from edge.faults import UsageError
from edge.plan import plan_to_json
from edge.plan_figures import figures, tell_plan, tell_registration
from edge.prepare import plan_without_controller, require_known_names, sight
from edge.review import write_pictures
from edge.stage_placing import read_stage_calibration

PLAN_NAME = "plan.json"


def write_plan(path: Path, *, out: Path, photograph: Path | None, console: Console) -> None:
    """Plan a scan as `run_scan` would, and leave plan and pictures in a folder; nothing but the camera is touched.

    Parameters
    ----------
    path
        The scan's configuration.
    out
        Folder of plan and pictures, new or empty; made once the plan stands.
    photograph
        A picture as the configured camera would take it, in its place; None asks the camera.

    Raises
    ------
    UsageError, ModelsError
        An argument, the configuration or a name in it cannot be used.
    DeviceError
        No picture can be had, or it shows nothing.
    SafetyStop
        The photograph cannot be placed on the stage, or the plan breaks a limit.
    """
    config = load_scan_config(path)
    require_known_names(config)
    _refuse_in_use(out)
    require([*examine_installation(), *examine_wiring(config)])
    sighting = sight(_camera(config, photograph), config)
    tell_registration(sighting.registration, console)
    plan = plan_without_controller(sighting, config)
    tell_plan(plan, config, console)
    out.mkdir(parents=True, exist_ok=True)
    pictures = write_pictures(out / "review", sighting, plan, config)
    (out / PLAN_NAME).write_text(plan_to_json(plan), encoding="utf-8")
    console.say("Look at")
    for picture in pictures:
        console.say(f"  {picture}")
    for line in figures(plan, config):
        console.say(f"  {line}")
    console.say(f"The plan is in {out / PLAN_NAME}")
    _tell_unchecked(config, console)


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


def _refuse_in_use(folder: Path) -> None:
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise UsageError(f"{folder}: the folder holds something already: give a new one with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file is in the way: give a new folder with --out")


def _tell_unchecked(config: ScanConfig, console: Console) -> None:
    """What a scan will look at besides, and would refuse to begin for."""
    stage = config.instrument.stage
    is_stated = {"speed_mm_s", "acceleration_mm_s2"} <= stage.model_fields_set
    console.say(
        f"Travel is priced at {stage.speed_mm_s:g} mm/s and {stage.acceleration_mm_s2:g} mm/s2, "
        f"{'as instrument.stage says' if is_stated else 'the defaults where instrument.stage says nothing'}; "
        "a controller with lower limits takes longer"
    )
    console.say(
        "Not checked, since only the controller can tell: whether the stage's travel holds the area, whether spectra "
        f"have {config.instrument.detector.channels} channels, door, shutter and stand-off"
    )
    # The recording may come to lie elsewhere: a disk that is full here forbids no plan.
    for finding in examine_disk(config, Path.cwd()):
        if not finding.passed:
            console.warn(f"a scan recorded here would be refused: {finding.text}")
