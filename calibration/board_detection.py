"""Finding a calibration board in a picture, its points placed to a few hundredths of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import ArucoGrid, Board, CharucoBoard, Chessboard
from calibration.edges import refine_square
from calibration.fiducials import as_rgb, eight_bit_grey, marker_dictionary
from calibration.homography import homography_dlt
from calibration.projection import apply_homography

_COARSE_LONG_SIDE_PX = 1600
_WINDOW = 0.3
"""Half the window of the sub-pixel search, as a share of the distance to the next corner: on real photographs smaller
windows are noisier, and fixed ones reach over the next corner of a board seen aslant."""
_LEAST_POINTS = 6
_GROSS = 0.25
"""Share of the spacing by which a point may lie off the plane of all: more is a misread marker or another layout."""
_AGREEING = 0.75
"""Share of the points that lie on one plane at least: fewer are no misread markers but another layout."""


@dataclass(frozen=True, slots=True, eq=False)
class BoardView:
    """A board as one picture shows it."""

    ids: NDArray[np.intp]
    """Which of the board's points are seen, rising, shape (n,)."""
    points_px: NDArray[np.float64]
    """Where they are, pixels as seen (column, row), pixel centres at whole numbers, shape (n, 2)."""
    width_px: int
    height_px: int


def detect_board(image_rgb: NDArray[Any], board: Board) -> BoardView | None:
    """The board's points in a picture; None where too few of them are seen.

    A chessboard has to be seen whole; of the boards with markers a part is enough.

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w) or (h, w, 3)
    board : Board

    Raises
    ------
    ValueError
        It is no 8- or 16-bit grey or RGB picture.
    """
    picture = as_rgb(image_rgb)
    grey = eight_bit_grey(picture)
    match board:
        case Chessboard():
            found = _chessboard(grey, board)
        case CharucoBoard():
            found = _charuco(grey, board)
        case ArucoGrid():
            found = _aruco_grid(picture, grey, board)
        case _:
            assert_never(board)
    if found is None:
        return None
    ids, points_px = _consistent(board, *found)
    if ids.size < _LEAST_POINTS or not _determine_a_plane(board.points_mm[ids]):
        return None
    return BoardView(ids, points_px, grey.shape[1], grey.shape[0])


def find_markers(grey: NDArray[np.uint8], dictionary: str) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Identities, shape (n,), and corners, shape (n, 4, 2), of all markers of a family that are seen."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.minMarkerPerimeterRate = min(0.03, 40.0 / max(grey.shape))
    parameters.errorCorrectionRate = 0.3
    corners: Any
    ids: Any
    corners, ids, _ = cv2.aruco.ArucoDetector(marker_dictionary(dictionary), parameters).detectMarkers(grey)
    if ids is None or len(ids) == 0:
        return np.zeros(0, dtype=np.intp), np.zeros((0, 4, 2))
    return np.asarray(ids, dtype=np.intp).reshape(-1), np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)


def reduced(grey: NDArray[np.uint8], long_side_px: int) -> tuple[NDArray[np.uint8], float]:
    """The picture no longer than this on its longer side, and the factor back to its own pixels."""
    longest = max(grey.shape)
    if longest <= long_side_px:
        return grey, 1.0
    scale = long_side_px / longest
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)), 1 / scale


def _chessboard(grey: NDArray[np.uint8], board: Chessboard) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
    coarse, factor = reduced(grey, _COARSE_LONG_SIDE_PX)
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
    corners: Any
    is_found, corners = cv2.findChessboardCorners(
        coarse, (board.columns, board.rows), flags=flags | cv2.CALIB_CB_FAST_CHECK
    )
    if not is_found:
        is_found, corners = cv2.findChessboardCornersSB(
            coarse, (board.columns, board.rows), flags=cv2.CALIB_CB_NORMALIZE_IMAGE
        )
    if not is_found or corners is None:
        return None
    points = (np.asarray(corners, dtype=np.float64).reshape(-1, 2) + 0.5) * factor - 0.5
    ids = np.arange(len(points), dtype=np.intp)
    return ids, _refined(grey, board, ids, points, _WINDOW)


