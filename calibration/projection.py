"""Points between a registered picture and the stage, in both directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.lens import distort_points, undistort_points
from calibration.registration import Registration


def apply_homography(homography: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points of shape (n, 2) through a homography of shape (3, 3); not finite on its horizon."""
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    with np.errstate(all="ignore"):
        scaled = points @ homography[:, :2].T + homography[:, 2]
        return np.asarray(scaled[:, :2] / scaled[:, 2:], dtype=np.float64)


def stage_from_pixels(registration: Registration, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stage positions (x, y) in mm of pixels (column, row) as seen, shape (n, 2)."""
    undistorted = undistort_points(points_px, registration.camera_matrix, registration.distortion)
    return apply_homography(registration.stage_from_camera, undistorted) + _shift_mm(registration)


def pixels_from_stage(registration: Registration, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels (column, row) as seen of stage positions (x, y) in mm, shape (n, 2)."""
    camera_from_stage = np.asarray(np.linalg.inv(registration.stage_from_camera), dtype=np.float64)
    undistorted = apply_homography(camera_from_stage, np.asarray(points_mm, np.float64) - _shift_mm(registration))
    return distort_points(undistorted, registration.camera_matrix, registration.distortion)


def _shift_mm(registration: Registration) -> NDArray[np.float64]:
    shift = registration.shift
    return np.zeros(2) if shift is None else np.array([shift.x_mm, shift.y_mm])
