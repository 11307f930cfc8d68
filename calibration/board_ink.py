"""Where a printed board is black: rectangles in millimetres, for printers and for simulated photographs."""

from __future__ import annotations

from typing import assert_never

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.boards import ArucoGrid, Board, CharucoBoard, Chessboard
from calibration.fiducials import marker_dictionary


def board_ink(board: Board) -> NDArray[np.float64]:
    """Black rectangles (x, y, width, height) in mm, x right and y down from the pattern's upper left, shape (n, 4)."""
    match board:
        case Chessboard():
            return _black_squares(board.columns + 1, board.rows + 1, board.square_mm)
        case CharucoBoard():
            squares = _black_squares(board.columns, board.rows, board.square_mm)
            opencv = board.opencv()
            corners = np.asarray(opencv.getObjPoints(), dtype=np.float64)[:, 0, :2]
            ids = np.asarray(opencv.getIds()).ravel().tolist()
            inked = [
                _marker_at(board.dictionary, one, board.marker_mm, at) for one, at in zip(ids, corners, strict=True)
            ]
            return np.concatenate([squares, *inked])
        case ArucoGrid():
            upper_left = board.points_mm[::4]
            return np.concatenate(
                [_marker_at(board.dictionary, i, board.marker_mm, at) for i, at in enumerate(upper_left)]
            )
        case _:
            assert_never(board)


def marker_ink(dictionary: str, marker: int, side_mm: float) -> NDArray[np.float64]:
    """Black rectangles of one marker, from its upper left corner, as `board_ink`; each row's runs are joined.

    Raises
    ------
    UnknownDictionary
        No such family.
    ValueError
        The family has no such marker.
    """
    family = marker_dictionary(dictionary)
    if not 0 <= marker < int(family.bytesList.shape[0]):
        raise ValueError(f"{dictionary} has no marker {marker}: give ids below {int(family.bytesList.shape[0])}")
    modules = int(family.markerSize) + 2
    is_black = np.asarray(cv2.aruco.generateImageMarker(family, marker, modules)) < 128
    rectangles = []
    for row in range(modules):
        ends = np.flatnonzero(np.diff(np.concatenate([[0], is_black[row].astype(int), [0]])))
        rectangles += [(start, row, end - start, 1) for start, end in ends.reshape(-1, 2).tolist()]
    return np.array(rectangles, dtype=np.float64) * (side_mm / modules)


def _marker_at(dictionary: str, marker: int, side_mm: float, at_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    ink = marker_ink(dictionary, marker, side_mm)
    ink[:, :2] += at_mm
    return ink


def _black_squares(columns: int, rows: int, square_mm: float) -> NDArray[np.float64]:
    places = [(x, y, 1, 1) for y in range(rows) for x in range(columns) if (x + y) % 2 == 0]
    return np.array(places, dtype=np.float64) * square_mm
