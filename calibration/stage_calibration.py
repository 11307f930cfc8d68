"""A camera's place before the stage, found once and kept: map, error, findings, and where it all came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens
from calibration.map_error import mm_per_px, standard_errors_mm
from calibration.projection import apply_homography
from calibration.registration import NotRegistered, Registration
from calibration.registration_record import registration_digest
from calibration.stage_axes import Measured, StageAxes
from calibration.stage_fit import MapKind, PointPairs, StageFit
from calibration.stored import DamagedCalibration

Doubles = NDArray[np.float64]

KIND: Final = "stage"
METHODS: Final = ("fiducials", "spot", "points")


@dataclass(frozen=True, slots=True, eq=False)
class StageCalibration:
    """Where one camera's pixels lie on the stage, at one picture size."""

    stage_from_camera: Doubles
    """Undistorted pixels to stage mm, shape (3, 3), last element 1."""
    covariance: Doubles
    """Of its first eight elements, row by row, shape (8, 8)."""
    misfit_mm: float
    """Bending that the map leaves out, as a standard deviation along each axis."""
    lens: Lens
    has_calibrated_lens: bool
    """False: the lens is a stand-in without distortion."""
    map_kind: MapKind
    map_kind_because: str
    method: str
    """One of `METHODS`."""
    points_px: Doubles
    """Pixels as seen of the points in use, shape (n, 2)."""
    points_mm: Doubles
    residuals_mm: Doubles
    """Seen less stated, shape (n, 2)."""
    held_out_mm: Doubles
    """The same under fits without the point's own place."""
    axes: StageAxes
    backlash_mm: tuple[float, float] | None
    backlash_error_mm: tuple[float, float] | None
    camera_identity: str
    made_at: str
    """UTC, ISO 8601."""
    notes: tuple[str, ...] = ()
    """One sentence for each point that was left out, and whatever else limits the calibration."""
    digest: str = ""
    """Of the file that it was read from; empty before it is stored."""

    @property
    def rms_mm(self) -> float:
        """Root mean square distance of the held-out points."""
        return float(np.sqrt((self.held_out_mm**2).sum(axis=1).mean()))

    def expected_error_mm(self, points_mm: Doubles) -> Doubles:
        """Expected distance, as the root of its mean square, at points of the stage, shape (n,)."""
        camera_from_stage = np.asarray(np.linalg.inv(self.stage_from_camera), dtype=np.float64)
        points_px = apply_homography(camera_from_stage, points_mm)
        errors = standard_errors_mm(self.stage_from_camera, self.covariance, points_px, misfit_mm=self.misfit_mm)
        return np.asarray(np.hypot(errors[:, 0], errors[:, 1]))


def calibration_of(
    fit: StageFit,
    pairs: PointPairs,
    *,
    lens: Lens,
    has_calibrated_lens: bool,
    method: str,
    axes: StageAxes,
    camera_identity: str,
    made_at: str,
    notes: tuple[str, ...] = (),
) -> StageCalibration:
    """Put a fit of these pairs together with where it came from.

    What several visits of one place have in common is bending of the map, which lies between the places as well; with
    one visit each it is not told from how the places were measured. Then as much is taken as a calibrated lens leaves
    a homography; where there is no such lens, or only an affine map, all that the places scatter by may be bending.
    """
    used = pairs.only(fit.used)
    misfit_mm = lens.bending_px * mm_per_px(fit.stage_from_camera, lens.undistort_points(used.points_px))
    if np.unique(used.group_of).size < len(used.group_of):
        misfit_mm = fit.spread.group_mm
    elif not has_calibrated_lens or fit.kind is MapKind.AFFINE:
        misfit_mm = max(misfit_mm, fit.spread.point_mm)
    if not (has_calibrated_lens or fit.used.all()):
        off = apply_homography(fit.stage_from_camera, lens.undistort_points(pairs.points_px)) - pairs.points_mm
        # A place that was left out may be right, and show how far a lens bends that nobody calibrated.
        misfit_mm = max(misfit_mm, float(np.sqrt(np.mean(off**2))))
    return StageCalibration(
        stage_from_camera=fit.stage_from_camera,
        covariance=fit.covariance,
        misfit_mm=misfit_mm,
        lens=lens,
        has_calibrated_lens=has_calibrated_lens,
        map_kind=fit.kind,
        map_kind_because=fit.kind_because,
        method=method,
        points_px=used.points_px,
        points_mm=used.points_mm,
        residuals_mm=fit.residuals_mm,
        held_out_mm=fit.held_out_mm,
        axes=axes,
        backlash_mm=fit.backlash_mm,
        backlash_error_mm=fit.backlash_error_mm,
        camera_identity=camera_identity,
        made_at=made_at,
        notes=notes,
    )


