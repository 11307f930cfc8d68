"""A frame placed by a stored calibration of the stage, and whether a registration is precise enough to scan by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from calibration.expected_error import expected_error_mm
from calibration.fiducials import Fiducial, detect_fiducials
from calibration.registration import NotRegistered, Registration
from calibration.registration_record import registration_digest
from calibration.stage_calibration import KIND, StageCalibration, placed_by, stage_from_dict
from calibration.stored import DamagedCalibration, read_stored
from calibration.verify import PlaneChange, change_at_fiducials
from edge.cameras import Frame
from edge.cameras.identity import is_same_camera
from edge.configuration.area import AreaConfig
from edge.faults import SafetyStop, UsageError

PLACED_BY: Final = "placed by the stage calibration"
UNHELD: Final = (
    "nothing shows whether camera and stage stand as they did when the stage was calibrated: no fiducials are listed "
    "to hold it against; look with pointillist calibrate verify --spot"
)
_NODES = 9


def read_stage_calibration(path: Path) -> StageCalibration:
    """A stored calibration of the stage.

    Raises
    ------
    UsageError
        It is missing, damaged, or of another kind; one sentence with the remedy.
    """
    try:
        stored = read_stored(path, [KIND])
        return stage_from_dict(stored.content, stored.digest)
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None


def placed_frame(frame: Frame, path: Path) -> Registration | NotRegistered:
    """Register a frame by the stored calibration, which must be of this camera at this size."""
    height, width = frame.image.shape[:2]
    calibration = read_stage_calibration(path)
    if is_same_camera(calibration.camera_identity, frame.identity):
        calibration = replace(calibration, camera_identity=frame.identity)
    origin = f"{PLACED_BY} made at {calibration.made_at}, digest {calibration.digest}"
    calibration = replace(calibration, notes=(origin, *calibration.notes))
    return placed_by(
        calibration,
        camera_identity=frame.identity,
        width_px=width,
        height_px=height,
        taken_at=frame.taken_at,
    )


def held_by_fiducials(
    registration: Registration, frame: Frame, fiducials: Sequence[Fiducial], dictionary: str, *, tolerance_mm: float
) -> str:
    """Hold a stored calibration of the stage against fiducials in a frame that it places; one sentence of how it holds.

    Parameters
    ----------
    registration
        Of the frame, by the stored calibration.
    tolerance_mm
        Root mean square distance of the fiducials' centres from where it says that is accepted.

    Raises
    ------
    SafetyStop
        It does not hold, or the frame cannot tell: fewer than two fiducials, or one of them twice.
    """
    try:
        seen = detect_fiducials(frame.image, dictionary, [each.id for each in fiducials])
    except ValueError as error:
        raise SafetyStop(f"the stage calibration cannot be held against the fiducials: {error}") from None
    change = change_at_fiducials(registration, fiducials, seen)
    if change is None:
        raise SafetyStop(
            f"the stage calibration cannot be held against the fiducials: {len(seen)} seen, at least 2 needed: bring "
            "them into the frame, or list none and look with pointillist calibrate verify --spot"
        )
    text = f"{len(seen)} fiducials lie {change.rms_mm:.3f} mm rms from where the stage calibration says"
    if change.rms_mm <= tolerance_mm:
        return text
    raise SafetyStop(f"{text}; {cause_of(change)}: calibrate the stage again, or correct the fiducials' stated places")


def cause_of(change: PlaneChange) -> str:
    """What a change looks like."""
    if change.is_of_scale:
        return f"the picture's scale changed by {100 * (change.scale - 1):+.2f} %: focus or zoom was changed"
    return f"shifted by {math.hypot(change.x_mm, change.y_mm):.2f} mm, turned by {change.turn_deg:.2f} degrees"


def noted(registration: Registration, note: str) -> Registration:
    """The registration with one more note."""
    changed = replace(registration, notes=(*registration.notes, note), digest="")
    return replace(changed, digest=registration_digest(changed))


def error_over_area_mm(registration: Registration, area: AreaConfig) -> tuple[float, float] | None:
    """Expected error over the area, root mean square and largest, mm; None where it is not known."""
    x, y = np.meshgrid(np.linspace(0, area.width_mm, _NODES), np.linspace(0, area.height_mm, _NODES))
    errors = expected_error_mm(registration, np.column_stack([x.ravel() + area.x_mm, y.ravel() + area.y_mm]))
    return None if errors is None else (float(np.sqrt(np.mean(errors**2))), float(errors.max()))


def require_precise(registration: Registration, area: AreaConfig) -> None:
    """The expected error must stay below half a pitch all over the area.

    Raises
    ------
    SafetyStop
        It does not.
    """
    known = error_over_area_mm(registration, area)
    if known is not None and not known[1] <= area.pitch_mm / 2:
        remedy = (
            "place more markers, on all sides of the area"
            if registration.fiducials
            else "calibrate the stage again, with more points all over the area"
        )
        raise SafetyStop(
            f"the photograph's place is expected to be wrong by up to {known[1]:.2f} mm within the area, more than "
            f"half a pitch ({area.pitch_mm / 2:.2f} mm): {remedy}, or enlarge area.pitch_mm"
        )
