"""Where the photograph's pixels lie on the stage, and how well that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StageShift:
    """How far a registered picture has to be moved on the stage, as what was measured there says."""

    x_mm: float
    y_mm: float
    covariance_mm2: tuple[tuple[float, float], tuple[float, float]]
    """Of x and y."""
    chance: float
    """How often a picture in its place would seem to be so far off, in [0, 1]."""
    samples: int
    """Measured cells that it was found from."""

    @property
    def distance_mm(self) -> float:
        return math.hypot(self.x_mm, self.y_mm)

    @property
    def deviation_mm(self) -> tuple[float, float]:
        """Standard errors of x and y."""
        return math.sqrt(self.covariance_mm2[0][0]), math.sqrt(self.covariance_mm2[1][1])


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A frame's place on the stage, estimated from its fiducials or taken from a calibration of the stage.

    ``stage_from_camera`` maps undistorted pixels (x right, y down, pixel centres at whole numbers) to stage mm; `shift`
    comes on top.
    """

    stage_from_camera: NDArray[np.float64]
    """Planar homography, shape (3, 3), last element 1."""
    camera_matrix: NDArray[np.float64]
    """Pinhole intrinsics used to undistort, shape (3, 3)."""
    distortion: NDArray[np.float64]
    """OpenCV distortion coefficients, shape (5,); zeros when the lens is taken as free of distortion."""
    fiducials: tuple[int, ...]
    """Identities of the fiducials used; none where a calibration of the stage placed the frame."""
    residuals_mm: NDArray[np.float64]
    """Distance between seen and stated position, per fiducial corner or calibration point, shape (points,)."""
    camera_identity: str
    registered_at: str
    """UTC, ISO 8601."""
    digest: str
    """SHA-256 over everything else, hexadecimal."""
    notes: tuple[str, ...] = ()
    """One sentence for each fiducial or corner that was left out, and why."""
    shift: StageShift | None = None
    """Correction found in what was measured, added to the stage positions; None: none was, or none was significant."""
    covariance: NDArray[np.float64] | None = None
    """Of the first eight elements of ``stage_from_camera``, row by row, shape (8, 8); with the first radial coefficient
    as a ninth, shape (9, 9), where that was estimated from the fiducials. None in records of earlier versions."""
    misfit_mm: float = 0.0
    """Bending of the picture that the map leaves out, as a standard deviation along each axis."""

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
