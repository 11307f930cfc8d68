"""The frames of a mosaic, read one at a time, and what is kept of each: a small picture on the stage's plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.view import Doubles, Floats, HeadView, Patch, on_plane, patch_of, spread
from calibration.srgb import encoded_8, encoded_16, linear_light

GLANCE_LONG_SIDE = 1000
"""Cells along the longer side of the small pictures."""
BLOCK = 8
"""Cells along the side of the blocks whose light is compared."""
_INSIDE_PX = 1.0


class UnusableFrame(ValueError):
    """A frame's picture is not what the others are."""


@dataclass(frozen=True, slots=True, eq=False)
class MosaicFrame:
    """One picture of a head-mounted camera and where the stage stood; the picture is read when it is needed."""

    name: str
    place_mm: tuple[float, float]
    """Where the beam met the object, stage mm."""
    read: Callable[[], NDArray[Any]]
    """Gives RGB, sRGB, uint8 or uint16, shape (h, w, 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """A frame, small, on the stage's plane where the stage says that it lies."""

    patch: Patch
    grey: NDArray[np.uint8]
    """Shape (rows, columns)."""
    seen: NDArray[np.bool_]
    """Which cells lie inside the frame."""
    blocks: Floats
    """Linear light, 1 a perfect white, of blocks of cells, shape (rows / BLOCK, columns / BLOCK, 3)."""
    sharpness: Floats
    """Energy of the finest detail over the light's square, of the same blocks."""
    is_16_bit: bool


def glance(frame: MosaicFrame, view: HeadView, cell_mm: float) -> Glance:
    """Read a frame and keep the little of it that placing and light need.

    Raises
    ------
    UnusableFrame
        The picture has another size than the lens, or is no RGB picture of 8 or 16 bits.
    """
    picture = frame.read()
    _refuse(frame.name, picture, view)
    light = linear_light(picture)
    place = np.array(frame.place_mm)
    patch = patch_of(view, place, cell_mm)
    placed, nodes_px = on_plane(light, view, place, patch)
    seen = is_inside(nodes_px, view, patch)
    whole = (patch.rows // BLOCK * BLOCK, patch.columns // BLOCK * BLOCK)
    size = (whole[1] // BLOCK, whole[0] // BLOCK)
    part = np.ascontiguousarray(placed[: whole[0], : whole[1]])
    blocks = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(65535)
    green = part[..., 1].astype(np.float32) / np.float32(65535)
    fine = green - cv2.GaussianBlur(green, (0, 0), 1.0)
    energy = cv2.resize(fine * fine, size, interpolation=cv2.INTER_AREA)
    sharpness = energy / (blocks[..., 1] + np.float32(0.02)) ** 2
    return Glance(patch, grey_levels(placed), seen, blocks, sharpness, picture.dtype == np.uint16)


def is_inside(nodes_px: Doubles, view: HeadView, patch: Patch) -> NDArray[np.bool_]:
    """Which cells lie inside the frame, shape (rows, columns)."""
    x, y = nodes_px[..., 0], nodes_px[..., 1]
    right, lower = view.lens.width_px - 1 - x, view.lens.height_px - 1 - y
    margin = np.minimum(np.minimum(x, right), np.minimum(y, lower)) - _INSIDE_PX
    return np.asarray(spread(np.clip(margin, -1e4, 1e4), patch) >= 0)


def grey_levels(light: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Linear light to grey that looks even: its square root."""
    grey = cv2.cvtColor(light, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.round(np.sqrt(grey / np.float32(65535)) * 255), dtype=np.uint8)


def encoded(light: Floats, *, is_16_bit: bool) -> NDArray[Any]:
    """Encode linear light, 65535 a perfect white, as sRGB."""
    return encoded_16(light) if is_16_bit else encoded_8(light)


def glances(frames: Sequence[MosaicFrame], view: HeadView, cell_mm: float) -> list[Glance]:
    """`glance` at each frame, one picture in memory at a time."""
    return [glance(frame, view, cell_mm) for frame in frames]


def _refuse(name: str, picture: NDArray[Any], view: HeadView) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype not in (np.uint8, np.uint16):
        raise UnusableFrame(f"{name}: of shape {picture.shape}, {picture.dtype}: give RGB pictures of 8 or 16 bits")
    height, width = picture.shape[:2]
    if (width, height) != (view.lens.width_px, view.lens.height_px):
        raise UnusableFrame(
            f"{name}: {width} x {height} pixels, but the head camera was calibrated at {view.lens.width_px} x "
            f"{view.lens.height_px}: set the camera to that size, or calibrate it at this one"
        )
