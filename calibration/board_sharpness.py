"""How sharp a board's edges are in a picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView, spacing
from calibration.boards import ArucoGrid, Board, CharucoBoard
from calibration.fiducials import as_rgb, eight_bit_grey

_STEP_PX = 0.25
_ALONG = np.linspace(0.35, 0.65, 7)
"""Where profiles cross an edge, as shares of its length: clear of corners."""
_REACH = 0.8
"""Share of what is plain beside an edge over which its profile reaches."""
_LEAST_CONTRAST = 10.0


def edge_rise_px(image_rgb: NDArray[Any], board: Board, view: BoardView) -> float:
    """Width of the board's edges in pixels: contrast over steepest slope, 2.5 standard deviations of the blur.

    The median over the edges of one direction of the board, then the larger of both directions: a board that moved
    is blurred in one alone. Not finite where no edge can be measured.

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w) or (h, w, 3)
    board : Board
    view : BoardView
        Where `image_rgb` shows it.
    """
    grey = eight_bit_grey(as_rgb(image_rgb))
    scale = float(np.median(spacing(board, view.ids, view.points_px))) / board.spacing_mm
    reach_px = float(np.clip(_REACH * board.clear_mm * scale, 1.5, 20.0))
    place = {int(one): i for i, one in enumerate(view.ids)}
    rises = []
    for pairs in _edges(board):
        seen = np.array([(place[a], place[b]) for a, b in pairs if a in place and b in place], dtype=np.intp)
        if seen.size:
            rises.append(_median_rise_px(grey, view.points_px[seen[:, 0]], view.points_px[seen[:, 1]], reach_px))
    return max(rises, default=float("nan"))


def _edges(board: Board) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of points that an edge joins, along the board's rows and along its columns."""
    if isinstance(board, ArucoGrid):
        first = range(0, 4 * board.columns * board.rows, 4)
        along_rows = [(i + a, i + b) for i in first for a, b in ((0, 1), (3, 2))]
        return along_rows, [(i + a, i + b) for i in first for a, b in ((0, 3), (1, 2))]
    inner = 1 if isinstance(board, CharucoBoard) else 0
    columns, rows = board.columns - inner, board.rows - inner
    ids = np.arange(columns * rows).reshape(rows, columns)
    along_rows = list(zip(ids[:, :-1].ravel().tolist(), ids[:, 1:].ravel().tolist(), strict=True))
    return along_rows, list(zip(ids[:-1].ravel().tolist(), ids[1:].ravel().tolist(), strict=True))


def _median_rise_px(
    grey: NDArray[np.uint8], start: NDArray[np.float64], end: NDArray[np.float64], reach_px: float
) -> float:
    way = end - start
    across = np.column_stack([-way[:, 1], way[:, 0]]) / np.linalg.norm(way, axis=1)[:, None]
    depth = np.arange(-reach_px, reach_px + _STEP_PX / 2, _STEP_PX)
    middle = start[:, None, :] + _ALONG[None, :, None] * way[:, None, :]
    points = (middle[:, :, None, :] + depth[None, None, :, None] * across[:, None, None, :]).astype(np.float32)
    flat = points.reshape(points.shape[0], -1, 2)
    light = cv2.remap(grey, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profiles = light.reshape(points.shape[:3]).astype(np.float64).mean(axis=1)
    rim = max(1, depth.size // 6)
    contrast = np.abs(profiles[:, -rim:].mean(axis=1) - profiles[:, :rim].mean(axis=1))
    span = round(1 / _STEP_PX)
    slope = np.abs(profiles[:, span:] - profiles[:, :-span]).max(axis=1)
    is_edge = (contrast > _LEAST_CONTRAST) & (slope > 0)
    return float(np.median(contrast[is_edge] / slope[is_edge])) if is_edge.any() else float("nan")
