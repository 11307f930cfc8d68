"""Several pictures of one scene made one: averaged against noise, or merged over exposure times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.srgb import encoded_16, linear_light
from edge.faults import DeviceError

_SATURATED = 0.97
"""Share of full scale from which a level is taken as clipped: sensors bend over a little before they clip."""


def averaged(
    next_picture: Callable[[], NDArray[Any]], *, warm_up_frames: int, average_frames: int, name: str
) -> NDArray[Any]:
    """The mean of a camera's next pictures, of their own type, after the first ones are dropped.

    Raises
    ------
    DeviceError
        The pictures change size or type on the way.
    """
    for _ in range(warm_up_frames):
        next_picture()
    first = next_picture()
    if average_frames == 1:
        return first
    total = first.astype(np.float32)
    for _ in range(average_frames - 1):
        picture = next_picture()
        if picture.shape != first.shape or picture.dtype != first.dtype:
            raise DeviceError(
                f"{name}: the camera changed its pictures from {_described(first)} to {_described(picture)} while it "
                "was asked: set it to one size and take the frame again"
            )
        total += picture
    return np.asarray(np.rint(total / average_frames).astype(first.dtype))


def merged(pictures: Sequence[NDArray[np.uint8]], exposures: Sequence[float]) -> NDArray[np.uint16]:
    """One picture of the light that several exposures saw, sRGB, full scale where the shortest one would clip.

    Light per exposure time is the sum of what was collected over the sum of the times, over the pictures in which a
    pixel is not clipped in any channel: for photon noise that is the estimate of least variance. A pixel clipped in
    all of them is taken from the shortest.

    Parameters
    ----------
    pictures : sequence of uint8, shape (h, w, 3), sRGB
    exposures : sequence of float
        Exposure time of each, in any one unit.

    Returns
    -------
    uint16, shape (h, w, 3), sRGB.
    """
    shortest = min(exposures)
    shape = pictures[0].shape
    collected, time = np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
    for picture, exposure in zip(pictures, exposures, strict=True):
        light = linear_light(picture).astype(np.float32)
        usable = (picture.max(axis=2) < _SATURATED * 255) if exposure > shortest else np.ones(shape[:2], np.bool_)
        collected += light * usable[..., None]
        time += np.float32(exposure) * usable
    return encoded_16(np.asarray(collected * (np.float32(shortest) / time)[..., None]))


def _described(picture: NDArray[Any]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]} pixels of {picture.dtype.itemsize * 8} bit"
