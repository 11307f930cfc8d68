"""OpenCV's FFmpeg under the RTSP camera: real streams, and servers that are silent."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from edge.cameras.rtsp import RtspCamera, _open_video
from edge.configuration.camera import RtspCameraConfig
from edge.faults import DeviceError
from edge.simulate.camera_server import camera_served
from firmware_bridge.messages import StagePose


class Stripes:
    """A camera that sees stripes."""

    def render(self, pose: StagePose | None = None) -> np.ndarray:
        image = np.zeros((64, 96, 3), np.uint8)
        image[:, ::32], image[:, 8::16] = 250, (200, 40, 40)
        return image


def test_video_is_read_from_the_network_in_rgb():
    config = RtspCameraConfig(url="rtsp://camera/stream", warm_up_frames=1, average_frames=2)
    with camera_served(Stripes(), lambda: None) as url:
        stream = url.replace("/snapshot.png", "/stream.mjpg")
        frame = RtspCamera(config, open_video=lambda _, timeout_s: _open_video(stream, timeout_s)).capture()
    red, green, blue = frame.image.reshape(-1, 3).mean(axis=0)
    assert red > green + 5
    assert red > blue + 5


def test_a_server_that_says_nothing_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = RtspCameraConfig(url=f"rtsp://127.0.0.1:{silent.getsockname()[1]}/stream", timeout_s=0.2)
        with pytest.raises(DeviceError, match=r"no camera answers with video within 0\.2 s: switch it on"):
            RtspCamera(config).capture()
