"""`pointillist calibrate verify`: whether what was calibrated still holds, finding by finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from calibration.register import HELD_OUT_FROM
from calibration.registration import Registration
from calibration.stage_calibration import KIND
from calibration.stored import DamagedCalibration, read_stored, stored_picture
from calibration.verify import sharpness
from edge.calibrate.age import examine_ages
from edge.calibrate.before_visits import camera_that_follows
from edge.calibrate.place import BLURRED, check_place
from edge.calibrate.spot_check import spot_findings
from edge.cameras import Camera, Frame, open_camera
from edge.configuration.camera import MosaicCameraConfig
from edge.configuration.config import ScanConfig, load_scan_config, parse_scan_config
from edge.console import Console
from edge.faults import EdgeError, SafetyStop, UsageError
from edge.photography.recorded import sighting_of
from edge.photography.stage_placing import held_by_fiducials
from edge.prepare import Sighting, fiducials_of, register_as_configured
from edge.readiness.doctor import Finding
from edge.record.folder import open_recording

Show = Callable[[Finding], None]


def verify(path: Path, *, against: Path | None, show: Show) -> list[Finding]:
    """Take a photograph and hold everything that is stored against it; each finding is shown as it is found.

    Nothing moves.

    Parameters
    ----------
    path
        Configuration of the scan.
    against
        A recording whose photograph this one is compared with, too; None for none.

    Raises
    ------
    UsageError, IntegrityError
        The configuration or the recording cannot be used.
    """
    config = load_scan_config(path)
    earlier = None if against is None else _recorded(against)
    return _shown(_findings(config, earlier, open_camera(config.instrument.camera)), show)


def verify_with_spot(path: Path, *, against: Path | None, show: Show, console: Console) -> list[Finding]:
    """As `verify`, and then with the alignment laser's spot at places where the stage was not calibrated.

    Raises
    ------
    EdgeError, BridgeError
        As `verify`; or the controller is not ready to move its stage.
    """
    from edge.app import connected

    findings = verify(path, against=against, show=show)
    if any(not finding.passed for finding in findings):
        words = "not looked at: mend first what failed"
        return findings + _shown(iter([Finding("spot", True, words, is_good=False)]), show)
    config = load_scan_config(path)
    camera = camera_that_follows(config)
    with connected(config, console) as connection:
        return findings + _shown(spot_findings(connection.controller, camera, config, say=console.say), show)


def _shown(found: Iterator[Finding], show: Show) -> list[Finding]:
    findings = []
    for finding in found:
        show(finding)
        findings.append(finding)
    return findings


@dataclass(frozen=True, slots=True, eq=False)
class _Earlier:
    """What a recording says."""

    sighting: Sighting
    config: ScanConfig


def _findings(config: ScanConfig, earlier: _Earlier | None, camera: Camera) -> Iterator[Finding]:
    try:
        frame = camera.capture()
    except EdgeError as error:
        yield _failed("camera", error)
        return
    height, width = frame.image.shape[:2]
    yield Finding("camera", True, f"{frame.identity}: {width} x {height} px")
    try:
        yield from examine_ages(config)
        registration = register_as_configured(frame, config)
    except EdgeError as error:
        yield _failed("registration", error)
        return
    yield from _of_registration(registration, frame, config)
    if earlier is not None:
        yield _of_place(earlier, frame)


def _of_registration(registration: Registration, frame: Frame, config: ScanConfig) -> Iterator[Finding]:
    if isinstance(config.instrument.camera, MosaicCameraConfig):
        words = f"covers the area, its frames agree to {1_000 * registration.rms_mm:.0f} um rms; made {frame.taken_at}"
        yield Finding("mosaic", True, f"{words}, and cannot show what has moved since")
    elif config.instrument.stage_calibration is None:
        yield held_out_finding(registration, config.area.pitch_mm)
    elif config.instrument.fiducials.markers:
        yield stage_finding(registration, frame, config)
        yield from _focus(registration, frame, config, Path(config.instrument.stage_calibration))
    else:
        words = "no fiducials are configured to hold it against: look with --spot"
        yield Finding("stage calibration", True, words, is_good=False)


def held_out_finding(registration: Registration, pitch_mm: float) -> Finding:
    """How far fiducials lie from where the others say, against half a pitch."""
    seen, worst_mm = len(registration.fiducials), float(registration.residuals_mm.max())
    how = f"each left out in turn, of {seen}" if seen >= HELD_OUT_FROM else f"of the fit itself, with {seen}"
    text = (
        f"{1_000 * registration.rms_mm:.0f} um rms, {1_000 * worst_mm:.0f} um at most ({how}); "
        f"half a pitch is {500 * pitch_mm:.0f} um"
    )
    if worst_mm > pitch_mm / 2:
        return Finding("fiducials", True, f"{text}: check the worst marker's place and print", is_good=False)
    if seen < HELD_OUT_FROM:
        text += f": place {HELD_OUT_FROM} or more, so that some can check"
        return Finding("fiducials", True, text, is_good=False)
    return Finding("fiducials", True, text)


def stage_finding(registration: Registration, frame: Frame, config: ScanConfig) -> Finding:
    """Fiducials of this photograph against a registration that was made without it."""
    fiducials = fiducials_of(config)
    dictionary, tolerance_mm = config.instrument.fiducials.dictionary, config.area.pitch_mm / 2
    try:
        text = held_by_fiducials(registration, frame, fiducials, dictionary, tolerance_mm=tolerance_mm)
    except SafetyStop as error:
        return _failed("stage calibration", error)
    return Finding("stage calibration", True, text)


def _focus(registration: Registration, frame: Frame, config: ScanConfig, path: Path) -> Iterator[Finding]:
    """Whether the markers' edges are as sharp as when the stage was calibrated; nothing where no marker is in both."""
    try:
        then = stored_picture(read_stored(path, [KIND]), "frame")
    except DamagedCalibration as error:
        yield Finding("focus", True, f"not compared: {error}", is_good=False)
        return
    fiducials = fiducials_of(config)
    was, is_now = sharpness(then, registration, fiducials), sharpness(frame.image, registration, fiducials)
    if min(was, is_now) > 0:
        text = f"edges are {100 * is_now / was:.0f} % as sharp as when the stage was calibrated"
        if BLURRED * was <= is_now <= was / BLURRED:
            yield Finding("focus", True, text)
        else:
            yield Finding("focus", True, f"{text}: focus the camera as it was, or calibrate again", is_good=False)


def _of_place(earlier: _Earlier, frame: Frame) -> Finding:
    try:
        checked = check_place(earlier.sighting, frame, earlier.config)
    except EdgeError as error:
        return _failed("place", error)
    return Finding("place", True, "; ".join((checked.sentence, *checked.remarks)), is_good=not checked.remarks)


def _recorded(folder: Path) -> _Earlier:
    with open_recording(folder) as recording:
        history, paths = recording.history, recording.paths
    if history.registration is None:
        raise UsageError(f"{folder}: this scan ended before its photograph was placed: give another recording")
    config = parse_scan_config(history.config_yaml, paths.config)
    return _Earlier(sighting_of(paths, history, config), config)


def _failed(what: str, error: EdgeError) -> Finding:
    return Finding(what, False, str(error), type(error))
