"""A mosaic's picture as a scan's photograph, placed by the mosaic's own record."""

from __future__ import annotations

from pathlib import Path

from calibration.mosaic.record import COVERED, KIND, place_from_dict, registered_mosaic
from calibration.registration import NotRegistered, Registration
from calibration.stored import DamagedCalibration, read_stored, stored_picture
from edge.cameras import Frame
from edge.cameras.mosaic import MOSAIC, mosaic_identity
from edge.configuration.area import AreaConfig
from edge.faults import SafetyStop, UsageError


def is_mosaic(registration: Registration) -> bool:
    """Whether the photograph is a mosaic."""
    return registration.camera_identity.startswith(MOSAIC)


def mosaic_made_at(path: Path) -> str:
    """When a mosaic was made, UTC, ISO 8601.

    Raises
    ------
    UsageError
        Its file is missing, damaged, or of another kind.
    """
    try:
        return read_stored(path, [KIND]).made_at
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None


def placed_mosaic(frame: Frame, path: Path, area: AreaConfig) -> Registration | NotRegistered:
    """Register a mosaic's picture; the area has to be covered by it.

    Raises
    ------
    UsageError
        The mosaic's file is missing, damaged, or of another kind.
    SafetyStop
        The frame is not this mosaic's picture.
    """
    try:
        stored = read_stored(path, [KIND])
        place = place_from_dict(stored.content)
        covered = stored_picture(stored, COVERED) > 0
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None
    if frame.identity != mosaic_identity(stored.digest) or frame.image.shape[:2] != (place.rows, place.columns):
        raise SafetyStop(
            f"{path}: the photograph ({frame.identity}) is not the picture of this mosaic: name the mosaic that the "
            "scan was planned on, or start a new scan"
        )
    edges_mm = (area.x_mm, area.y_mm, area.x_mm + area.width_mm, area.y_mm + area.height_mm)
    return registered_mosaic(place, covered, edges_mm, identity=frame.identity, at=frame.taken_at)
