"""A stored mosaic in a camera's place: one picture of the whole object, made beforehand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from calibration.mosaic.record import KIND, PICTURE
from calibration.stored import DamagedCalibration, read_stored, stored_picture
from edge.cameras.frame import Frame, checked_frame
from edge.faults import UsageError

MOSAIC: Final = "mosaic:"


def mosaic_identity(digest: str) -> str:
    """How frames name the mosaic that they are."""
    return f"{MOSAIC}{digest[:16]}"


class MosaicCamera:
    """Gives a mosaic that `pointillist calibrate mosaic` made. Implements `edge.cameras.Camera`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def capture(self) -> Frame:
        """The mosaic's picture.

        Raises
        ------
        UsageError
            The file is missing, damaged, or no mosaic.
        """
        try:
            stored = read_stored(self._path, [KIND])
            image = stored_picture(stored, PICTURE)
        except DamagedCalibration as error:
            raise UsageError(str(error)) from None
        return checked_frame(
            image,
            identity=mosaic_identity(stored.digest),
            taken_at_s=datetime.fromisoformat(stored.made_at).timestamp(),
            name=str(self._path),
        )
