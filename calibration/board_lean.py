"""Which way a board leans towards the camera, told from one view without knowing the lens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView
from calibration.boards import Board
from calibration.homography import homography_dlt


def lean(view: BoardView, board: Board) -> NDArray[np.float64]:
    """How much nearer the board is at its right and at its lower side, as shares of its distance, shape (2,).

    The third row of the homography from board to picture gives depth up to a factor (Zhang 2000, eq. 2). Distortion
    of the lens is taken for lean where it is strong, which does not matter for telling views apart.
    """
    points_mm = board.points_mm[view.ids]
    plane = homography_dlt(points_mm, view.points_px)
    depth = points_mm @ plane[2, :2] + plane[2, 2]
    offsets = view.points_px - view.points_px.mean(axis=0)
    extent = np.ptp(offsets, axis=0)
    slope = np.linalg.lstsq(offsets, depth - depth.mean(), rcond=None)[0]
    return np.asarray(-slope * extent / depth.mean(), dtype=np.float64)
