"""Lens: how true it is over the field, and real photographs of boards, beside a plain run of OpenCV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView, detect_board
from calibration.board_pose import held_out_errors
from calibration.boards import ArucoGrid, Board, Chessboard, parse_board
from calibration.camera_fit import CameraFit, NotCalibrated, fit_camera
from calibration.homography import homography_dlt
from calibration.lens import Lens
from calibration.projection import apply_homography
from edge.cameras.picture import read_picture
from edge.simulate.board_camera import board_view, poses_over_field
from tools.bench.table import Row
from tools.measurement_folder import measurement_folder

TRIALS = 40
VIEWS = 14
NOISES_PX = (0.03, 0.1, 0.3)
MIDDLE = 0.4
BOARD = Chessboard(9, 6, 25.0)
TRUE = Lens(
    np.array([[700.0, 0.0, 322.0], [0.0, 702.0, 236.0], [0.0, 0.0, 1.0]]),
    np.array([-0.12, 0.04, 0.0004, -0.0003, 0.0]),
    640,
    480,
)
PHOTOGRAPHS = (
    ("left chessboards", "chessboard_opencv/left*.jpg", "chessboard:9x6:25mm", 0.20),
    ("right chessboards", "chessboard_opencv/right*.jpg", "chessboard:9x6:25mm", 0.21),
    ("grid of markers", "aruco_grid_abakisita/*.jpg", "aruco:4x5:37.5mm:5mm:DICT_6X6_250", 0.92),
)
_FOLDS = 5
NOTES = (
    f"Error over the field: median of {TRIALS} trials, each {VIEWS} views of a 9 x 6 chessboard, 640 x 480 pixels. "
    "What the lens's distortion leaves after the best homography, which a registration brings itself; rms.",
    f"Views in the middle: the same with the board's way from the picture's centre times {MIDDLE:g}, so that no view "
    "reaches the corners.",
    "The peer is cv2.calibrateCamera with all five distortion terms, on the same points.",
    "Photographs: the peer is a plain run, OpenCV's corners (window of 5) and five terms, held out over the same "
    "folds. Targets are the figures published with the photographs. Absent without the measurement data.",
)


def measure(repeats: int) -> list[Row]:
    """Simulated lenses, then photographs."""
    rows = []
    for where, spread in (("all over", 1.0), ("in the middle", MIDDLE)):
        for noise_px in NOISES_PX:
            errors = np.array([simulated_errors_px(seed, noise_px, spread) for seed in range(TRIALS)])
            ours, plain = np.median(errors, axis=0)
            size = f"views {where}, noise {noise_px:g} px"
            rows.append(Row("error over the field", size, float(ours), "px", peer=float(plain)))
    folder = measurement_folder() / "calibration_photos"
    return rows + [row for one in PHOTOGRAPHS if folder.is_dir() for row in photographed(folder, *one)]


def simulated_errors_px(seed: int, noise_px: float, spread: float) -> tuple[float, float]:
    """Root mean square error over the field of our lens and of the plain one."""
    middle = np.array([TRUE.width_px, TRUE.height_px]) / 2
    rng = np.random.default_rng([seed, 1])
    ids = np.arange(len(BOARD.points_mm), dtype=np.intp)
    views = []
    for pose in poses_over_field(BOARD, TRUE, VIEWS, seed=seed):
        x_px, y_px = middle + spread * (np.array([pose.x_px, pose.y_px]) - middle)
        held = replace(pose, x_px=float(x_px), y_px=float(y_px))
        seen = board_view(BOARD, TRUE, held).pixels(BOARD.points_mm + BOARD.square_mm)
        views.append(BoardView(ids, seen + rng.normal(0, noise_px, seen.shape), TRUE.width_px, TRUE.height_px))
    fit = fit_camera(views, BOARD)
    assert isinstance(fit, CameraFit)
    _, matrix, distortion = plain_run(BOARD, [(view.ids, view.points_px) for view in views])
    return field_error_px(fit.lens), field_error_px(Lens(matrix, distortion, TRUE.width_px, TRUE.height_px))


def field_error_px(found: Lens) -> float:
    """What is left of distortion over the field once the best homography is taken off."""
    x, y = np.meshgrid(np.linspace(0, TRUE.width_px - 1, 17), np.linspace(0, TRUE.height_px - 1, 13))
    seen = np.column_stack([x.ravel(), y.ravel()])
    true, stated = TRUE.undistort_points(seen), found.undistort_points(seen)
    if not np.isfinite(stated).all():
        return float("inf")
    left = apply_homography(homography_dlt(stated, true), stated) - true
    return float(np.sqrt(np.mean(np.sum(left**2, axis=1))))


def photographed(folder: Path, name: str, pattern: str, board_name: str, target_px: float) -> list[Row]:
    """Fitted and held-out reprojection on photographs of one camera."""
    board = parse_board(board_name)
    pictures = [read_picture(path) for path in sorted(folder.glob(pattern))]
    views = [view for view in (detect_board(picture, board) for picture in pictures) if view is not None]
    fit = fit_camera(views, board)
    if isinstance(fit, NotCalibrated) or fit.held_out_rms_px is None:
        raise RuntimeError(f"{name}: not calibrated")
    plain = [seen for seen in (plain_corners(picture, board) for picture in pictures) if seen is not None]
    plain_px, _, _ = plain_run(board, plain)
    size = f"{len(fit.used)} photographs"
    return [
        Row(f"{name}: reprojection", size, fit.rms_px, "px", peer=plain_px, target=target_px),
        Row(f"{name}: held out", size, fit.held_out_rms_px, "px", peer=plain_held_out_px(board, plain)),
    ]


Seen = tuple[NDArray[np.intp], NDArray[np.float64]]


def plain_corners(picture: NDArray[np.uint8], board: Board) -> Seen | None:
    """Points as OpenCV alone gives them."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if isinstance(board, ArucoGrid):
        family = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
        corners, markers, _ = cv2.aruco.ArucoDetector(family, cv2.aruco.DetectorParameters()).detectMarkers(grey)
        ids = np.concatenate([4 * int(marker) + np.arange(4) for marker in np.asarray(markers).ravel()])
        return ids, np.concatenate([np.asarray(one, dtype=np.float64).reshape(4, 2) for one in corners])
    is_found, points = cv2.findChessboardCorners(grey, (board.columns, board.rows))
    if not is_found:
        return None
    start = np.asarray(points, dtype=np.float32).reshape(-1, 1, 2)
    refined = cv2.cornerSubPix(grey, start, (5, 5), (-1, -1), (3, 30, 1e-3))
    return np.arange(len(start)), np.asarray(refined, dtype=np.float64).reshape(-1, 2)


