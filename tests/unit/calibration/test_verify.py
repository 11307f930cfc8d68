"""What changed between two registrations is told apart: shift, turn, scale, sharpness."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.fiducials import Fiducial
from calibration.registration import Registration
from calibration.verify import change_at_fiducials, change_of_view, plane_change, sharpness
from firmware_bridge.messages import StagePose

POINTS = np.array([[0.0, 0], [40, 0], [40, 30], [0, 30], [20, 15]])


def view(scale: float = 10.0, left: float = 0.0) -> Registration:
    """A camera that looks straight on."""
    stage_from_camera = np.array([[1 / scale, 0, left], [0, 1 / scale, 0], [0, 0, 1]])
    matrix = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])
    return Registration(stage_from_camera, matrix, np.zeros(5), (), np.zeros(4), "bench", "2026-01-02", "")


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-30, 30), st.floats(0.9, 1.1))
def test_a_similarity_is_found_as_it_was_made(x, y, turn_deg, scale):
    turn = np.deg2rad(turn_deg)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = POINTS.mean(axis=0)
    change = plane_change(POINTS, (POINTS - centre) @ rotation.T + centre + [x, y])
    assert (change.x_mm, change.y_mm) == pytest.approx((x, y), abs=1e-9)
    assert change.turn_deg == pytest.approx(turn_deg, abs=1e-9)
    assert change.scale == pytest.approx(scale, abs=1e-12)
    assert change.misfit_mm < 1e-9


def test_a_refocused_camera_is_a_change_of_scale_and_a_shifted_one_is_not():
    assert change_of_view(view(10.0), view(10.2), POINTS).is_of_scale
    shifted = change_of_view(view(), view(left=0.4), POINTS)
    assert not shifted.is_of_scale
    assert shifted.largest_mm == pytest.approx(0.4)


def test_fiducials_are_measured_from_where_a_registration_expects_them():
    fiducials = [Fiducial(i, StagePose(10.0 * i, 5.0), 2.0) for i in range(3)]
    seen = {each.id: each.corners_mm * 10 + [3.0, 0.0] for each in fiducials}
    change = change_at_fiducials(view(), fiducials, seen)
    assert change is not None
    assert change.x_mm == pytest.approx(0.3)


def test_prints_that_are_turned_against_the_stage_are_measured_by_their_centres():
    fiducials = [Fiducial(i, StagePose(10.0 * i, 5.0), 2.0) for i in range(3)]
    seen = {each.id: np.roll(each.corners_mm, 1, axis=0) * 10 for each in fiducials}
    assert change_at_fiducials(view(), fiducials, seen).largest_mm == pytest.approx(0.0, abs=1e-9)


def test_one_fiducial_cannot_tell():
    fiducial = Fiducial(0, StagePose(10.0, 5.0), 2.0)
    assert change_at_fiducials(view(), [fiducial], {0: fiducial.corners_mm * 10}) is None


def marker_picture(blur_px: float, light: float = 1.0) -> np.ndarray:
    grey = np.full((200, 200), 220, np.float32)
    grey[60:140, 60:140] = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(0), 3, 80)
    blurred = cv2.GaussianBlur(grey, (0, 0), blur_px) * light
    return np.repeat(blurred[..., None], 3, axis=2).astype(np.uint8)


def test_sharpness_falls_with_blur_and_not_with_light():
    fiducial = [Fiducial(3, StagePose(10.0, 10.0), 8.0)]
    sharp, dim, blurred = (
        sharpness(picture, view(), fiducial)
        for picture in (marker_picture(1.0), marker_picture(1.0, 0.4), marker_picture(3.0))
    )
    # rounding to levels adds curvature of noise, more of it to the dim picture
    assert dim == pytest.approx(sharp, rel=0.05)
    assert blurred < 0.5 * sharp


def test_a_marker_beyond_the_picture_says_nothing_of_sharpness():
    assert sharpness(marker_picture(1.0), view(), [Fiducial(3, StagePose(0.0, 0.0), 8.0)]) == 0.0
