"""Boards held before a simulated camera whose lens is known."""

from __future__ import annotations

import numpy as np

from calibration.board_detection import BoardView
from calibration.boards import Board, CharucoBoard, Chessboard
from calibration.lens import Lens
from edge.simulate.board_camera import BoardPose, board_view, photograph_board

LENS = Lens(
    np.array([[700.0, 0, 322.0], [0, 702.0, 236.0], [0, 0, 1]]), np.array([-0.12, 0.04, 0.0004, -0.0003, 0.0]), 640, 480
)
CHESSBOARD = Chessboard(7, 5, 20.0)
POSE = BoardPose(330, 250, 330, tilt_x_deg=25, tilt_y_deg=10, roll_deg=8)


def photograph(board: Board, pose: BoardPose = POSE, *, noise: float = 0.004) -> np.ndarray:
    return photograph_board(board, LENS, pose, rng=np.random.default_rng(7), noise=noise)


def true_px(board: Board, ids: np.ndarray, pose: BoardPose = POSE) -> np.ndarray:
    """Where the pose puts points of the board, which `board.points_mm` counts from its first inner corner on."""
    inset_mm = board.square_mm if isinstance(board, Chessboard) else 0.0
    return board_view(board, LENS, pose).pixels(board.points_mm[ids] + inset_mm)


def poses(count: int, *, tilt_deg: float, seed: int = 5) -> list[BoardPose]:
    rng = np.random.default_rng(seed)
    return [
        BoardPose(
            x_px=rng.uniform(180, 460),
            y_px=rng.uniform(150, 330),
            distance_mm=rng.uniform(300, 420),
            tilt_x_deg=rng.uniform(-tilt_deg, tilt_deg),
            tilt_y_deg=rng.uniform(-tilt_deg, tilt_deg),
            roll_deg=rng.uniform(-30, 30),
        )
        for _ in range(count)
    ]


def computed_views(count: int, *, tilt_deg: float, noise_px: float = 0.1, seed: int = 5) -> list[BoardView]:
    """Views whose points are computed, with noise, and none of them drawn."""
    rng = np.random.default_rng([seed, 1])
    ids = np.arange(len(CHESSBOARD.points_mm))
    return [
        BoardView(ids, true_px(CHESSBOARD, ids, pose) + rng.normal(0, noise_px, (ids.size, 2)), 640, 480)
        for pose in poses(count, tilt_deg=tilt_deg, seed=seed)
    ]


__all__ = [
    "CHESSBOARD",
    "LENS",
    "POSE",
    "BoardPose",
    "CharucoBoard",
    "computed_views",
    "photograph",
    "poses",
    "true_px",
]