def stage_to_dict(calibration: StageCalibration) -> dict[str, Any]:
    """Plain content for `calibration.stored.store`."""
    lens = calibration.lens
    return {
        "method": calibration.method,
        "camera_identity": calibration.camera_identity,
        "made_at": calibration.made_at,
        "map_kind": calibration.map_kind.value,
        "map_kind_because": calibration.map_kind_because,
        "stage_mm_from_undistorted_px": calibration.stage_from_camera.tolist(),
        "covariance_of_first_eight_elements": calibration.covariance.tolist(),
        "misfit_mm": calibration.misfit_mm,
        "held_out_rms_mm": calibration.rms_mm,
        "has_calibrated_lens": calibration.has_calibrated_lens,
        "lens": {
            "matrix_px": lens.matrix.tolist(),
            "distortion": lens.distortion.tolist(),
            "width_px": lens.width_px,
            "height_px": lens.height_px,
        },
        "axes": asdict(calibration.axes),
        "backlash_mm": None if calibration.backlash_mm is None else list(calibration.backlash_mm),
        "backlash_error_mm": None if calibration.backlash_error_mm is None else list(calibration.backlash_error_mm),
        "points_px": calibration.points_px.tolist(),
        "points_mm": calibration.points_mm.tolist(),
        "residuals_mm": calibration.residuals_mm.tolist(),
        "held_out_mm": calibration.held_out_mm.tolist(),
        "notes": list(calibration.notes),
    }


def stage_from_dict(content: Mapping[str, Any], digest: str = "") -> StageCalibration:
    """Inverse of `stage_to_dict`.

    Raises
    ------
    DamagedCalibration
        A key is missing or of another shape.
    """
    try:
        lens = content["lens"]
        axes = content["axes"]
        count = len(content["points_px"])
        return StageCalibration(
            stage_from_camera=_numbers(content["stage_mm_from_undistorted_px"], (3, 3)),
            covariance=_numbers(content["covariance_of_first_eight_elements"], (8, 8)),
            misfit_mm=float(content["misfit_mm"]),
            lens=Lens(
                _numbers(lens["matrix_px"], (3, 3)),
                _numbers(lens["distortion"], (5,)),
                int(lens["width_px"]),
                int(lens["height_px"]),
            ),
            has_calibrated_lens=bool(content["has_calibrated_lens"]),
            map_kind=MapKind(content["map_kind"]),
            map_kind_because=str(content["map_kind_because"]),
            method=str(content["method"]),
            points_px=_numbers(content["points_px"], (count, 2)),
            points_mm=_numbers(content["points_mm"], (count, 2)),
            residuals_mm=_numbers(content["residuals_mm"], (count, 2)),
            held_out_mm=_numbers(content["held_out_mm"], (count, 2)),
            axes=_axes(axes),
            backlash_mm=_pair(content["backlash_mm"]),
            backlash_error_mm=_pair(content["backlash_error_mm"]),
            camera_identity=str(content["camera_identity"]),
            made_at=str(content["made_at"]),
            notes=tuple(str(note) for note in content["notes"]),
            digest=digest,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedCalibration(f"the stage calibration is not whole ({error}): calibrate the stage again") from None


def placed_by(
    calibration: StageCalibration, *, camera_identity: str, width_px: int, height_px: int, taken_at: str
) -> Registration | NotRegistered:
    """Register a frame by a stored calibration instead of fiducials.

    Returns
    -------
    Registration, or NotRegistered (falsy) when the frame is of another camera or size than the calibration.
    """
    lens = calibration.lens
    if (width_px, height_px) != (lens.width_px, lens.height_px):
        return NotRegistered(
            f"the picture is {width_px} x {height_px} pixels but the stage calibration was made at {lens.width_px} x "
            f"{lens.height_px}: set the camera to that size, or calibrate the stage again"
        )
    if camera_identity != calibration.camera_identity:
        return NotRegistered(
            f"the picture is of the camera {camera_identity} but the stage calibration was made with "
            f"{calibration.camera_identity}: plug that camera in, or calibrate the stage again"
        )
    registration = Registration(
        stage_from_camera=calibration.stage_from_camera,
        camera_matrix=lens.matrix,
        distortion=lens.distortion,
        fiducials=(),
        residuals_mm=np.linalg.norm(calibration.held_out_mm, axis=1),
        camera_identity=camera_identity,
        registered_at=taken_at,
        digest="",
        notes=calibration.notes,
        covariance=calibration.covariance,
        misfit_mm=calibration.misfit_mm,
    )
    return replace(registration, digest=registration_digest(registration))


def _axes(content: Mapping[str, Any]) -> StageAxes:
    def measured(name: str) -> Measured | None:
        found = content[name]
        return None if found is None else Measured(float(found["value"]), float(found["error"]))

    return StageAxes(
        x_deg=float(content["x_deg"]),
        y_deg=float(content["y_deg"]),
        is_mirrored=bool(content["is_mirrored"]),
        are_swapped=bool(content["are_swapped"]),
        skew_deg=measured("skew_deg"),
        x_scale_error=measured("x_scale_error"),
        y_scale_error=measured("y_scale_error"),
        x_over_y=measured("x_over_y"),
        judged_by=str(content["judged_by"]),
    )


def _pair(values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    first, second = values
    return float(first), float(second)


def _numbers(values: Any, shape: tuple[int, ...]) -> Doubles:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"shape {array.shape} where {shape} belongs, or numbers that are not finite")
    array.flags.writeable = False
    return array
