"""A name that was written before cameras were known closely passes for the camera of today, another camera does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import edge.simulate
from edge.cameras.identity import body_identity, is_same_camera
from edge.photography.camera_lens import read_camera_calibration

BY_SERIAL = "uvc:046d:082d:A1B2"
BODY = "Canon EOS R5 0123 at 50 mm"


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("uvc:/dev/v4l/by-id/usb-camera", BY_SERIAL),
        ("folder:/frames", f"folder:/frames ({BODY})"),
        ("folder:/frames (2)", f"folder:/frames (2) ({BODY})"),
        ("http://camera/snapshot", f"http://camera/snapshot ({BODY})"),
    ],
)
def test_a_name_of_before_passes_for_the_camera_of_today_and_not_the_other_way_round(recorded: str, now: str) -> None:
    assert is_same_camera(recorded, recorded)
    assert is_same_camera(recorded, now)
    assert not is_same_camera(now, recorded)


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        (BY_SERIAL, "uvc:046d:082d:C3D4"),
        ("uvc:/dev/video0", "uvc:/dev/video1"),
        ("uvc:/dev/video0", "folder:/frames"),
        ("folder:/frames", f"folder:/other ({BODY})"),
        (f"folder:/frames ({BODY})", "folder:/frames (Canon EOS R5 0123 at 85 mm)"),
        ("", f" ({BODY})"),
    ],
)
def test_another_camera_does_not_pass(recorded: str, now: str) -> None:
    assert not is_same_camera(recorded, now)


@pytest.mark.parametrize(
    "now", ["folder:/frames", "rtsp://camera/1", f"folder:/frames ({BODY})", f"http://a/ ({BODY})"]
)
def test_a_bodys_name_passes_for_that_body_and_for_what_names_none(now: str) -> None:
    assert is_same_camera(body_identity(BODY), now)


@pytest.mark.parametrize("now", [BY_SERIAL, "folder:/frames (Canon EOS R5 0123 at 85 mm)"])
def test_a_bodys_name_does_not_pass_for_another_that_names_itself(now: str) -> None:
    assert not is_same_camera(body_identity(BODY), now)


def test_the_demonstrations_lens_is_not_taken_for_a_real_cameras() -> None:
    stored = Path(edge.simulate.__file__).parent / "panel" / "camera.yaml"
    of = read_camera_calibration(stored).camera_identity
    assert is_same_camera(of, "folder:/demo/frames")
    assert not is_same_camera(of, BY_SERIAL)
