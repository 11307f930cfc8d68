"""From a picture with fiducials to a registration, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.agreeing_markers import (
    NEEDED_FIDUCIALS,
    RADIAL_TERM_FROM,
    Corners,
    agreeing_corners,
    listed,
    refuse_bent,
)
from calibration.expected_error import radial_sensitivity
from calibration.fiducials import Fiducial, as_rgb, detect_fiducials
from calibration.homography import PlaneFit, fit_plane
from calibration.lens import Lens, without_distortion
from calibration.map_error import GroupError, covariance_of, mm_per_px, sensitivity
from calibration.projection import apply_homography
from calibration.registration import NotRegistered, Registration
from calibration.registration_record import registration_digest

__all__ = ["HELD_OUT_FROM", "NEEDED_FIDUCIALS", "PLACEMENT", "register", "register_seen", "too_few_seen"]

HELD_OUT_FROM = 5
"""With so many fiducials or more, residuals are those of fiducials left out of the fit."""
PLACEMENT = GroupError(deviation_mm=0.05, freedom=4.0)
"""How far a marker lies from its stated place, along each axis, for all that a few markers can tell: the beam is
steered over their centres by eye. Eight markers and more speak for themselves."""
_THIN = 0.05


def register(
    image_rgb: NDArray[Any],
    fiducials: Sequence[Fiducial],
    *,
    lens: Lens | None,
    dictionary: str,
    camera_identity: str,
    registered_at: str,
    tolerance_mm: float,
) -> Registration | NotRegistered:
    """Estimate where the picture's pixels lie on the stage.

    Corners that disagree with the rest are left out, with a note; a fiducial that loses two corners is left out
    whole. The residuals are those of the corners of each fiducial under a fit without that fiducial when five or more
    are in use, so that a flexible fit cannot hide its own error; with four they are the fit's own.

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w) or (h, w, 3)
    fiducials : sequence of Fiducial
        Markers and their stated places on the stage.
    lens : Lens or None
        Calibrated intrinsics. Without them the lens is taken as free of distortion, or, with eight fiducials or more,
        one radial term is estimated.
    dictionary : str
        OpenCV's name of the markers' family.
    camera_identity, registered_at : str
        Copied into the registration.
    tolerance_mm : float
        Largest root mean square residual that is accepted.

    Returns
    -------
    Registration, or NotRegistered (falsy) with one sentence that says what is wrong and what to do.
    """
    try:
        picture = as_rgb(image_rgb)
        seen = detect_fiducials(picture, dictionary, [fiducial.id for fiducial in fiducials])
    except ValueError as error:
        return NotRegistered(str(error))
    return register_seen(
        picture,
        seen,
        fiducials,
        lens=lens,
        dictionary=dictionary,
        camera_identity=camera_identity,
        registered_at=registered_at,
        tolerance_mm=tolerance_mm,
    )


def register_seen(
    picture: NDArray[Any],
    seen: dict[int, NDArray[np.float64]],
    fiducials: Sequence[Fiducial],
    *,
    lens: Lens | None,
    dictionary: str,
    camera_identity: str,
    registered_at: str,
    tolerance_mm: float,
) -> Registration | NotRegistered:
    """As `register`, from what `detect_fiducials` saw in the picture."""
    refusal = _refuse_sight(picture, fiducials, seen, lens, dictionary)
    if refusal is not None:
        return refusal
    height, width = picture.shape[:2]
    corners = _corners(fiducials, seen)
    agreed = agreeing_corners(corners, lens or without_distortion(width, height), has_lens=lens is not None)
    if isinstance(agreed, NotRegistered):
        return agreed
    used, fit, notes = agreed
    refusal = refuse_bent(corners, used) if lens is None else None
    if refusal is not None:
        return refusal
    residuals_mm = _residuals_mm(used, fit, has_lens=lens is not None)
    rms_mm = float(np.sqrt(np.mean(residuals_mm**2)))
    if not rms_mm <= tolerance_mm:
        return _too_far_off(used, residuals_mm, rms_mm, tolerance_mm)
    inverse = np.linalg.inv(fit.camera_from_stage)
    stage_from_camera = np.asarray(inverse / inverse[2, 2], dtype=np.float64)
    covariance, misfit_mm = _error(corners, used, fit, stage_from_camera, has_lens=lens is not None)
    registration = Registration(
        stage_from_camera=_frozen(stage_from_camera),
        camera_matrix=_frozen(fit.lens.matrix),
        distortion=_frozen(fit.lens.distortion),
        fiducials=tuple(int(marker) for marker in np.unique(used.marker_of)),
        residuals_mm=_frozen(residuals_mm),
        camera_identity=camera_identity,
        registered_at=registered_at,
        digest="",
        notes=notes,
        covariance=_frozen(covariance),
        misfit_mm=misfit_mm,
    )
    return replace(registration, digest=registration_digest(registration))


def _refuse_sight(
    picture: NDArray[Any],
    fiducials: Sequence[Fiducial],
    seen: dict[int, NDArray[np.float64]],
    lens: Lens | None,
    dictionary: str,
) -> NotRegistered | None:
    height, width = picture.shape[:2]
    stated = {fiducial.id: fiducial for fiducial in fiducials}
    if len(stated) < len(fiducials):
        return NotRegistered("two fiducials are stated with the same id: give every marker its own")
    if lens is not None and (lens.width_px, lens.height_px) != (width, height):
        return NotRegistered(
            f"the picture is {width} x {height} pixels but the lens was calibrated at {lens.width_px} x "
            f"{lens.height_px}: set the camera to that size or calibrate it at this one"
        )
    if len(seen) < NEEDED_FIDUCIALS:
        return too_few_seen(picture, stated, seen, dictionary)
    centres = np.array([(stated[marker].centre.x_mm, stated[marker].centre.y_mm) for marker in seen])
    spread = np.linalg.svd(centres - centres.mean(axis=0), compute_uv=False)
    if spread[1] < _THIN * spread[0]:
        return NotRegistered(
            f"the {len(seen)} fiducials seen ({listed(seen)}) lie on a line: place markers on all sides of the object"
        )
    if _is_mirrored(_corners(fiducials, seen)):
        return NotRegistered(
            "the fiducials' stated places are a mirror image of the picture: check the signs of their x_mm and y_mm"
        )
    return None


def too_few_seen(
    picture: NDArray[Any], stated: dict[int, Fiducial], seen: dict[int, NDArray[np.float64]], dictionary: str
) -> NotRegistered:
    """Why fewer fiducials are seen than are needed: the picture is mirrored, or some are missing."""
    try:
        mirrored = detect_fiducials(np.ascontiguousarray(picture[:, ::-1]), dictionary, stated)
    except ValueError:
        mirrored = {}
    if len(mirrored) > len(seen):
        return NotRegistered(
            f"the picture is mirrored ({len(mirrored)} fiducials are readable only when it is flipped): "
            "switch mirroring off in the camera or its program"
        )
    missing = sorted(stated.keys() - seen.keys())
    what = f"{len(seen)} of {len(stated)} fiducials seen, at least {NEEDED_FIDUCIALS} needed"
    missed = f" (missing: {listed(missing)})" if missing else ""
    return NotRegistered(f"{what}{missed}: bring them into the frame, in focus, evenly lit and uncovered")


def _corners(fiducials: Sequence[Fiducial], seen: dict[int, NDArray[np.float64]]) -> Corners:
    known = sorted((one for one in fiducials if one.id in seen), key=lambda one: one.id)
    return Corners(
        np.concatenate([fiducial.corners_mm for fiducial in known]),
        np.concatenate([seen[fiducial.id] for fiducial in known]),
        np.repeat(np.array([fiducial.id for fiducial in known], dtype=np.intp), 4),
    )


def _is_mirrored(corners: Corners) -> bool:
    """Whether the stated layout turns the other way than the layout seen."""

    def centres(points: NDArray[np.float64]) -> NDArray[np.float64]:
        means = points.reshape(-1, 4, 2).mean(axis=1)
        return np.asarray(means - means.mean(axis=0))

    affine = np.linalg.lstsq(centres(corners.points_mm), centres(corners.points_px), rcond=None)[0]
    return bool(np.linalg.det(affine) < 0)


def _residuals_mm(used: Corners, fit: PlaneFit, *, has_lens: bool) -> NDArray[np.float64]:
    markers = np.unique(used.marker_of)
    if markers.size < HELD_OUT_FROM:
        return np.asarray(np.linalg.norm(fit.stage(used.points_px) - used.points_mm, axis=1))
    with_radial_term = not has_lens and markers.size >= RADIAL_TERM_FROM
    residuals_mm = np.empty(len(used.points_mm))
    for marker in markers:
        held_out = used.marker_of == marker
        rest = used.only(~held_out)
        without = fit_plane(rest.points_mm, rest.points_px, fit.lens, with_radial_term=with_radial_term)
        seen_mm = without.stage(used.points_px[held_out])
        residuals_mm[held_out] = np.linalg.norm(seen_mm - used.points_mm[held_out], axis=1)
    return residuals_mm


def _error(
    seen: Corners, used: Corners, fit: PlaneFit, stage_from_camera: NDArray[np.float64], *, has_lens: bool
) -> tuple[NDArray[np.float64], float]:
    """Covariance of the map, and the bending that it leaves out.

    The map is taken to be the least-squares fit of the corners in mm; it is that of pixels, which differs little.
    """
    undistorted = fit.lens.undistort_points(used.points_px)
    design = sensitivity(stage_from_camera, undistorted)
    with_radial_term = not has_lens and np.unique(used.marker_of).size >= RADIAL_TERM_FROM
    if with_radial_term:
        design = np.concatenate([design, radial_sensitivity(stage_from_camera, fit.lens, used.points_px)], axis=2)
    residuals = apply_homography(stage_from_camera, undistorted) - used.points_mm
    covariance, spread = covariance_of(design, residuals, used.marker_of, PLACEMENT)
    least_mm = fit.lens.bending_px * mm_per_px(stage_from_camera, undistorted)
    if has_lens or with_radial_term:
        return covariance, least_mm
    # Without a lens what markers have in common is the lens's bending, too, which lies between them as well; and a
    # marker that was left out may be right, and show how far it bends.
    off = apply_homography(stage_from_camera, fit.lens.undistort_points(seen.points_px)) - seen.points_mm
    is_whole = np.unique(seen.marker_of).size == np.unique(used.marker_of).size
    lost_mm = 0.0 if is_whole else float(np.sqrt(np.mean(off**2)))
    return covariance, max(least_mm, spread.group_mm, lost_mm)


def _too_far_off(used: Corners, residuals_mm: NDArray[np.float64], rms_mm: float, tolerance_mm: float) -> NotRegistered:
    worst = int(np.argmax(residuals_mm))
    return NotRegistered(
        f"the fiducials' residual is {rms_mm:.2f} mm rms, above the {tolerance_mm:.2f} mm accepted (worst: marker "
        f"{int(used.marker_of[worst])} by {residuals_mm[worst]:.2f} mm): check the markers' stated places and size, "
        "that they lie flat in the object's plane, and the lens calibration"
    )


def _frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
