"""Pictures of a camera's calibration: where the board was seen, and how far the points lie off."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView
from calibration.camera_coverage import seen_cells
from calibration.camera_fit import CameraFit

_LONG_SIDE_PX = 960
_CAPTION_PX = 44
_TYPICAL_ARROW_PX = 14.0
"""Length on the picture of an arrow of the root mean square residual."""
_PAPER, _INK = (255, 255, 255), (40, 40, 40)
_USED, _LEFT_OUT = (24, 96, 180), (205, 80, 60)
_SEEN, _UNSEEN = (222, 234, 246), (250, 232, 226)
_SMOOTH = 16
_SHIFT = 4
"""OpenCV draws at sixteenths of a pixel."""


def residual_picture(views: Sequence[BoardView], fit: CameraFit) -> NDArray[np.uint8]:
    """Residuals of all points as arrows, enlarged, over the camera's field; RGB.

    Arrows that point the same way in one region tell of distortion that the lens's terms leave out.
    """
    canvas, scale = _canvas(fit.lens.width_px, fit.lens.height_px)
    enlarged = _TYPICAL_ARROW_PX / max(fit.rms_px, 1e-6)
    for i, (view, residuals) in enumerate(zip(views, fit.residuals_px, strict=True)):
        colour = _USED if i in fit.used else _LEFT_OUT
        for start, off in zip(view.points_px * scale, residuals * enlarged, strict=True):
            cv2.circle(canvas, _fixed(start), round(1.6 * _SMOOTH), colour, -1, cv2.LINE_AA, _SHIFT)
            cv2.line(canvas, _fixed(start), _fixed(start + off), colour, 1, cv2.LINE_AA, _SHIFT)
    ruler_px = float(f"{fit.rms_px:.1g}") or fit.rms_px
    _caption(canvas, f"residuals x {enlarged / scale:.0f}, rms {fit.rms_px:.3f} px; left: {ruler_px:g} px")
    lower = canvas.shape[0] - _CAPTION_PX // 2
    cv2.line(canvas, (14, lower), (14 + round(ruler_px * enlarged), lower), _USED, 3, cv2.LINE_AA)
    return canvas


def coverage_picture(views: Sequence[BoardView]) -> NDArray[np.uint8]:
    """Cells of the camera's field in which points were seen, and the points; RGB."""
    cells = seen_cells(views)
    canvas, scale = _canvas(views[0].width_px, views[0].height_px)
    rows, columns = cells.shape
    height, width = canvas.shape[0] - _CAPTION_PX, canvas.shape[1]
    for row in range(rows):
        for column in range(columns):
            corner = (round(column * width / columns), round(row * height / rows))
            opposite = (round((column + 1) * width / columns), round((row + 1) * height / rows))
            cv2.rectangle(canvas, corner, opposite, _SEEN if cells[row, column] else _UNSEEN, -1)
            cv2.rectangle(canvas, corner, opposite, _PAPER, 1)
    for view in views:
        for point in view.points_px * scale:
            cv2.circle(canvas, _fixed(point), round(1.8 * _SMOOTH), _USED, -1, cv2.LINE_AA, _SHIFT)
    _caption(canvas, f"{cells.mean():.0%} of the field seen in {len(views)} views")
    return canvas


def _canvas(width_px: int, height_px: int) -> tuple[NDArray[np.uint8], float]:
    scale = _LONG_SIDE_PX / max(width_px, height_px)
    shape = (round(height_px * scale) + _CAPTION_PX, round(width_px * scale), 3)
    canvas = np.full(shape, _PAPER, dtype=np.uint8)
    cv2.rectangle(canvas, (0, 0), (shape[1] - 1, shape[0] - _CAPTION_PX - 1), _INK, 1)
    return canvas, scale


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0]) * _SMOOTH), round(float(point[1]) * _SMOOTH)


def _caption(canvas: NDArray[np.uint8], text: str) -> None:
    place = (70, canvas.shape[0] - _CAPTION_PX // 2 + 6)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, _INK, 1, cv2.LINE_AA)
