"""Poses of a board before a camera that is known, and how well a camera predicts views that it does not come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_HALF = 6
"""Points of either half of a view below which its pose comes from all of them."""


def held_out_errors(
    board: Sequence[NDArray[Any]],
    picture: Sequence[NDArray[Any]],
    matrix: NDArray[np.float64],
    distortion: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean squared reprojection distance in views that the intrinsics do not come from, px squared, shape (views,).

    Each view's pose is fitted to half of its points and tried on the others, both ways round; in views of few points
    to all of them. Halves are a chessboard's black and white squares, so that neither lies on one line even where two
    columns are seen.
    """
    errors = []
    for seen_mm, seen_px in zip(board, picture, strict=True):
        start = board_pose(seen_mm, seen_px, matrix, distortion)
        half = _is_black(seen_mm)
        off = []
        for fitted in (half, ~half) if min(half.sum(), (~half).sum()) >= _LEAST_HALF else ():
            turned, shifted = _refined(seen_mm[fitted], seen_px[fitted], matrix, distortion, *start)
            off.append(reprojected(seen_mm[~fitted], turned, shifted, matrix, distortion) - seen_px[~fitted])
        if not off:
            off.append(reprojected(seen_mm, *start, matrix, distortion) - seen_px)
        errors.append(float(np.mean(np.sum(np.concatenate(off) ** 2, axis=1))))
    return np.array(errors)


def _is_black(seen_mm: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points have an even sum of column and row, counted over what is seen, shape (n,)."""
    columns, rows = (np.unique(seen_mm[:, axis].round(3), return_inverse=True)[1] for axis in (0, 1))
    return np.asarray((columns + rows) % 2 == 0)


def board_pose(
    seen_mm: NDArray[Any], seen_px: NDArray[Any], matrix: NDArray[np.float64], distortion: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """A board's pose by its points: rotation vector and shift in mm, shape (3, 1) each.

    Parameters
    ----------
    seen_mm : shape (n, 3)
    seen_px : shape (n, 2)
    """
    _, turned, shifted = cv2.solvePnP(seen_mm, seen_px, matrix, distortion)
    return _refined(seen_mm, seen_px, matrix, distortion, np.asarray(turned), np.asarray(shifted))


def _refined(
    seen_mm: NDArray[Any],
    seen_px: NDArray[Any],
    matrix: NDArray[np.float64],
    distortion: NDArray[np.float64],
    turned: NDArray[Any],
    shifted: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    refined, moved = cv2.solvePnPRefineLM(seen_mm, seen_px, matrix, distortion, turned.copy(), shifted.copy())
    return np.asarray(refined), np.asarray(moved)


def reprojected(
    seen_mm: NDArray[Any],
    turned: NDArray[Any],
    shifted: NDArray[Any],
    matrix: NDArray[np.float64],
    distortion: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where a pose puts points of the board, pixels, shape (n, 2)."""
    placed, _ = cv2.projectPoints(seen_mm, turned, shifted, matrix, distortion)
    return np.asarray(placed, dtype=np.float64).reshape(-1, 2)