def plain_run(board: Board, seen: list[Seen]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Root mean square reprojection, matrix and five distortion terms."""
    points_mm, points_px = _for_opencv(board, seen)
    size = (TRUE.width_px, TRUE.height_px)
    rms, matrix, distortion, _, _ = cv2.calibrateCamera(points_mm, points_px, size, None, None)
    five = np.asarray(distortion, dtype=np.float64).ravel()[:5]
    return float(rms), np.asarray(matrix, dtype=np.float64), five


def plain_held_out_px(board: Board, seen: list[Seen]) -> float:
    """Reprojection in views that took no part, over the folds that the fit takes too."""
    errors = []
    for fold in range(_FOLDS):
        rest = [one for i, one in enumerate(seen) if i % _FOLDS != fold]
        points_mm, points_px = _for_opencv(board, [one for i, one in enumerate(seen) if i % _FOLDS == fold])
        _, matrix, distortion = plain_run(board, rest)
        errors.append(held_out_errors(points_mm, points_px, matrix, distortion))
    return float(np.sqrt(np.mean(np.concatenate(errors))))


def _for_opencv(board: Board, seen: list[Seen]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    flat = np.column_stack([board.points_mm, np.zeros(len(board.points_mm))]).astype(np.float32)
    return [flat[ids] for ids, _ in seen], [points.astype(np.float32) for _, points in seen]
