"""The lens: pinhole intrinsics and distortion, and points through them in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

LENS_BENDING_PX: Final = 0.05
"""Bending, per axis, that a good calibration leaves in the picture: what 0.2 px of some ten boards' views leave of five
coefficients (0.2 sqrt(5 / 80), as each view tells eight numbers and its own plane)."""
_UNDISTORT_STEPS = 60
_UNDISTORT_PX = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """A camera's intrinsics at one picture size, as its calibration found them."""

    matrix: NDArray[np.float64]
    """Pinhole intrinsics in pixels, shape (3, 3)."""
    distortion: NDArray[np.float64]
    """Brown-Conrady coefficients in OpenCV's order k1, k2, p1, p2, k3, shape (5,)."""
    width_px: int
    height_px: int
    bending_px: float = LENS_BENDING_PX
    """Bending of the picture, per axis, that its calibration leaves, as a standard deviation."""

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        distortion = np.array(self.distortion, dtype=np.float64).reshape(-1)
        if matrix.shape != (3, 3) or distortion.shape != (5,):
            raise ValueError("a lens needs a 3 x 3 matrix and 5 distortion coefficients: calibrate the camera again")
        if not (np.isfinite(matrix).all() and np.isfinite(distortion).all()) or min(matrix[0, 0], matrix[1, 1]) <= 0:
            raise ValueError("a lens has finite numbers and positive focal lengths: calibrate the camera again")
        matrix.flags.writeable = distortion.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "distortion", distortion)

    def undistort_points(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where a lens without distortion would have put the points, shape (n, 2), pixels."""
        return undistort_points(points_px, self.matrix, self.distortion)

    def distort_points(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of `undistort_points`."""
        return distort_points(points_px, self.matrix, self.distortion)

    def undistort_maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Source columns and rows of every pixel of the undistorted picture, for ``cv2.remap``.

        Returns
        -------
        columns, rows : float32, shape (height_px, width_px)
        """
        size = (self.width_px, self.height_px)
        columns, rows = cv2.initUndistortRectifyMap(
            self.matrix, self.distortion, np.eye(3), self.matrix, size, cv2.CV_32FC1
        )
        return np.asarray(columns, dtype=np.float32), np.asarray(rows, dtype=np.float32)


def without_distortion(width_px: int, height_px: int) -> Lens:
    """A stand-in for an unknown lens: centred, free of distortion, focal length equal to the longer side."""
    focal_px = float(max(width_px, height_px))
    matrix = np.array([[focal_px, 0, (width_px - 1) / 2], [0, focal_px, (height_px - 1) / 2], [0, 0, 1]])
    return Lens(matrix, np.zeros(5), width_px, height_px)


def distort_points(
    points_px: NDArray[np.float64], matrix: NDArray[np.float64], distortion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Undistorted pixels to pixels as seen, shape (n, 2) (Brown 1971, as in OpenCV)."""
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    k1, k2, p1, p2, k3 = (float(value) for value in distortion)
    y = (points[:, 1] - matrix[1, 2]) / matrix[1, 1]
    x = (points[:, 0] - matrix[0, 2] - matrix[0, 1] * y) / matrix[0, 0]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    seen_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    seen_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.column_stack(
        [
            matrix[0, 0] * seen_x + matrix[0, 1] * seen_y + matrix[0, 2],
            matrix[1, 1] * seen_y + matrix[1, 2],
        ]
    )


def undistort_points(
    points_px: NDArray[np.float64], matrix: NDArray[np.float64], distortion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pixels as seen to undistorted pixels, shape (n, 2), by fixed-point iteration to 1e-7 px.

    Pixels that this lens cannot have put there give whatever the iteration ends with, not finite where it diverges.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    if not np.any(distortion):
        return points.copy()
    estimate = points.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_UNDISTORT_STEPS):
            step = points - distort_points(estimate, matrix, distortion)
            estimate += step
            if not step.size or float(np.abs(step).max()) < _UNDISTORT_PX:
                break
    return estimate
