"""How far a registered frame's points may lie from where the registration says, anywhere on the stage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens, undistort_points
from calibration.map_error import sensitivity
from calibration.projection import apply_homography, pixels_from_stage
from calibration.registration import Registration

Doubles = NDArray[np.float64]

_RADIAL_STEP = 1e-4


def standard_errors_at(registration: Registration, points_mm: Doubles) -> Doubles | None:
    """Standard error along x and y at points of the stage, shape (n, 2), mm; twice of it covers 95 %.

    None where the registration's error is not known: a record of an earlier version.
    """
    if registration.covariance is None:
        return None
    points_px = pixels_from_stage(registration, points_mm)
    undistorted = undistort_points(points_px, registration.camera_matrix, registration.distortion)
    derivatives = sensitivity(registration.stage_from_camera, undistorted)
    if len(registration.covariance) > derivatives.shape[2]:
        lens = Lens(registration.camera_matrix, registration.distortion, 1, 1)
        more = radial_sensitivity(registration.stage_from_camera, lens, points_px)
        derivatives = np.concatenate([derivatives, more], axis=2)
    variance = np.einsum("nip,pq,niq->ni", derivatives, registration.covariance, derivatives)
    return np.asarray(np.sqrt(np.maximum(variance, 0) + registration.misfit_mm**2))


def expected_error_mm(registration: Registration, points_mm: Doubles) -> Doubles | None:
    """Expected distance, as the root of its mean square, at points of the stage, shape (n,), mm; None if not known."""
    errors = standard_errors_at(registration, points_mm)
    return None if errors is None else np.asarray(np.hypot(errors[:, 0], errors[:, 1]))


def radial_sensitivity(stage_from_camera: Doubles, lens: Lens, points_px: Doubles) -> Doubles:
    """Derivatives of mapped pixels as seen by the lens's first radial coefficient, shape (n, 2, 1)."""
    step = np.array([_RADIAL_STEP, 0, 0, 0, 0])
    sides = [
        apply_homography(stage_from_camera, undistort_points(points_px, lens.matrix, lens.distortion + sign * step))
        for sign in (1.0, -1.0)
    ]
    return np.asarray((sides[0] - sides[1])[:, :, None] / (2 * _RADIAL_STEP))
