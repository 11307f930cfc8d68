"""A name that was written before cameras were known closely passes for the camera of today, another camera does not."""

from __future__ import annotations

import pytest

from edge.cameras.identity import is_same_camera

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
