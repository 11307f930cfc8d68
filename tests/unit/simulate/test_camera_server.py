"""The simulated camera answers at an address with what it sees then."""

from __future__ import annotations

import urllib.error
import urllib.request

import numpy as np
import pytest

from edge.cameras import open_camera
from edge.configuration.camera import HttpCameraConfig
from edge.simulate.camera_server import camera_served
from firmware_bridge.messages import StagePose


class SmallCamera:
    """Renders a picture in which the stage's x is a level."""

    def render(self, pose: StagePose | None = None) -> np.ndarray:
        image = np.zeros((64, 96, 3), np.uint8)
        image[:, ::2] = 200
        image[:, :, 1] = 0 if pose is None else round(pose.x_mm)
        return image


def test_each_snapshot_shows_where_the_stage_stands_when_it_is_asked_for(tmp_path):
    poses = [None, StagePose(40.0, 0.0), StagePose(90.0, 0.0)]
    link = tmp_path / "camera"
    with camera_served(SmallCamera(), lambda: poses.pop(0), link=link) as url:
        assert link.read_text() == f"{url}\n"
        camera = open_camera(HttpCameraConfig(url=url))
        seen = [int(camera.capture().image[0, 0, 1]) for _ in range(3)]
    assert seen == [0, 40, 90]
    assert not link.exists()


def test_the_stream_is_read_as_a_camera(tmp_path):
    with camera_served(SmallCamera(), lambda: None) as url:
        stream = url.replace("/snapshot.png", "/stream.mjpg")
        frame = open_camera(HttpCameraConfig(url=stream, warm_up_frames=1, average_frames=2)).capture()
    assert frame.image.shape == (64, 96, 3)


def test_another_page_is_not_found():
    with camera_served(SmallCamera(), lambda: None) as url, pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url.replace("snapshot", "nothing"), timeout=10)
