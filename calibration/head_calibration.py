"""The calibration of a camera on the head as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from calibration.head import HeadFit
from calibration.lens import Lens
from calibration.mosaic.view import HeadView
from calibration.stored import DamagedCalibration

KIND: Final = "head"


@dataclass(frozen=True, slots=True, eq=False)
class HeadCalibration:
    """What frames need to be placed beside the beam."""

    view: HeadView
    strain_error: float
    """Standard error of the view's rotation, in radians, or scale, relative, whichever is greater."""
    camera_identity: str
    made_at: str
    """UTC, ISO 8601."""


def head_to_dict(fit: HeadFit, *, camera_identity: str, made_at: str) -> dict[str, Any]:
    """Plain content for `calibration.stored.store`."""
    lens = fit.view.lens
    return {
        "camera_identity": camera_identity,
        "made_at": made_at,
        "beam_mm_from_undistorted_px": fit.view.beam_from_camera.tolist(),
        "covariance_of_first_eight_elements": fit.covariance.tolist(),
        "offset_x_mm": asdict(fit.offset_x_mm),
        "offset_y_mm": asdict(fit.offset_y_mm),
        "turn_deg": asdict(fit.turn_deg),
        "mm_per_px": asdict(fit.mm_per_px),
        "strain_error": fit.strain_error,
        "is_mirrored": fit.is_mirrored,
        "is_tilted": fit.is_tilted,
        "rms_mm": fit.rms_mm,
        "held_out_rms_mm": None if np.isnan(fit.held_out_rms_mm) else fit.held_out_rms_mm,
        "places": fit.places,
        "origin": fit.origin,
        "lens": {
            "matrix_px": lens.matrix.tolist(),
            "distortion": lens.distortion.tolist(),
            "width_px": lens.width_px,
            "height_px": lens.height_px,
        },
    }


def head_from_dict(content: Mapping[str, Any]) -> HeadCalibration:
    """What `head_to_dict` wrote.

    Raises
    ------
    DamagedCalibration
        A key is missing or of another shape.
    """
    try:
        lens = content["lens"]
        matrix = np.array(content["beam_mm_from_undistorted_px"], dtype=np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise ValueError("the map from pixels is no 3 x 3 matrix")
        return HeadCalibration(
            view=HeadView(
                matrix,
                Lens(
                    np.array(lens["matrix_px"]),
                    np.array(lens["distortion"]),
                    int(lens["width_px"]),
                    int(lens["height_px"]),
                ),
            ),
            strain_error=float(content["strain_error"]),
            camera_identity=str(content["camera_identity"]),
            made_at=str(content["made_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCalibration(f"the head's calibration is not whole ({error}): calibrate the head again") from None


def described_head(fit: HeadFit) -> list[str]:
    """A fit's figures, line by line."""
    held_out = "" if np.isnan(fit.held_out_rms_mm) else f", {1_000 * fit.held_out_rms_mm:.0f} um at places held out"
    tilt = ", tilted" if fit.is_tilted else ""
    return [
        f"picture's centre from the beam: x {fit.offset_x_mm.value:.3f} ± {fit.offset_x_mm.error:.3f} mm, "
        f"y {fit.offset_y_mm.value:.3f} ± {fit.offset_y_mm.error:.3f} mm (by {fit.origin})",
        f"turned by {fit.turn_deg.value:.3f} ± {fit.turn_deg.error:.3f} degrees from the stage's x"
        + (", mirrored" if fit.is_mirrored else "")
        + tilt,
        f"{fit.mm_per_px.value:.5f} ± {fit.mm_per_px.error:.5f} mm per pixel",
        f"{1_000 * fit.rms_mm:.0f} um rms over {fit.places} places{held_out}",
    ]
