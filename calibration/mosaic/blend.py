"""Frames laid into one picture: each weighs by its distance from its own border, whole rows leave as soon as done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.frames import MosaicFrame, encoded, is_inside
from calibration.mosaic.light import Light
from calibration.mosaic.view import Doubles, Floats, HeadView, Patch, nodes_of, on_plane, patch_of, spread
from calibration.srgb import linear_light

_STRIP_ROWS = 256
_STEEPNESS = 3
"""Exponent of the weight: the greater, the narrower the passage from frame to frame, and the less detail is doubled."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The finished picture's cells, and where they lie on the stage."""

    left_cell: int
    upper_cell: int
    columns: int
    rows: int
    cell_mm: float


def extent_of(view: HeadView, places_mm: Doubles, cell_mm: float) -> Extent:
    """Cells that hold every frame."""
    patches = [patch_of(view, place, cell_mm) for place in places_mm]
    left, upper = min(one.left_cell for one in patches), min(one.upper_cell for one in patches)
    right = max(one.left_cell + one.columns for one in patches)
    lower = max(one.upper_cell + one.rows for one in patches)
    return Extent(left, upper, right - left, lower - upper, cell_mm)


def blended(
    frames: Sequence[MosaicFrame],
    places_mm: Doubles,
    exposures: Doubles,
    view: HeadView,
    light: Light,
    extent: Extent,
    *,
    is_16_bit: bool,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The picture and where it is covered; each frame is read once.

    Weights are the product of the distances from the frame's borders, as shares of half its sides, to the third power:
    nothing jumps where a frame ends.

    Parameters
    ----------
    places_mm : shape (frames, 2)
        Adjusted.
    exposures : shape (frames, 3)

    Returns
    -------
    picture : uint8 or uint16, shape (rows, columns, 3), sRGB, black where nothing covers it
    covered : shape (rows, columns)
    """
    patches = [patch_of(view, place, extent.cell_mm) for place in places_mm]
    order = sorted(range(len(frames)), key=lambda k: patches[k].upper_cell)
    canvas = _Canvas(extent, is_16_bit=is_16_bit)
    for k in order:
        canvas.finish(patches[k].upper_cell - extent.upper_cell)
        picture = linear_light(frames[k].read())
        placed, nodes_px = on_plane(picture, view, places_mm[k], patches[k])
        del picture
        weight = _weight(nodes_px, view, patches[k])
        nodes = nodes_of(patches[k])
        fall_off = light.fall_off(view, (nodes - places_mm[k]).reshape(-1, 2)) * exposures[k]
        gain = spread((1 / fall_off).reshape(*nodes.shape[:2], 3), patches[k])
        canvas.add(patches[k], placed, gain, weight)
    canvas.finish(extent.rows)
    return canvas.picture, canvas.covered


def _weight(nodes_px: Doubles, view: HeadView, patch: Patch) -> Floats:
    size = np.array([view.lens.width_px, view.lens.height_px])
    hat = 1 - np.abs(2 * (nodes_px + 0.5) / size - 1)
    high = spread(np.clip(hat, -1, 1), patch)
    weight = np.clip(high[..., 0], 0, 1) * np.clip(high[..., 1], 0, 1)
    weight **= _STEEPNESS
    # A frame's outermost cells count for little, but where nothing else is they are all there is.
    weight += np.float32(1e-9)
    weight[~is_inside(nodes_px, view, patch)] = 0
    return np.asarray(weight, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """Sums over some rows."""

    light: Floats
    """Shape (rows, columns, 3)."""
    weight: Floats
    """Shape (rows, columns)."""

    @classmethod
    def empty(cls, columns: int) -> _Strip:
        return cls(np.zeros((_STRIP_ROWS, columns, 3), np.float32), np.zeros((_STRIP_ROWS, columns), np.float32))


class _Canvas:
    """Sums of weighted light for the rows that frames may still reach, and the finished rows above them."""

    def __init__(self, extent: Extent, *, is_16_bit: bool) -> None:
        self._extent = extent
        self._is_16_bit = is_16_bit
        self._strips: dict[int, _Strip] = {}
        kind = np.uint16 if is_16_bit else np.uint8
        self.picture: NDArray[Any] = np.zeros((extent.rows, extent.columns, 3), dtype=kind)
        self.covered = np.zeros((extent.rows, extent.columns), dtype=np.bool_)

    def add(self, patch: Patch, light: NDArray[np.uint16], gain: Floats, weight: Floats) -> None:
        top, left = patch.upper_cell - self._extent.upper_cell, patch.left_cell - self._extent.left_cell
        for number in range(top // _STRIP_ROWS, (top + patch.rows - 1) // _STRIP_ROWS + 1):
            start = max(top, number * _STRIP_ROWS)
            stop = min(top + patch.rows, (number + 1) * _STRIP_ROWS)
            if number not in self._strips:
                self._strips[number] = _Strip.empty(self._extent.columns)
            strip = self._strips[number]
            rows = slice(start - top, stop - top)
            there = (
                slice(start - number * _STRIP_ROWS, stop - number * _STRIP_ROWS),
                slice(left, left + patch.columns),
            )
            shown = weight[rows]
            weighed = cv2.multiply(gain[rows], cv2.merge([shown, shown, shown]))
            cv2.accumulateProduct(light[rows].astype(np.float32), weighed, strip.light[there])
            strip.weight[there] += shown

    def finish(self, upper_row: int) -> None:
        """Let the strips go that lie above this row, which no later frame reaches."""
        for number in sorted(self._strips):
            if (number + 1) * _STRIP_ROWS > upper_row and upper_row < self._extent.rows:
                break
            strip = self._strips.pop(number)
            start = number * _STRIP_ROWS
            rows = min(_STRIP_ROWS, self._extent.rows - start)
            weight = strip.weight[:rows]
            covered = weight > 0
            shown = np.where(covered, weight, np.float32(1))
            light = cv2.divide(strip.light[:rows], cv2.merge([shown, shown, shown]))
            self.picture[start : start + rows] = encoded(np.asarray(light, dtype=np.float32), is_16_bit=self._is_16_bit)
            self.covered[start : start + rows] = covered