def _charuco(grey: NDArray[np.uint8], board: CharucoBoard) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
    best: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None
    for is_legacy in (False, True):
        detector = cv2.aruco.CharucoDetector(board.opencv(is_legacy=is_legacy))
        corners: Any
        ids: Any
        corners, ids, _, _ = detector.detectBoard(grey)
        if ids is not None and (best is None or len(ids) > len(best[0])):
            best = np.asarray(ids, dtype=np.intp).reshape(-1), np.asarray(corners, dtype=np.float64).reshape(-1, 2)
        if board.rows % 2 or (best is not None and len(best[0]) >= len(board.points_mm) // 2):
            break
    if best is None or len(best[0]) < _LEAST_POINTS or not _determine_a_plane(board.points_mm[best[0]]):
        return None
    order = np.argsort(best[0])
    ids, points = best[0][order], best[1][order]
    margin = (board.square_mm - board.marker_mm) / 2 / board.square_mm
    return ids, _refined(grey, board, ids, points, min(_WINDOW, 0.9 * margin))


def _aruco_grid(
    picture: NDArray[Any], grey: NDArray[np.uint8], board: ArucoGrid
) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
    markers, corners = find_markers(grey, board.dictionary)
    known = [
        (int(marker), own) for marker, own in zip(markers, corners, strict=True) if marker < board.columns * board.rows
    ]
    known = [(marker, own) for marker, own in sorted(known, key=lambda one: one[0]) if (markers == marker).sum() == 1]
    if not known:
        return None
    ids = np.concatenate([4 * marker + np.arange(4) for marker, _ in known]).astype(np.intp)
    return ids, np.concatenate([refine_square(picture, own) for _, own in known])


def _refined(
    grey: NDArray[np.uint8], board: Board, ids: NDArray[np.intp], points_px: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Corners anew, each in a window that stays clear of the next corner."""
    spacing_px = spacing(board, ids, points_px)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
    refined = points_px.copy()
    for i, (point, space) in enumerate(zip(points_px, spacing_px, strict=True)):
        half = max(2, round(share * float(space)))
        start = np.array(point, dtype=np.float32).reshape(1, 1, 2)
        found = cv2.cornerSubPix(grey, start, (half, half), (-1, -1), criteria).reshape(2)
        if float(np.abs(found - point).max()) <= half:
            refined[i] = found
    return refined


def spacing(board: Board, ids: NDArray[np.intp], points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of neighbouring edges at each point in its more foreshortened direction, pixels, shape (n,)."""
    points_mm = board.points_mm[ids]
    plane = homography_dlt(points_mm, points_px)
    step = board.spacing_mm / 2
    across, down = (
        np.linalg.norm(apply_homography(plane, points_mm + way) - apply_homography(plane, points_mm - way), axis=1)
        for way in (np.array([step, 0.0]), np.array([0.0, step]))
    )
    return np.asarray(np.minimum(across, down))


def _consistent(
    board: Board, ids: NDArray[np.intp], points_px: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Points without those that lie grossly off the plane of most."""
    if ids.size < _LEAST_POINTS:
        return ids, points_px
    plane: Any
    plane, _ = cv2.findHomography(points_px, board.points_mm[ids], cv2.RANSAC, _GROSS * board.spacing_mm)
    if plane is None:
        return ids[:0], points_px[:0]
    off_mm = np.linalg.norm(apply_homography(np.asarray(plane), points_px) - board.points_mm[ids], axis=1)
    keep = off_mm <= _GROSS * board.spacing_mm
    if keep.mean() < _AGREEING:
        return ids[:0], points_px[:0]
    return ids[keep], points_px[keep]


def _determine_a_plane(points_mm: NDArray[np.float64]) -> bool:
    spread = np.linalg.svd(points_mm - points_mm.mean(axis=0), compute_uv=False)
    return bool(spread[1] > 0.05 * spread[0])
