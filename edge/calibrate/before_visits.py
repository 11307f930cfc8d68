"""What is asked before a stage goes from place to place: a camera that follows it, and a folder that can be written."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edge.cameras import Camera, Frame, open_camera
from edge.configuration.camera import FileCameraConfig, FolderCameraConfig, MosaicCameraConfig
from edge.configuration.config import ScanConfig
from edge.faults import UsageError


class SettledCamera:
    """A camera that is asked once the stage has stood still for as long as it needs to settle."""

    def __init__(self, camera: Camera, settle_s: float, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._camera = camera
        self._settle_s = settle_s
        self._sleep = sleep

    def capture(self) -> Frame:
        self._sleep(self._settle_s)
        return self._camera.capture()


def camera_that_follows(config: ScanConfig) -> Camera:
    """The configured camera, for a picture at each place of the stage.

    Raises
    ------
    UsageError
        Its pictures are taken elsewhere, so that the newest may be of the place before.
    """
    if isinstance(config.instrument.camera, FileCameraConfig | FolderCameraConfig | MosaicCameraConfig):
        raise UsageError(
            "instrument.camera gives pictures that are taken elsewhere, and here one is taken at each place of the "
            "stage: configure a camera of the kind uvc, http or rtsp, or calibrate from pictures or points that are "
            "there already (--frames, --points, or by fiducials)"
        )
    return SettledCamera(open_camera(config.instrument.camera), config.instrument.stage.settle_s)


def writable(folder: Path) -> Path:
    """The folder, made where it is missing, before a visit whose result it will hold.

    Raises
    ------
    UsageError
        Nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror}): give a folder of your own with --out"
        ) from None
