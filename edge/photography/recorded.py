"""The photograph of a recording, and where it lay."""

from __future__ import annotations

import json
from pathlib import Path

from calibration.registration import Registration
from calibration.registration_record import registration_from_dict
from edge.cameras import Frame
from edge.cameras.picture import recorded_picture
from edge.configuration.config import ScanConfig
from edge.faults import IntegrityError
from edge.prepare import Sighting, frame_digest, place
from edge.record.fold import ScanHistory
from edge.record.folder import RecordingPaths


def sighting_of(paths: RecordingPaths, history: ScanHistory, config: ScanConfig) -> Sighting:
    """The photograph of a recording, placed on the stage again as it was then."""
    picture = recorded_picture(paths.frame)
    registration = registered_in(history, paths.journal)
    assert history.registration is not None
    if frame_digest(picture.image) != history.registration.frame_sha256:
        raise IntegrityError(f"{paths.frame}: is not the photograph that this scan was planned from: restore it")
    frame = Frame(picture.image, registration.camera_identity, registration.registered_at, picture.profile)
    return place(frame, config, registration)


def registered_in(history: ScanHistory, journal: Path) -> Registration:
    """The photograph's place as it was last.

    Raises
    ------
    IntegrityError
        The journal has a plan and no such place, or one that was edited.
    """
    text = "" if history.registration is None else history.registration.registration_json
    try:
        return registration_from_dict(json.loads(text))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise IntegrityError(f"{journal}: its photograph's place cannot be read: restore a copy") from None
