"""`pointillist calibrate verify`: whether what was calibrated still holds, finding by finding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calibration.fiducials import detect_fiducials
from calibration.register import HELD_OUT_FROM
from calibration.registration import Registration
from calibration.verify import change_at_fiducials
from edge.calibrate.place import check_place
from edge.cameras import Camera, Frame, open_camera
from edge.config import ScanConfig, load_scan_config, parse_scan_config
from edge.doctor import Finding
from edge.faults import EdgeError, SafetyStop, UsageError
from edge.prepare import Sighting, fiducials_of, register_frame
from edge.record.folder import open_recording
from edge.results import sighting_of
from edge.stage_placing import read_stage_calibration

_DAY_S = 86_400.0


def verify(
    path: Path,
    *,
    against: Path | None,
    show: Callable[[Finding], None],
    open_with: Callable[[ScanConfig], Camera] = lambda config: open_camera(config.instrument.camera),
) -> list[Finding]:
    """Take a photograph and hold everything that is stored against it; each finding is shown as it is found.

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
    findings = []
    for finding in _findings(config, earlier, open_with(config)):
        show(finding)
        findings.append(finding)
    return findings


def _findings(config: ScanConfig, earlier: _Earlier | None, camera: Camera) -> Iterator[Finding]:
    try:
        frame = camera.capture()
    except EdgeError as error:
        yield _failed("camera", error)
        return
    height, width = frame.image.shape[:2]
    yield Finding("camera", True, f"{frame.identity}: {width} x {height} px")
    yield from _of_registration(frame, config)
    if earlier is not None:
        yield _of_place(earlier, frame)


def _of_registration(frame: Frame, config: ScanConfig) -> Iterator[Finding]:
    """Fiducials at places that took no part in the fit."""
    try:
        registration = register_frame(frame, config)
    except EdgeError as error:
        yield _failed("fiducials", error)
        return
    stored = config.instrument.stage_calibration
    if stored is not None:
        yield age_finding("stage calibration", read_stage_calibration(Path(stored)).made_at, config)
        if config.instrument.fiducials.markers:
            yield stage_finding(registration, frame, config)
        return
    yield held_out_finding(registration, config.area.pitch_mm)


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
        return Finding(
            "fiducials", True, f"{text}: place {HELD_OUT_FROM} or more, so that some can check", is_good=False
        )
    return Finding("fiducials", True, text)


def stage_finding(registration: Registration, frame: Frame, config: ScanConfig) -> Finding:
    """Fiducials of this photograph against a registration that was made without it."""
    fiducials = fiducials_of(config)
    seen = detect_fiducials(frame.image, config.instrument.fiducials.dictionary, [each.id for each in fiducials])
    change = change_at_fiducials(registration, fiducials, seen)
    what = "stage calibration"
    if change is None:
        words = f"{len(seen)} fiducials seen, at least 2 needed: bring them into the frame"
        return Finding(what, False, words, SafetyStop)
    fresh = sorted(seen.keys() - set(registration.fiducials))
    text = f"fiducials lie {change.rms_mm:.3f} mm rms from where it says ({len(seen)} seen, {len(fresh)} not in it)"
    if change.rms_mm <= config.area.pitch_mm / 2:
        return Finding(what, True, text)
    cause = (
        f"the picture's scale changed by {100 * (change.scale - 1):+.2f} %: focus or zoom was changed"
        if change.is_of_scale
        else f"shifted by {math.hypot(change.x_mm, change.y_mm):.2f} mm, turned by {change.turn_deg:.2f} degrees"
    )
    return Finding(what, False, f"{text}; {cause}: calibrate the stage again", SafetyStop)


def age_finding(what: str, made_at: str, config: ScanConfig, now: datetime | None = None) -> Finding:
    """How old a stored calibration is."""
    days = ((now or datetime.now(UTC)) - datetime.fromisoformat(made_at)).total_seconds() / _DAY_S
    most = config.checks.max_age_days
    text = f"made {days:.1f} days ago"
    if most is None or days <= most:
        return Finding(what, True, text)
    return Finding(
        what, False, f"{text}, over the {most:g} allowed by checks.max_age_days: calibrate again", UsageError
    )


def _of_place(earlier: _Earlier, frame: Frame) -> Finding:
    try:
        checked = check_place(earlier.sighting, frame, earlier.config)
    except EdgeError as error:
        return _failed("place", error)
    return Finding("place", True, "; ".join((checked.sentence, *checked.remarks)), is_good=not checked.remarks)


@dataclass(frozen=True, slots=True, eq=False)
class _Earlier:
    """What a recording says."""

    sighting: Sighting
    config: ScanConfig


def _recorded(folder: Path) -> _Earlier:
    with open_recording(folder) as recording:
        history, paths = recording.history, recording.paths
    if history.registration is None:
        raise UsageError(f"{folder}: this scan ended before its photograph was placed: give another recording")
    config = parse_scan_config(history.config_yaml, paths.config)
    return _Earlier(sighting_of(paths, history, config), config)


def _failed(what: str, error: EdgeError) -> Finding:
    return Finding(what, False, str(error), type(error))
