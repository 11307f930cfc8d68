"""Intrinsics from views of a board."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration.board_detection import BoardView
from calibration.boards import Chessboard
from calibration.camera_calibration import (
    CameraCalibration,
    ViewReport,
    calibration_from_dict,
    calibration_to_dict,
)
from calibration.camera_coverage import coverage, seen_cells
from calibration.camera_fit import CameraFit, NotCalibrated, fit_camera
from calibration.camera_pictures import coverage_picture, residual_picture
from calibration.stored import DamagedCalibration
from tests.unit.calibration.board_views import CHESSBOARD, LENS, computed_views, poses, true_px


@pytest.fixture(scope="module")
def views() -> list[BoardView]:
    return computed_views(14, tilt_deg=30)


@pytest.fixture(scope="module")
def fit(views):
    return fit_camera(views, CHESSBOARD)


def test_the_true_lens_lies_within_four_standard_errors(fit):
    true = np.concatenate([LENS.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], LENS.distortion])
    found = np.concatenate([fit.lens.matrix[[0, 1, 0, 1], [0, 1, 2, 2]], fit.lens.distortion])
    is_free = fit.standard_errors > 0
    assert is_free[:5].all()
    assert (np.abs(found - true)[is_free][:4] < 4 * fit.standard_errors[is_free][:4]).all()


def test_the_residual_is_that_of_the_points(fit):
    # 14 x 35 points with 0.1 px in each of two directions, less what 4 + 2 + 14 x 6 parameters take up
    degrees = 2 * 14 * 35
    assert fit.rms_px == pytest.approx(0.1 * np.sqrt(2 * (degrees - 90) / degrees), rel=0.1)


def test_held_out_views_are_predicted_worse_than_fitted_ones_but_little(fit):
    assert fit.rms_px < fit.held_out_rms_px < 1.25 * fit.rms_px


def test_terms_that_the_lens_does_not_have_are_held_at_zero():
    straight = [
        replace(view, points_px=LENS.undistort_points(view.points_px)) for view in computed_views(14, tilt_deg=30)
    ]
    fit = fit_camera(straight, CHESSBOARD)
    assert fit.distortion_terms == "none"
    assert not fit.lens.distortion.any()


def test_an_outlier_view_is_left_out_with_a_reason(views):
    rng = np.random.default_rng(2)
    bad = replace(views[3], points_px=views[3].points_px + rng.normal(0, 1.5, views[3].points_px.shape))
    fit = fit_camera([*views[:3], bad, *views[4:]], CHESSBOARD)
    assert list(fit.left_out) == [3]
    assert "blurred, moved while exposed, or the board was bent" in fit.left_out[3]


def test_no_view_is_left_out_where_all_are_alike_in_noise(fit):
    assert fit.left_out == {}


def test_views_of_few_points_are_used(views):
    few = [replace(view, ids=view.ids[:10], points_px=view.points_px[:10]) for view in views]
    fit = fit_camera([*views, *few[:3]], CHESSBOARD)
    assert isinstance(fit, CameraFit)
    assert set(range(len(views))) <= set(fit.used)


@pytest.mark.parametrize("rows", [6, 7, 8])
def test_a_view_of_two_columns_is_predicted_as_well_as_the_others(rows):
    board = Chessboard(9, 9, 12.0)
    ids, seen = np.arange(81), np.array([9 * row + column for row in range(rows) for column in (0, 1)])
    rng = np.random.default_rng(4)
    whole = [
        BoardView(ids, true_px(board, ids, pose) + rng.normal(0, 0.1, (81, 2)), 640, 480)
        for pose in poses(10, tilt_deg=30)
    ]
    part = replace(whole[2], ids=seen, points_px=whole[2].points_px[seen])
    fit = fit_camera([*whole, part], board)
    assert isinstance(fit, CameraFit)
    # of 0.1 px along each of two axes; a pose from six points adds some
    assert fit.held_out_rms_px < 0.2


def test_views_that_opencv_cannot_fit_are_not_told_to_be_alike(views, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise cv2.error("singular")

    monkeypatch.setattr(cv2, "calibrateCameraExtended", fail)
    found = fit_camera(views, CHESSBOARD)
    assert isinstance(found, NotCalibrated)
    assert found.reason.startswith("OpenCV finds no camera that these views fit: take out views")


def test_too_few_views_are_refused(views):
    found = fit_camera(views[:4], CHESSBOARD)
    assert isinstance(found, NotCalibrated)
    assert found.reason.startswith("4 usable views of the board, at least 5 needed")


@pytest.mark.parametrize("tilt_deg", [0.0, 3.0])
def test_views_without_tilt_are_refused(tilt_deg):
    found = fit_camera(computed_views(12, tilt_deg=tilt_deg), CHESSBOARD)
    assert isinstance(found, NotCalibrated)
    assert "too much alike to tell the focal length: tilt the board" in found.reason


def test_one_view_many_times_is_refused(views):
    found = fit_camera([views[0]] * 8, CHESSBOARD)
    assert isinstance(found, NotCalibrated)
    assert "too much alike" in found.reason


def test_pictures_of_differing_size_are_refused(views):
    found = fit_camera([*views, replace(views[0], width_px=800)], CHESSBOARD)
    assert isinstance(found, NotCalibrated)
    assert "the pictures differ in size (640 x 480 and 800 x 480 pixels)" in found.reason


def test_coverage_counts_the_cells_in_which_points_lie():
    view = BoardView(np.arange(2), np.array([[0.0, 0.0], [639.0, 479.0]]), 640, 480)
    assert seen_cells([view]).shape == (6, 8)
    assert coverage([view]) == 2 / 48


def test_the_pictures_have_the_field_of_the_camera(views, fit):
    for picture in (residual_picture(views, fit), coverage_picture(views)):
        assert picture.shape[1] == 960
        assert picture.dtype == np.uint8
        assert picture.std() > 5


@pytest.fixture
def calibration(fit) -> CameraCalibration:
    reports = (ViewReport("a.png", 35, 0.13, 20.0), ViewReport("b.png", 0, None, None, "no board"))
    return CameraCalibration(
        fit.lens,
        fit.standard_errors,
        fit.distortion_terms,
        fit.rms_px,
        fit.held_out_rms_px,
        0.8,
        reports,
        CHESSBOARD.name,
        "uvc:x",
        "2026-03-01T10:20:30+00:00",
    )


def test_a_calibration_is_read_back_from_plain_numbers(calibration):
    again = calibration_from_dict(calibration_to_dict(calibration))
    assert calibration_to_dict(again) == calibration_to_dict(calibration)
    assert (again.lens.matrix == calibration.lens.matrix).all()
    assert again.used == calibration.views[:1]


@pytest.mark.parametrize("key", ["matrix_px", "standard_errors", "views", "width_px"])
def test_a_calibration_without_a_key_is_refused(calibration, key):
    content = calibration_to_dict(calibration)
    del content[key]
    with pytest.raises(DamagedCalibration, match="calibrate the camera again"):
        calibration_from_dict(content)
