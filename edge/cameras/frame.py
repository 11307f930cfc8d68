"""One picture as a camera gave it, and what every picture must show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.faults import DeviceError

_SMALLEST_SIDE_PX = 64
BLANK_BELOW = 0.01
"""Standard deviation of a picture's liveliest colour channel, of full scale, below which it shows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture as the camera gave it."""

    image: NDArray[Any]
    """RGB, uint8 or uint16, shape (h, w, 3), read-only; orientation tags are ignored: the sensor's own rows."""
    identity: str
    """Names the camera, so that a registration of another one is told apart."""
    taken_at: str
    """UTC, ISO 8601; a file's time of change where there is nothing better."""
    profile: bytes | None = None
    """ICC profile that the picture's file carries; None: none."""


class Camera(Protocol):
    """Something that can be asked for a picture."""

    def capture(self) -> Frame:
        """Take a picture.

        Raises
        ------
        DeviceError
            None can be had, or it shows nothing; the text names the remedy.
        """
        ...


def checked_frame(
    image: NDArray[Any], *, identity: str, taken_at_s: float, name: str, profile: bytes | None = None
) -> Frame:
    """A frame of a picture that shows something; `name` is what complaints begin with.

    Raises
    ------
    DeviceError
        The picture is of another type, too small, black, or the same all over.
    """
    import cv2

    if image.dtype not in (np.uint8, np.uint16):
        raise DeviceError(f"{name}: pixels of type {image.dtype} cannot be used: save 8- or 16-bit pictures")
    if min(image.shape[:2]) < _SMALLEST_SIDE_PX:
        raise DeviceError(
            f"{name}: {image.shape[1]} x {image.shape[0]} pixels is too small to find fiducials: raise the resolution"
        )
    mean, deviation = (np.asarray(value) / np.iinfo(image.dtype).max for value in cv2.meanStdDev(image))
    if float(deviation.max()) < BLANK_BELOW:
        look = "black" if float(mean.max()) < 0.1 else "the same all over"
        raise DeviceError(f"{name}: the picture is {look}: take the lens cap off, switch the light on, focus")
    image.flags.writeable = False
    taken_at = datetime.fromtimestamp(taken_at_s, UTC).isoformat(timespec="milliseconds")
    return Frame(image, identity, taken_at, profile)
