"""A stage calibration drawn: expected error over the camera's picture, and how far each point lies from the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import as_rgb, eight_bit_grey
from calibration.map_error import standard_errors_mm

if TYPE_CHECKING:
    from calibration.stage_calibration import StageCalibration

_LONG_SIDE_PX = 1200
_COARSE_PX = 8
_ARROW_SHARE = 0.08
_INK = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def error_picture(calibration: StageCalibration, image_rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """The frame in grey under colours of the expected error, with an enlarged arrow at each point, RGB.

    Blue is the least expected error of the picture, red four times as much or more; the legend has both in mm. Arrows
    go from where the map sees a held-out point to where it was stated to be.
    """
    grey = eight_bit_grey(as_rgb(image_rgb))
    height, width = grey.shape
    scale = min(1.0, _LONG_SIDE_PX / max(width, height))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    errors = _errors(calibration, width, height, (size[0] // _COARSE_PX + 1, size[1] // _COARSE_PX + 1))
    least = float(np.nanmin(errors))
    level = np.clip(np.log(np.nan_to_num(errors, nan=np.inf) / least) / np.log(4), 0, 1)
    shades = cv2.applyColorMap(np.round(255 * level).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    colours = cv2.resize(np.ascontiguousarray(shades), size, interpolation=cv2.INTER_LINEAR)
    drawn = np.ascontiguousarray((0.55 * small[:, :, None] + 0.45 * colours).astype(np.uint8))
    enlarged = _arrows(drawn, calibration, scale)
    words = f"expected error: blue {least:.3f} mm, red {4 * least:.3f} mm or more; arrows x {enlarged:.0f}"
    cv2.putText(drawn, words, (12, size[1] - 14), _FONT, 0.55, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(drawn, words, (12, size[1] - 14), _FONT, 0.55, _INK, 1, cv2.LINE_AA)
    return drawn


def _errors(calibration: StageCalibration, width: int, height: int, nodes: tuple[int, int]) -> NDArray[np.float64]:
    x, y = np.meshgrid(np.linspace(0, width - 1, nodes[0]), np.linspace(0, height - 1, nodes[1]))
    points = calibration.lens.undistort_points(np.column_stack([x.ravel(), y.ravel()]))
    errors = standard_errors_mm(
        calibration.stage_from_camera, calibration.covariance, points, misfit_mm=calibration.misfit_mm
    )
    length = np.hypot(errors[:, 0], errors[:, 1]).reshape(nodes[1], nodes[0])
    return np.where(np.isfinite(length), np.maximum(length, 1e-6), np.nan)


def _arrows(drawn: NDArray[np.uint8], calibration: StageCalibration, scale: float) -> float:
    """Draw the held-out residuals; gives how many times they are enlarged."""
    camera_from_stage = np.linalg.inv(calibration.stage_from_camera)
    stated = np.column_stack([calibration.points_mm, np.ones(len(calibration.points_mm))]) @ camera_from_stage.T
    moved = calibration.points_mm + calibration.held_out_mm
    seen = np.column_stack([moved, np.ones(len(moved))]) @ camera_from_stage.T
    ways = (stated[:, :2] / stated[:, 2:] - seen[:, :2] / seen[:, 2:]) * scale
    longest = max(float(np.linalg.norm(ways, axis=1).max()), 1e-9)
    enlarged = float(max(1.0, _ARROW_SHARE * max(drawn.shape[:2]) / longest))
    for point, way in zip(calibration.points_px * scale, ways * enlarged, strict=True):
        start, end = (tuple(int(v) for v in np.round(place)) for place in (point, point + way))
        cv2.circle(drawn, start, 3, _INK, -1, cv2.LINE_AA)
        cv2.arrowedLine(drawn, start, end, _INK, 1, cv2.LINE_AA, tipLength=0.2)
    return enlarged
