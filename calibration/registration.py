"""Where the photograph's pixels lie on the stage, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A frame's place on the stage, estimated from fiducials.

    ``stage_from_camera`` maps undistorted pixels (x right, y down, pixel centres at whole numbers) to stage mm.
    """

    stage_from_camera: NDArray[np.float64]
    """Planar homography, shape (3, 3), last element 1."""
    camera_matrix: NDArray[np.float64]
    """Pinhole intrinsics used to undistort, shape (3, 3)."""
    distortion: NDArray[np.float64]
    """OpenCV distortion coefficients, shape (5,); zeros when the lens is taken as free of distortion."""
    fiducials: tuple[int, ...]
    """Identities of the fiducials used."""
    residuals_mm: NDArray[np.float64]
    """Distance between seen and stated position, per fiducial corner, shape (corners,)."""
    camera_identity: str
    registered_at: str
    """UTC, ISO 8601."""
    digest: str
    """SHA-256 over everything else, hexadecimal."""
    notes: tuple[str, ...] = ()
    """One sentence for each fiducial or corner that was left out, and why."""

    @property
    def rms_mm(self) -> float:
        return float(np.sqrt(np.mean(self.residuals_mm**2)))


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """A registration that could not be had, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False
