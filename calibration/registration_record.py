"""A registration as plain numbers and words, for journals and files, and its digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from calibration.registration import Registration, StageShift


def registration_digest(registration: Registration) -> str:
    """SHA-256, hexadecimal, over the canonical bytes of everything but the digest.

    Canonical: UTF-8 JSON with sorted keys, no spaces, and floats in Python's shortest form that reads back exactly.
    """
    record = registration_to_dict(registration)
    del record["digest"]
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def registration_to_dict(registration: Registration) -> dict[str, Any]:
    """Plain lists, numbers and words that survive JSON exactly; what is optional and absent has no key."""
    record: dict[str, Any] = {
        "stage_from_camera": np.asarray(registration.stage_from_camera, dtype=float).tolist(),
        "camera_matrix": np.asarray(registration.camera_matrix, dtype=float).tolist(),
        "distortion": np.asarray(registration.distortion, dtype=float).tolist(),
        "fiducials": [int(marker) for marker in registration.fiducials],
        "residuals_mm": np.asarray(registration.residuals_mm, dtype=float).tolist(),
        "camera_identity": registration.camera_identity,
        "registered_at": registration.registered_at,
        "digest": registration.digest,
        "notes": list(registration.notes),
    }
    if registration.covariance is not None:
        record["covariance"] = np.asarray(registration.covariance, dtype=float).tolist()
        record["misfit_mm"] = float(registration.misfit_mm)
    if (shift := registration.shift) is not None:
        record["shift"] = {
            "x_mm": float(shift.x_mm),
            "y_mm": float(shift.y_mm),
            "covariance_mm2": [list(map(float, row)) for row in shift.covariance_mm2],
            "chance": float(shift.chance),
            "samples": int(shift.samples),
        }
    return record


def registration_from_dict(record: dict[str, Any]) -> Registration:
    """Inverse of `registration_to_dict`.

    Raises
    ------
    ValueError
        A key is missing, a shape is wrong, or the digest does not match: the record is damaged or foreign.
    """
    try:
        registration = Registration(
            stage_from_camera=_numbers(record["stage_from_camera"], (3, 3)),
            camera_matrix=_numbers(record["camera_matrix"], (3, 3)),
            distortion=_numbers(record["distortion"], (5,)),
            fiducials=tuple(int(marker) for marker in record["fiducials"]),
            residuals_mm=_numbers(record["residuals_mm"], (len(record["residuals_mm"]),)),
            camera_identity=str(record["camera_identity"]),
            registered_at=str(record["registered_at"]),
            digest=str(record["digest"]),
            notes=tuple(str(note) for note in record["notes"]),
            shift=_shift(record["shift"]) if "shift" in record else None,
            covariance=_covariance(record["covariance"]) if "covariance" in record else None,
            misfit_mm=float(record.get("misfit_mm", 0.0)),
        )
        digest = registration_digest(registration)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the registration's record is damaged ({error}): register again") from None
    if digest != registration.digest:
        raise ValueError("the registration's record does not match its digest: register again")
    return registration


def _shift(record: dict[str, Any]) -> StageShift:
    (xx, xy), (yx, yy) = _numbers(record["covariance_mm2"], (2, 2)).tolist()
    return StageShift(
        x_mm=float(record["x_mm"]),
        y_mm=float(record["y_mm"]),
        covariance_mm2=((xx, xy), (yx, yy)),
        chance=float(record["chance"]),
        samples=int(record["samples"]),
    )


def _covariance(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return _numbers(values, (9, 9) if len(values) == 9 else (8, 8))


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"shape {array.shape} where {shape} belongs")
    array.flags.writeable = False
    return array
