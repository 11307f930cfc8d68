"""What the calibration of a camera found, and as plain numbers and words for its file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.lens import LENS_BENDING_PX, Lens
from calibration.stored import DamagedCalibration

KIND = "camera"
"""Kind under which it is stored."""
PARAMETERS = ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "p1", "p2", "k3")
"""Focal lengths, principal point, Brown-Conrady coefficients."""


@dataclass(frozen=True, slots=True)
class ViewReport:
    """One picture of the board and what became of it."""

    name: str
    points: int
    """Points of the board that were seen; 0 where the board was not found."""
    rms_px: float | None
    """Root mean square distance of seen and reprojected points; None where the board was not found."""
    tilt_deg: float | None
    """Angle between the board's normal and the camera's axis; None where the view took no part."""
    left_out: str = ""
    """Why the view took no part, one sentence; empty where it did."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraCalibration:
    """Intrinsics of a camera at one picture size, and how well they are known."""

    lens: Lens
    standard_errors: NDArray[np.float64]
    """Of `PARAMETERS`, shape (9,); zero for coefficients that are held at zero."""
    distortion_terms: str
    """Which coefficients the views support: ``none``, ``k1``, ``k1 k2``, ``k1 k2 p1 p2`` or ``k1 k2 p1 p2 k3``."""
    rms_px: float
    """Root mean square reprojection distance over the points of the views used."""
    held_out_rms_px: float | None
    """The same in views that took no part in the fit; None with too few views to leave some out."""
    coverage: float
    """Share of the picture's cells, 8 along the longer side, in which a point was seen."""
    views: tuple[ViewReport, ...]
    board: str
    camera_identity: str
    """Of the camera that took the pictures; empty where nobody said."""
    made_at: str
    """UTC, ISO 8601."""

    @property
    def bending_px(self) -> float:
        """Bending, per axis, that is left in the picture: what the views' error leaves of five coefficients.

        Points of one view err together, as the board is not flat; a view tells eight numbers, those of a plane.
        """
        error_px = self.rms_px if self.held_out_rms_px is None else max(self.rms_px, self.held_out_rms_px)
        return max(LENS_BENDING_PX, error_px * math.sqrt(5 / (8 * max(len(self.used), 1))))

    @property
    def used(self) -> tuple[ViewReport, ...]:
        return tuple(view for view in self.views if not view.left_out)


def calibration_to_dict(calibration: CameraCalibration) -> dict[str, Any]:
    """Plain lists, numbers and words for `calibration.stored.store`."""
    lens = calibration.lens
    return {
        "camera_identity": calibration.camera_identity,
        "made_at": calibration.made_at,
        "board": calibration.board,
        "width_px": lens.width_px,
        "height_px": lens.height_px,
        "matrix_px": lens.matrix.tolist(),
        "distortion": lens.distortion.tolist(),
        "distortion_terms": calibration.distortion_terms,
        "standard_errors": {
            name: float(error) for name, error in zip(PARAMETERS, calibration.standard_errors, strict=True)
        },
        "rms_px": calibration.rms_px,
        "held_out_rms_px": calibration.held_out_rms_px,
        "coverage": calibration.coverage,
        "views": [
            {
                "name": view.name,
                "points": view.points,
                "rms_px": view.rms_px,
                "tilt_deg": view.tilt_deg,
                "left_out": view.left_out,
            }
            for view in calibration.views
        ],
    }


def calibration_from_dict(content: dict[str, Any]) -> CameraCalibration:
    """Inverse of `calibration_to_dict`.

    Raises
    ------
    DamagedCalibration
        A key is missing, or a number is not what it should be.
    """
    try:
        errors = content["standard_errors"]
        held_out = content["held_out_rms_px"]
        return CameraCalibration(
            lens=Lens(
                np.array(content["matrix_px"], dtype=np.float64),
                np.array(content["distortion"], dtype=np.float64),
                int(content["width_px"]),
                int(content["height_px"]),
            ),
            standard_errors=np.array([errors[name] for name in PARAMETERS], dtype=np.float64),
            distortion_terms=str(content["distortion_terms"]),
            rms_px=float(content["rms_px"]),
            held_out_rms_px=None if held_out is None else float(held_out),
            coverage=float(content["coverage"]),
            views=tuple(ViewReport(**view) for view in content["views"]),
            board=str(content["board"]),
            camera_identity=str(content["camera_identity"]),
            made_at=str(content["made_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCalibration(f"the camera's calibration is damaged ({error}): calibrate the camera again") from None
