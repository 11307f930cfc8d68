"""Planes are recovered from points, whatever the pose, and points survive the way there and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.homography import agreeing_points, fit_plane, homography_dlt
from calibration.lens import Lens, distort_points, undistort_points, without_distortion
from calibration.projection import apply_homography

LAYOUT = np.array([(x, y) for x in (0.0, 40.0, 80.0, 120.0) for y in (0.0, 45.0, 90.0)])
degrees = st.floats(-25, 25)


def plane_from(tilt_x: float, tilt_y: float, roll: float, distance_mm: float) -> np.ndarray:
    """Stage to pixels of a camera of 2000 px focal length, aimed at the layout's middle."""
    a, b, c = np.deg2rad([tilt_x, tilt_y, roll])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    rotation = z @ x @ y
    shift = np.array([0, 0, distance_mm]) - rotation @ np.array([60.0, 45.0, 0])
    homography = np.array([[2000, 0, 960], [0, 2000, 640], [0, 0, 1.0]]) @ np.column_stack(
        [rotation[:, 0], rotation[:, 1], shift]
    )
    return homography / homography[2, 2]


@given(degrees, degrees, st.floats(-180, 180), st.floats(200, 900))
@settings(max_examples=60, deadline=None)
def test_a_plane_in_any_pose_is_recovered_from_exact_points(tilt_x, tilt_y, roll, distance_mm):
    truth = plane_from(tilt_x, tilt_y, roll, distance_mm)
    estimate = homography_dlt(LAYOUT, apply_homography(truth, LAYOUT))
    inside = np.array([[10.0, 20.0], [77.0, 61.0], [118.0, 3.0]])
    np.testing.assert_allclose(apply_homography(estimate, inside), apply_homography(truth, inside), atol=1e-6)


@given(degrees, degrees, st.floats(-180, 180), st.floats(200, 900))
@settings(max_examples=60, deadline=None)
def test_points_survive_the_way_to_the_picture_and_back(tilt_x, tilt_y, roll, distance_mm):
    homography = plane_from(tilt_x, tilt_y, roll, distance_mm)
    there = apply_homography(homography, LAYOUT)
    np.testing.assert_allclose(apply_homography(np.linalg.inv(homography), there), LAYOUT, atol=1e-7)


@given(st.floats(-0.15, 0.15), st.floats(-0.05, 0.05), st.floats(-0.002, 0.002), st.floats(-0.002, 0.002))
@settings(max_examples=60, deadline=None)
def test_undistortion_undoes_distortion_all_over_the_picture(k1, k2, p1, p2):
    matrix, distortion = without_distortion(1920, 1280).matrix, np.array([k1, k2, p1, p2, 0.0])
    points = np.array([(x, y) for x in (0.0, 500.0, 960.0, 1919.0) for y in (0.0, 640.0, 1279.0)])
    back = distort_points(undistort_points(points, matrix, distortion), matrix, distortion)
    np.testing.assert_allclose(back, points, atol=1e-4)


def test_distortion_agrees_with_opencv():
    matrix = np.array([[900.0, 0, 640], [0, 910, 470], [0, 0, 1]])
    lens = Lens(matrix, np.array([-0.2, 0.05, 1e-3, -2e-3, 0.01]), 1280, 960)
    points = np.array([(100.0, 80.0), (640.0, 470.0), (1200.0, 900.0)])
    rays = np.column_stack([(points - matrix[:2, 2]) / np.diag(matrix)[:2], np.ones(3)])
    theirs, _ = cv2.projectPoints(rays.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), lens.matrix, lens.distortion)
    np.testing.assert_allclose(lens.distort_points(points), theirs.reshape(-1, 2), atol=1e-8)


def test_undistortion_maps_lead_each_pixel_to_where_it_was_seen():
    lens = Lens(np.array([[300.0, 0, 100], [0, 300, 70], [0, 0, 1]]), np.array([-0.1, 0.02, 0, 0, 0]), 200, 140)
    columns, rows = lens.undistort_maps()
    assert columns.shape == rows.shape == (140, 200)
    seen = lens.distort_points(np.array([[30.0, 20.0]]))[0]
    np.testing.assert_allclose((columns[20, 30], rows[20, 30]), seen, atol=1e-3)


def test_points_on_a_line_determine_no_homography():
    line = np.column_stack([np.arange(6.0), 2 * np.arange(6.0)])
    with pytest.raises(ValueError, match="line"):
        homography_dlt(line, line)


def test_a_single_radial_term_is_found_beside_the_pose():
    lens = without_distortion(1920, 1280)
    bent = distort_points(
        apply_homography(plane_from(3, -2, 1, 250), LAYOUT), lens.matrix, np.array([-0.06, 0, 0, 0, 0])
    )
    fit = fit_plane(LAYOUT, bent, lens, with_radial_term=True)
    assert fit.lens.distortion[0] == pytest.approx(-0.06, abs=1e-5)
    np.testing.assert_allclose(fit.pixels(LAYOUT), bent, atol=1e-3)


def test_a_marker_that_moved_is_told_from_the_rest():
    markers = np.repeat(np.arange(6), 4)
    centres = np.array([(0, 0), (60, 0), (120, 0), (0, 90), (60, 90), (120, 90)], dtype=float)
    points = np.repeat(centres, 4, axis=0) + np.tile([(-5, -5), (5, -5), (5, 5), (-5, 5)], (6, 1))
    seen = apply_homography(plane_from(4, 3, 10, 300), points)
    points[markers == 4] += 6.0
    agreed = agreeing_points(points, seen, markers, without_distortion(1920, 1280))
    assert (agreed == (markers != 4)).all()
