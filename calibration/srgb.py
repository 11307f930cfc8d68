"""Between sRGB levels and linear light (IEC 61966-2-1): the formula, and pictures by tables."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FULL = 65535
"""Linear light of a level at full scale."""


def decoded(encoded: NDArray[Any]) -> NDArray[Any]:
    """Linear light of sRGB values, both in [0, 1], of the same floating type."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(linear: NDArray[Any]) -> NDArray[Any]:
    """sRGB values of linear light, both in [0, 1], of the same floating type."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def linear_light(picture: NDArray[Any]) -> NDArray[np.uint16]:
    """Decode a uint8 or uint16 picture to linear light of 16 bits."""
    table = _decoding(np.iinfo(picture.dtype).max)
    if picture.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(picture), table), dtype=np.uint16)
    return np.asarray(table[picture], dtype=np.uint16)


def encoded_8(light: NDArray[Any]) -> NDArray[np.uint8]:
    """Encode linear light, 0 to 65535 and clipped there, as 8-bit sRGB."""
    return np.asarray(_encoding(255)[_whole(light)], dtype=np.uint8)


def encoded_16(light: NDArray[Any]) -> NDArray[np.uint16]:
    """Encode linear light, 0 to 65535 and clipped there, as 16-bit sRGB."""
    return np.asarray(_encoding(FULL)[_whole(light)], dtype=np.uint16)


def _whole(light: NDArray[Any]) -> NDArray[np.uint16]:
    if light.dtype == np.uint16:
        return light
    return np.asarray(np.rint(np.clip(light, 0, FULL)), dtype=np.uint16)


@cache
def _decoding(levels: int) -> NDArray[np.uint16]:
    return np.round(decoded(np.arange(levels + 1) / levels) * FULL).astype(np.uint16)


@cache
def _encoding(levels: int) -> NDArray[np.uint16]:
    return np.round(encoded(np.arange(FULL + 1) / FULL) * levels).astype(np.uint16)
