"""Real photographs of boards: beside a plain run of OpenCV over the same pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.board_detection import BoardView, detect_board
from calibration.board_diagnosis import NoBoard, Refusal, find_board
from calibration.board_pose import held_out_errors
from calibration.boards import Board, parse_board
from calibration.camera_fit import fit_camera

CHESSBOARD = parse_board("chessboard:9x6:25mm")
GRID = parse_board("aruco:4x5:37.5mm:5mm:DICT_6X6_250")


def read(path):
    image = cv2.imread(str(path))
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1])


@pytest.fixture(scope="session")
def photographs(measurement_data):
    folder = measurement_data / "calibration_photos"
    if not folder.is_dir():
        pytest.skip(f"no photographs of boards at {folder}")
    return folder


def seen(paths, board: Board) -> list[BoardView]:
    views = [detect_board(read(path), board) for path in paths]
    assert all(view is not None for view in views)
    return views


def plain_run(board: Board, pictures: list[np.ndarray]) -> tuple[float, float]:
    """Root mean square reprojection, fitted and held out, with all five terms and the same five folds."""
    flat = np.column_stack([board.points_mm, np.zeros(len(board.points_mm))]).astype(np.float32)
    rms = cv2.calibrateCamera([flat] * len(pictures), pictures, (640, 480), None, None)[0]
    errors = []
    for fold in range(5):
        rest = [picture for i, picture in enumerate(pictures) if i % 5 != fold]
        out = [picture for i, picture in enumerate(pictures) if i % 5 == fold]
        _, matrix, distortion, _, _ = cv2.calibrateCamera([flat] * len(rest), rest, (640, 480), None, None)
        errors.append(held_out_errors([flat] * len(out), out, matrix, distortion.ravel()))
    return float(rms), float(np.sqrt(np.mean(np.concatenate(errors))))


@pytest.mark.parametrize(
    ("side", "published_px"), [("left", 0.20), pytest.param("right", 0.21, marks=pytest.mark.campaign)]
)
def test_chessboards_are_fitted_and_predicted_better_than_by_a_plain_run(photographs, side, published_px):
    paths = sorted((photographs / "chessboard_opencv").glob(f"{side}*.jpg"))
    plain = []
    for path in paths:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        _, corners = cv2.findChessboardCorners(grey, (9, 6))
        plain.append(cv2.cornerSubPix(grey, corners.reshape(-1, 1, 2), (5, 5), (-1, -1), (3, 30, 1e-3)).reshape(-1, 2))
    plain_px, plain_held_out_px = plain_run(CHESSBOARD, plain)
    fit = fit_camera(seen(paths, CHESSBOARD), CHESSBOARD)
    assert len(fit.used) == len(paths) == 13
    assert fit.rms_px <= min(published_px, plain_px)
    assert fit.held_out_rms_px <= plain_held_out_px


def test_a_grid_of_markers_is_fitted_better_than_the_plain_run_published_with_it(photographs):
    paths = [photographs / "aruco_grid_abakisita" / f"{i}.jpg" for i in range(0, 42, 4)]
    fit = fit_camera(seen(paths, GRID), GRID)
    assert fit.rms_px < 0.92
    assert fit.held_out_rms_px < 0.92


@pytest.mark.parametrize(
    ("name", "board", "points"),
    [
        ("choriginal.jpg", "charuco:5x7:40mm:20mm:DICT_6X6_250", 24),
        ("pettod_im1.jpg", "charuco:12x9:60mm:45mm:DICT_5X5_250", 88),
        ("jmehami_charuco_test.png", "charuco:8x6:30mm:15mm:DICT_4X4_50", 25),
    ],
)
def test_charuco_boards_are_found_whole_or_in_part(photographs, name, board, points):
    view = find_board(read(photographs / "charuco_single" / name), parse_board(board))
    assert view
    assert view.ids.size >= points


@pytest.mark.parametrize(
    ("name", "board", "refusal", "sentence"),
    [
        ("charuco_single/choriginal.jpg", "chessboard:9x6:25mm", Refusal.ANOTHER_BOARD, "a ChArUco board of DICT_6X6"),
        ("aruco_grid_abakisita/0.jpg", "chessboard:9x6:25mm", Refusal.ANOTHER_BOARD, "a grid of ArUco markers"),
        ("chessboard_opencv/left01.jpg", GRID.name, Refusal.ANOTHER_BOARD, "a chessboard of about 9 x 6"),
    ],
)
def test_the_wrong_board_is_named(photographs, name, board, refusal, sentence):
    found = find_board(read(photographs / name), parse_board(board))
    assert isinstance(found, NoBoard)
    assert found.refusal is refusal
    assert sentence in found.reason
