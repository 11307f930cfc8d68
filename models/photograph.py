"""A photograph on the scan grid as colour, whatever depth and channels it came with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.faults import UnusablePhotograph

_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0, "float64": 1.0, "float16": 1.0}
_ROUNDING = 1e-3
"""A resampled float image may overshoot its range by this much; it is clipped."""


def photograph_lab(photograph: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """CIE L*a*b* (D65) of an sRGB photograph already resampled to the scan grid.

    Takes and raises what `photograph_rgb` does.

    Returns
    -------
    NDArray[np.float32]
        Shape (rows, columns, 3), L* in [0, 100].
    """
    import cv2

    return np.asarray(cv2.cvtColor(photograph_rgb(photograph, shape), cv2.COLOR_RGB2LAB), np.float32)


def photograph_rgb(photograph: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """sRGB in [0, 1] of a photograph already resampled to the scan grid.

    Parameters
    ----------
    photograph
        Shape (rows, columns), or with 1 (grey), 3 (RGB) or 4 channels (RGB and alpha, which is ignored); uint8,
        uint16, or float in [0, 1].
    shape
        The scan grid's (rows, columns).

    Returns
    -------
    NDArray[np.float32]
        Shape (rows, columns, 3).

    Raises
    ------
    UnusablePhotograph
        Another shape, channel count or depth, a value that is not finite or out of range.
    """
    unit = _unit_range(np.asarray(photograph))
    if unit.shape[:2] != shape:
        raise UnusablePhotograph(
            f"the photograph has {unit.shape[0]} x {unit.shape[1]} pixels and the scan grid "
            f"{shape[0]} x {shape[1]} cells: resample it to the grid first"
        )
    return unit


def _unit_range(photograph: NDArray[Any]) -> NDArray[np.float32]:
    """RGB in [0, 1], shape (rows, columns, 3)."""
    if photograph.ndim == 2:
        photograph = photograph[..., None]
    if photograph.ndim != 3 or photograph.shape[2] not in (1, 3, 4) or 0 in photograph.shape:
        raise UnusablePhotograph(
            f"a photograph of shape {photograph.shape} is neither grey (1), RGB (3) nor RGB with alpha (4 channels): "
            "convert it to RGB"
        )
    full_scale = _FULL_SCALE.get(photograph.dtype.name)
    if full_scale is None:
        raise UnusablePhotograph(
            f"a photograph of {photograph.dtype} has no defined white: convert it to uint8, uint16 or float in [0, 1]"
        )
    colour = photograph[..., :3].astype(np.float32)
    if photograph.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(colour).all(axis=2)))
        if bad:
            raise UnusablePhotograph(
                f"{bad} pixels of the photograph are not finite: fill or crop them before planning"
            )
        if colour.min() < -_ROUNDING or colour.max() > 1 + _ROUNDING:
            raise UnusablePhotograph(
                f"a float photograph runs from {colour.min():.4g} to {colour.max():.4g}, outside [0, 1]: "
                "divide it by its white level"
            )
        colour = colour.clip(0.0, 1.0)
    else:
        colour = colour / np.float32(full_scale)
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))
