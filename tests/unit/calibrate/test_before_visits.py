"""Before a stage is sent from place to place, camera and folder are asked whether they are fit for it."""

from __future__ import annotations

import pytest

from edge.calibrate.before_visits import SettledCamera, camera_that_follows, writable
from edge.calibrate.head import calibrate_head
from edge.calibrate.stage import calibrate_stage
from edge.cameras import Frame
from edge.configuration.camera import FileCameraConfig, FolderCameraConfig, HttpCameraConfig, MosaicCameraConfig
from edge.configuration.config import load_scan_config
from edge.console import Console
from edge.faults import UsageError

CONSOLE = Console(quiet=True, log_level="info")


class Told:
    """A camera that writes down when it is asked."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.said.append(f"waited {seconds:g} s")

    def capture(self) -> Frame:
        self.said.append("asked")
        return None


def test_the_camera_is_asked_after_the_stage_has_settled():
    told = Told()
    SettledCamera(told, 0.3, sleep=told.sleep).capture()
    assert told.said == ["waited 0.3 s", "asked"]


def with_camera(config, camera):
    return config.model_copy(update={"instrument": config.instrument.model_copy(update={"camera": camera})})


@pytest.mark.parametrize(
    "camera", [FileCameraConfig(path="a.png"), FolderCameraConfig(path="a"), MosaicCameraConfig(path="m.yaml")]
)
def test_pictures_that_are_taken_elsewhere_do_not_follow_the_stage(config, camera):
    with pytest.raises(UsageError, match="one is taken at each place of the stage: configure a camera of the kind uvc"):
        camera_that_follows(with_camera(config, camera))


def test_a_camera_that_is_asked_over_the_network_follows_the_stage(config):
    assert isinstance(camera_that_follows(with_camera(config, HttpCameraConfig(url="http://a/"))), SettledCamera)


def head_by_folder(scan_yaml, out):
    calibrate_head(scan_yaml, origin="spot", at_mm=None, step_mm=4.0, frames=None, out=out, console=CONSOLE)


def stage_by_spot(scan_yaml, out):
    ways = {"method": "spot", "points": None, "laser_off": None, "columns": 5, "rows": 5}
    calibrate_stage(scan_yaml, **ways, out=out, console=CONSOLE)


@pytest.mark.parametrize("calibrate", [head_by_folder, stage_by_spot])
def test_nothing_is_calibrated_on_the_way_by_a_folder_of_pictures(scan_yaml, tmp_path, calibrate):
    assert load_scan_config(scan_yaml).instrument.camera.kind == "folder"
    with pytest.raises(UsageError, match="pictures that are taken elsewhere"):
        calibrate(scan_yaml, tmp_path / "kept")


@pytest.mark.parametrize("calibrate", [head_by_folder, stage_by_spot])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_moves(scan_yaml, tmp_path, calibrate):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(UsageError, match="kept: cannot be written"):
        calibrate(scan_yaml, tmp_path / "kept")


def test_a_folder_is_left_as_it_was(tmp_path):
    assert list(writable(tmp_path / "a" / "b").iterdir()) == []
