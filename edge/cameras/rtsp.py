"""A network camera's video over RTSP, by OpenCV's FFmpeg."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from edge.cameras.credentials import read_credentials
from edge.cameras.exposures import averaged
from edge.cameras.frame import Frame, checked_frame
from edge.configuration.camera import RtspCameraConfig
from edge.faults import DeviceError


class RtspCamera:
    """A camera with an address that sends video; opened for each picture."""

    def __init__(self, config: RtspCameraConfig, *, open_video: Callable[[str, float], Any] | None = None) -> None:
        self._config = config
        self._open_video = open_video or _open_video

    def capture(self) -> Frame:
        config = self._config
        video = self._open_video(self._address(), config.timeout_s)
        try:
            if not video.isOpened():
                raise DeviceError(
                    f"{config.url}: no camera answers with video within {config.timeout_s:g} s: switch it on, check "
                    "the network, instrument.camera.url and credentials"
                )
            bgr = averaged(
                lambda: self._next(video),
                warm_up_frames=config.warm_up_frames,
                average_frames=config.average_frames,
                name=config.url,
            )
        finally:
            video.release()
        image = np.ascontiguousarray(bgr[:, :, ::-1])
        return checked_frame(image, identity=config.url, taken_at_s=time.time(), name=config.url)

    def _next(self, video: Any) -> NDArray[Any]:
        arrived, picture = video.read()
        if not arrived or picture is None:
            raise DeviceError(f"{self._config.url}: the camera was lost in mid-stream: check it and the network")
        return np.asarray(picture)

    def _address(self) -> str:
        credentials = read_credentials(self._config.credentials)
        if credentials is None:
            return self._config.url
        scheme, rest = self._config.url.split("://", 1)
        return f"{scheme}://{quote(credentials[0], safe='')}:{quote(credentials[1], safe='')}@{rest}"


def _open_video(address: str, timeout_s: float) -> Any:
    import cv2

    milliseconds = max(1, round(timeout_s * 1000))
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
