"""A frame placed by a stored calibration of the stage, and whether a registration is precise enough to scan by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.expected_error import expected_error_mm
from calibration.registration import NotRegistered, Registration
from calibration.stage_calibration import KIND, StageCalibration, placed_by, stage_from_dict
from calibration.stored import DamagedCalibration, read_stored
from edge.cameras import Frame
from edge.config import AreaConfig
from edge.faults import SafetyStop, UsageError

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
    return placed_by(
        read_stage_calibration(path),
        camera_identity=frame.identity,
        width_px=width,
        height_px=height,
        taken_at=frame.taken_at,
    )


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
