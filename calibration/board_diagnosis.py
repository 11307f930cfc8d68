"""Why a board is not found in a picture: mirrored, cut off, of another kind, or not there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView, detect_board, find_markers, reduced
from calibration.boards import ArucoGrid, Board, CharucoBoard, Chessboard
from calibration.fiducials import as_rgb, eight_bit_grey
from calibration.homography import homography_dlt
from calibration.projection import apply_homography

_LONG_SIDE_PX = 1000
_FAMILIES = ("DICT_4X4_250", "DICT_5X5_250", "DICT_6X6_250", "DICT_7X7_250", "DICT_ARUCO_ORIGINAL")
"""Larger families begin with the same markers, and take four times as long to look through."""
_LEAST_MARKERS = 4
_SMALLEST = 3
"""Inner corners a side of the smallest piece of a chessboard that is looked for."""
_NEXT = 1.5
"""Squares beyond the corners found that would hold the next corner, whole."""


class Refusal(StrEnum):
    """What is wrong with a picture."""

    NO_BOARD = "no board"
    ANOTHER_BOARD = "another board"
    CUT_OFF = "cut off"
    MIRRORED = "mirrored"


@dataclass(frozen=True, slots=True)
class NoBoard:
    """A picture in which the board was not found, and why; falsy."""

    refusal: Refusal
    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


def find_board(image_rgb: NDArray[Any], board: Board) -> BoardView | NoBoard:
    """The board in a picture, or why it is not found; parameters as of `detect_board`.

    A chessboard looks the same in a mirror, so that a mirrored picture of one is not told apart; boards with markers
    and fiducials do that.

    Raises
    ------
    ValueError
        It is no 8- or 16-bit grey or RGB picture.
    """
    view = detect_board(image_rgb, board)
    if view is not None:
        return view
    picture = as_rgb(image_rgb)
    grey, _ = reduced(eight_bit_grey(picture), _LONG_SIDE_PX)
    match board:
        case Chessboard():
            return _chessboard_missing(grey, board)
        case CharucoBoard() | ArucoGrid():
            return _markers_missing(picture, grey, board)


def _chessboard_missing(grey: NDArray[np.uint8], board: Chessboard) -> NoBoard:
    if (other := _marked_board(grey)) is not None:
        return _another(f"it shows {other}", board)
    piece = _chessboard_piece(grey)
    if piece is None:
        return _nothing(board)
    columns, rows, touches_border = piece
    if {columns, rows} == {board.columns, board.rows}:
        return _nothing(board)
    if touches_border or min(columns, rows) == _SMALLEST:
        return NoBoard(
            Refusal.CUT_OFF,
            f"only a part of a chessboard is seen, about {columns} x {rows} of {board.columns} x {board.rows} inner "
            "corners: bring the whole board with a white rim into the picture, uncovered",
        )
    return _another(f"it shows a chessboard of {max(columns, rows)} x {min(columns, rows)} inner corners", board)


def _markers_missing(picture: NDArray[Any], grey: NDArray[np.uint8], board: CharucoBoard | ArucoGrid) -> NoBoard:
    if detect_board(np.ascontiguousarray(picture[:, ::-1]), board) is not None:
        return NoBoard(
            Refusal.MIRRORED,
            "the picture is mirrored (its markers are readable only when it is flipped): switch mirroring off in the "
            "camera or its program",
        )
    if (other := _marked_board(grey)) is not None and not _is_like(other, board):
        return _another(f"it shows {other}", board)
    own, _ = find_markers(eight_bit_grey(picture), board.dictionary)
    if own.size:
        return _too_few_markers(own, board)
    if (piece := _chessboard_piece(grey)) is not None:
        columns, rows, _ = piece
        size = f"{max(columns, rows)} x {min(columns, rows)}"
        return _another(f"it shows a chessboard of about {size} inner corners", board)
    return _nothing(board)


def _too_few_markers(own: NDArray[np.intp], board: CharucoBoard | ArucoGrid) -> NoBoard:
    expected = board.columns * board.rows // (2 if isinstance(board, CharucoBoard) else 1)
    if own.size > expected or int(own.max()) >= expected:
        return _another(f"it shows markers up to number {int(own.max())}, beyond the {expected} of this board", board)
    if own.size >= _LEAST_MARKERS:
        return _another("its markers do not lie as stated", board)
    return NoBoard(
        Refusal.CUT_OFF,
        f"only {own.size} of {expected} markers are seen, too few to place the board: bring more of it into the "
        "picture, uncovered, in focus",
    )


def _another(seen: str, board: Board) -> NoBoard:
    return NoBoard(
        Refusal.ANOTHER_BOARD, f"not the board stated, {board.name}: {seen}: show that board, or state this one"
    )


def _nothing(board: Board) -> NoBoard:
    return NoBoard(
        Refusal.NO_BOARD,
        f"no board like {board.name} is seen: show it whole, flat, evenly lit, in focus, not too small",
    )


def _marked_board(grey: NDArray[np.uint8]) -> str | None:
    """What carries the markers that are seen, in words; None where there are few."""
    best: tuple[str, NDArray[np.float64]] | None = None
    for family in _FAMILIES:
        ids, corners = find_markers(grey, family)
        if ids.size >= _LEAST_MARKERS and (best is None or ids.size > len(best[1])):
            best = family, corners
    if best is None:
        return None
    family, corners = best
    kind = "a ChArUco board" if _are_diagonal(corners) else "a grid of ArUco markers"
    return f"{kind} of {family.removesuffix('_250')}"


def _is_like(other: str, board: CharucoBoard | ArucoGrid) -> bool:
    """Whether what is seen is of this board's kind and family; OpenCV's larger families begin as smaller ones do."""
    kind = "ChArUco" if isinstance(board, CharucoBoard) else "grid"
    return board.dictionary.startswith(other.rsplit(maxsplit=1)[-1]) and kind in other


def _are_diagonal(corners: NDArray[np.float64]) -> bool:
    """Whether markers have their nearest neighbours over corner, as on a ChArUco board, not along their sides."""
    centres = corners.mean(axis=1)
    diagonal = 0
    for i, own in enumerate(corners):
        distance = np.linalg.norm(centres - centres[i], axis=1)
        distance[i] = np.inf
        to_own = homography_dlt(own, np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
        way = np.abs(apply_homography(to_own, centres[[int(np.argmin(distance))]])[0] - 0.5)
        diagonal += bool(way.min() > 0.4 * way.max())
    return diagonal > len(corners) / 2


def _chessboard_piece(grey: NDArray[np.uint8]) -> tuple[int, int, bool] | None:
    """Inner corners (columns, rows) of a piece of a chessboard, and whether the next ones lie beyond the picture."""
    corners: Any
    meta: Any
    found, corners, meta = cv2.findChessboardCornersSBWithMeta(grey, (_SMALLEST, _SMALLEST), cv2.CALIB_CB_LARGER)
    if not found or meta is None or corners is None:
        return None
    rows, columns = meta.shape[:2]
    points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    if len(points) != rows * columns:
        return None
    x, y = np.meshgrid(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
    plane = homography_dlt(np.column_stack([x.ravel(), y.ravel()]), points)
    beyond = np.array(
        [[-_NEXT, rows / 2], [columns - 1 + _NEXT, rows / 2], [columns / 2, -_NEXT], [columns / 2, rows - 1 + _NEXT]]
    )
    seen = apply_homography(plane, beyond)
    height, width = grey.shape
    is_outside = (seen < 0).any(axis=1) | (seen[:, 0] > width - 1) | (seen[:, 1] > height - 1)
    return columns, rows, bool(is_outside.any())
