"""Between sRGB levels and linear light (IEC 61966-2-1), by tables."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FULL = 65535
"""Linear light of a level at full scale."""


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
    encoded = np.arange(levels + 1) / levels
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.round(linear * FULL).astype(np.uint16)


@cache
def _encoding(levels: int) -> NDArray[np.uint16]:
    linear = np.arange(FULL + 1) / FULL
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded * levels).astype(np.uint16)
