"""A mosaic as it is stored, and as the photograph of a scan: registered, and refused where it shows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.build import Mosaic, placement
from calibration.registration import NotRegistered, Registration
from calibration.registration_record import registration_digest
from calibration.stored import DamagedCalibration

KIND: Final = "mosaic"
PICTURE: Final = "picture"
COVERED: Final = "covered"


@dataclass(frozen=True, slots=True)
class MosaicPlace:
    """Where a stored mosaic's picture lies on the stage."""

    left_mm: float
    upper_mm: float
    mm_per_px: float
    columns: int
    rows: int
    error_mm: float
    """Standard error of a place in it, along each axis."""
    neighbours_mm: tuple[float, ...]
    """Between what two frames show of the same place, once adjusted, for each pair that counted."""


def mosaic_to_dict(
    mosaic: Mosaic, *, camera_identity: str, head_digest: str, offset_error_mm: float, made_at: str
) -> dict[str, Any]:
    """Plain content for `calibration.stored.store`; the pictures are named `PICTURE` and `COVERED`.

    Parameters
    ----------
    mosaic
    camera_identity
        Of the camera that took the frames.
    head_digest
        Of the calibration that placed them.
    offset_error_mm
        Standard error of the head camera's offset from the beam, which the whole mosaic shares.
    made_at
        UTC, ISO 8601.
    """
    rows, columns = mosaic.picture.shape[:2]
    own = float(np.sqrt(np.mean(mosaic.adjustment.errors_mm**2)))
    return {
        "made_at": made_at,
        "camera_identity": camera_identity,
        "head_digest": head_digest,
        "left_mm": mosaic.left_mm,
        "upper_mm": mosaic.upper_mm,
        "mm_per_px": mosaic.mm_per_px,
        "columns": columns,
        "rows": rows,
        "covered_share": mosaic.covered_share,
        "place_error_mm": float(np.hypot(own, offset_error_mm)),
        "neighbours_rms_before_mm": mosaic.rms_before_mm,
        "neighbours_rms_after_mm": mosaic.rms_after_mm,
        "strain": mosaic.adjustment.strain.tolist(),
        "frames": [
            {"name": name, "move_x_mm": float(x), "move_y_mm": float(y), "exposure": [float(e) for e in exposure]}
            for name, (x, y), exposure in zip(mosaic.used, mosaic.adjustment.moves_mm, mosaic.exposures, strict=True)
        ],
        "neighbours": [
            {
                "first": one.first,
                "second": one.second,
                "before_mm": one.before_mm,
                "after_mm": one.after_mm,
                "likeness": one.likeness,
                "weight": one.weight,
            }
            for one in mosaic.neighbours
        ],
        "notes": list(mosaic.notes),
    }


def place_from_dict(content: Mapping[str, Any]) -> MosaicPlace:
    """What `mosaic_to_dict` wrote of the picture's place.

    Raises
    ------
    DamagedCalibration
        A key is missing, or is no number.
    """
    try:
        place = MosaicPlace(
            left_mm=float(content["left_mm"]),
            upper_mm=float(content["upper_mm"]),
            mm_per_px=float(content["mm_per_px"]),
            columns=int(content["columns"]),
            rows=int(content["rows"]),
            error_mm=float(content["place_error_mm"]),
            neighbours_mm=tuple(float(one["after_mm"]) for one in content["neighbours"] if one["weight"] > 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCalibration(f"the mosaic's record is not whole ({error}): make the mosaic again") from None
    if not place.mm_per_px > 0:
        raise DamagedCalibration("the mosaic's record states no scale: make the mosaic again")
    return place


def registered_mosaic(
    place: MosaicPlace,
    covered: NDArray[np.bool_],
    area_mm: tuple[float, float, float, float],
    *,
    identity: str,
    at: str,
) -> Registration | NotRegistered:
    """The mosaic as a registered photograph: free of distortion, its pixels square on the stage's axes.

    Parameters
    ----------
    place
    covered : shape (rows, columns)
    area_mm
        Left, upper, right and lower edge of what has to be shown.
    identity, at
        Copied into the registration.

    Returns
    -------
    Registration, or NotRegistered (falsy) where frames leave part of the area bare.
    """
    bare = why_bare(place, covered, area_mm)
    if bare:
        return NotRegistered(bare)
    focal_px = float(max(place.columns, place.rows))
    matrix = np.array([[focal_px, 0, (place.columns - 1) / 2], [0, focal_px, (place.rows - 1) / 2], [0, 0, 1]])
    between = np.array(place.neighbours_mm or (0.0,))
    covariance = np.zeros((8, 8))
    covariance[2, 2] = covariance[5, 5] = place.error_mm**2
    registration = Registration(
        stage_from_camera=placement(place.left_mm, place.upper_mm, place.mm_per_px),
        camera_matrix=matrix,
        distortion=np.zeros(5),
        fiducials=(),
        residuals_mm=between,
        camera_identity=identity,
        registered_at=at,
        digest="",
        notes=("the picture is a mosaic, placed by the stage's positions",),
        covariance=covariance,
        misfit_mm=float(np.sqrt(np.mean(between**2) / 2)),
    )
    return replace(registration, digest=registration_digest(registration))


def why_bare(place: MosaicPlace, covered: NDArray[np.bool_], area_mm: tuple[float, float, float, float]) -> str:
    """A sentence where no frame covers part of an area (left, upper, right, lower) inside the picture; or empty."""
    left, upper, right, lower = area_mm
    columns = [(x - place.left_mm) / place.mm_per_px for x in (left, right)]
    rows = [(y - place.upper_mm) / place.mm_per_px for y in (upper, lower)]
    inside = covered[
        max(0, int(np.floor(rows[0]))) : max(0, int(np.ceil(rows[1]))),
        max(0, int(np.floor(columns[0]))) : max(0, int(np.ceil(columns[1]))),
    ]
    # What lies beyond the picture's edge altogether is refused where it is resampled, with the area that is seen.
    if inside.size == 0 or inside.all():
        return ""
    row, column = (float(np.median(where)) for where in np.nonzero(~inside))
    x = max(left, place.left_mm) + (column + 0.5) * place.mm_per_px
    y = max(upper, place.upper_mm) + (row + 0.5) * place.mm_per_px
    return (
        f"the mosaic is bare in {np.mean(~inside):.1%} of the area, around ({x:.1f}, {y:.1f}) mm: visit that place "
        "too, or keep the area out of it"
    )
