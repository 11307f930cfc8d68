"""A USB camera, opened for each picture: its first frames are dropped and the next ones averaged or merged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.cameras.exposures import averaged, merged
from edge.cameras.frame import Frame, checked_frame
from edge.cameras.usb_video import camera_identity, device_path, listed_cameras
from edge.configuration.camera import UvcCameraConfig
from edge.faults import DeviceError
from firmware_bridge.usb_identity import UsbPort

_MANUAL, _AUTOMATIC = 1, 3
"""V4L2's menu for exposure: manual, and by aperture priority, which is what cameras without an iris call automatic."""
_UNITS_PER_MS = 10
"""V4L2 counts exposure in 100 us."""


class UvcCamera:
    """A USB camera."""

    def __init__(
        self,
        config: UvcCameraConfig,
        *,
        open_device: Callable[[str], Any] | None = None,
        listed: Callable[[], list[UsbPort]] = listed_cameras,
    ) -> None:
        self._config = config
        self._open_device = open_device or _open_video
        self._listed = listed

    def capture(self) -> Frame:
        config, listed = self._config, self._listed()
        path = device_path(config.device, listed)
        device = self._open_device(path)
        try:
            image = self._read(device)
        finally:
            device.release()
        identity = camera_identity(path, listed)
        return checked_frame(image, identity=identity, taken_at_s=time.time(), name=config.device)

    def _read(self, device: Any) -> NDArray[Any]:
        import cv2

        config = self._config
        if not device.isOpened():
            raise DeviceError(f"{config.device}: no camera there, or another program holds it: check the cable")
        device.set(cv2.CAP_PROP_FRAME_WIDTH, config.width_px)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height_px)
        if not config.exposures_ms:
            return self._averaged(device)
        try:
            return merged([self._exposed(device, ms) for ms in config.exposures_ms], config.exposures_ms)
        finally:
            device.set(cv2.CAP_PROP_AUTO_EXPOSURE, _AUTOMATIC)

    def _exposed(self, device: Any, exposure_ms: float) -> NDArray[np.uint8]:
        """Pictures of one exposure time."""
        import cv2

        wanted = max(1, round(exposure_ms * _UNITS_PER_MS))
        device.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL)
        device.set(cv2.CAP_PROP_EXPOSURE, wanted)
        taken = device.get(cv2.CAP_PROP_EXPOSURE)
        if abs(taken - wanted) > max(1.0, 0.05 * wanted):
            raise DeviceError(
                f"{self._config.device}: the camera exposes for {taken / _UNITS_PER_MS:g} ms when {exposure_ms:g} ms "
                "are asked: leave out instrument.camera.exposures_ms, or give times that it has"
            )
        return self._averaged(device)

    def _averaged(self, device: Any) -> NDArray[np.uint8]:
        config = self._config

        def next_picture() -> NDArray[np.uint8]:
            arrived, picture = device.read()
            if not arrived or picture is None:
                raise DeviceError(f"{config.device}: the camera stopped sending pictures: unplug it and plug it again")
            if picture.shape[:2] != (config.height_px, config.width_px):
                raise DeviceError(
                    f"{config.device}: the camera gives {picture.shape[1]} x {picture.shape[0]} pixels, not "
                    f"{config.width_px} x {config.height_px}: set instrument.camera to a size that it has"
                )
            return np.asarray(picture, dtype=np.uint8)

        bgr = averaged(
            next_picture,
            warm_up_frames=config.warm_up_frames,
            average_frames=config.average_frames,
            name=config.device,
        )
        return np.ascontiguousarray(bgr[:, :, ::-1])


def _open_video(path: str) -> Any:
    import cv2

    if not Path(path).exists():
        raise DeviceError(f"{path}: no such camera: plug it in, or check instrument.camera.device")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DeviceError(f"{path}: this user may not use the camera: add the user to the group 'video'")
    return cv2.VideoCapture(path, cv2.CAP_V4L2)
