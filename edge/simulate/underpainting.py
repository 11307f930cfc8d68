"""Laying in: shapes to a field of pigments, with modelling, drapery and the direction of the brush."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.simulate.pigments import PIGMENTS, mixture_vector
from edge.simulate.scene import WINDOW, Lettering, Points, Shape

REFERENCE_MM = (120.0, 90.0)
"""Width and height that the outlines are drawn for; other panels stretch them."""
_LIGHT = (-0.62, -0.78)
"""Where light comes from in the picture: upper left."""


@dataclass(frozen=True, slots=True, eq=False)
class Underpainting:
    """Paint laid in, before the brush's marks; every field on one raster."""

    mixture: NDArray[np.float32]
    """Volume fractions, shape (rows, columns, pigments), sum 1 where painted."""
    thickness_um: NDArray[np.float32]
    """Shape (rows, columns); 0 where nothing is painted."""
    direction: NDArray[np.float32]
    """Unit vector along the brush, shape (rows, columns, 2) as (x, y)."""
    fine: NDArray[np.float32]
    """Where a pointed brush left no strokes, 0 to 1, shape (rows, columns)."""


class Canvas:
    """A raster that shapes are laid on, back to front."""

    def __init__(self, width_mm: float, height_mm: float, px_per_mm: float) -> None:
        self._columns, self._rows = round(width_mm * px_per_mm), round(height_mm * px_per_mm)
        self._scale = (self._columns / REFERENCE_MM[0], self._rows / REFERENCE_MM[1])
        self._unit = float(np.mean(self._scale))
        self._mixture = np.zeros((self._rows, self._columns, len(PIGMENTS)), dtype=np.float32)
        self._thickness_um = np.zeros((self._rows, self._columns), dtype=np.float32)
        self._direction = np.zeros((self._rows, self._columns, 2), dtype=np.float32)
        self._direction[..., 0] = 1
        self._fine = np.zeros((self._rows, self._columns), dtype=np.float32)
        self._window = self._mask(WINDOW, corners=False)

    def painted(self) -> Underpainting:
        """What has been laid in so far."""
        length = np.maximum(np.linalg.norm(self._direction, axis=2, keepdims=True), 1e-6)
        return Underpainting(self._mixture, self._thickness_um, self._direction / length, self._fine)

    def lay(self, shape: Shape, wander: NDArray[np.float32]) -> None:
        """Lay one shape over what is there; `wander` (rows, columns), about -1 to 1, makes shading irregular."""
        mask = self._mask(shape.outline, corners=shape.corners)
        reach = shape.roundness_mm * self._unit
        rows, columns = self._bounds(mask, margin=int(3 * shape.soft_mm * self._unit) + 2)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inside = mask[rows, columns]
        alpha = _blur(inside, shape.soft_mm * self._unit) * shape.opacity
        if shape.inside_window:
            alpha = alpha * self._window[rows, columns]
        volume = _blur(inside, reach * 0.5)
        slope_x, slope_y = (
            np.asarray(cv2.Sobel(volume, cv2.CV_32F, *axis, ksize=3, scale=1 / 8), dtype=np.float32)
            for axis in ((1, 0), (0, 1))
        )
        shade = self._shade(
            shape, slope_x * reach, slope_y * reach, rows=rows, columns=columns, wander=wander[rows, columns]
        )
        paint = _three_tones(shape, shade)
        cover = alpha[..., None]
        self._mixture[rows, columns] += cover * (paint - self._mixture[rows, columns])
        over = self._thickness_um[rows, columns]
        thin = shape.thickness_um * (0.75 + 0.5 * shade)
        self._thickness_um[rows, columns] = (
            over + alpha * (thin - over) if shape.opacity == 1 else over + alpha * shape.thickness_um
        )
        self._fine[rows, columns] += alpha * (float(shape.fine) - self._fine[rows, columns])
        self._turn_brush(shape, slope_x, slope_y, cover, rows=rows, columns=columns)

    def letter(self, words: Lettering) -> None:
        """Write words over what is there."""
        sketch = np.zeros((self._rows * 2, self._columns * 2), dtype=np.uint8)
        tall = words.height_mm * self._unit * 2
        thickness = max(1, round(words.stroke_mm * self._unit * 2))
        origin = (int(words.x_mm * self._scale[0] * 2), int(words.y_mm * self._scale[1] * 2))
        cv2.putText(sketch, words.text, origin, cv2.FONT_HERSHEY_COMPLEX, tall / 21, 255, thickness, cv2.LINE_AA)
        small = cv2.resize(sketch, (self._columns, self._rows), interpolation=cv2.INTER_AREA)
        rows, columns = self._bounds(small.astype(np.float32), margin=1)
        alpha = small[rows, columns].astype(np.float32) / 255
        before = self._mixture[rows, columns]
        self._mixture[rows, columns] = before + alpha[..., None] * (mixture_vector(words.paint) - before)
        self._thickness_um[rows, columns] += alpha * words.thickness_um
        self._fine[rows, columns] = np.maximum(self._fine[rows, columns], np.minimum(2 * alpha, 1))

    def _mask(self, outline: Points, *, corners: bool) -> NDArray[np.float32]:
        points = np.array(outline, dtype=np.float64)
        if not corners:
            points = _smooth_closed(points)
        fixed = np.round((points * self._scale - 0.5) * 16).astype(np.int32)
        mask = np.zeros((self._rows, self._columns), dtype=np.uint8)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        return np.asarray(mask.astype(np.float32) / 255, dtype=np.float32)

    def _bounds(self, mask: NDArray[np.float32], margin: int) -> tuple[slice, slice]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            return slice(0, 0), slice(0, 0)
        return (
            slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, self._rows)),
            slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + margin + 1, self._columns)),
        )

    def _shade(
        self,
        shape: Shape,
        slope_x: NDArray[np.float32],
        slope_y: NDArray[np.float32],
        *,
        rows: slice,
        columns: slice,
        wander: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Shade of every pixel from 0 (shadow) to 1 (light)."""
        high, wide = slope_x.shape
        # A mask's slope points inwards; the form's normal leans outwards there.
        shade = shape.base + shape.contrast * (-(slope_x * _LIGHT[0] + slope_y * _LIGHT[1]))
        x = np.linspace(-0.5, 0.5, wide, dtype=np.float32)[None, :]
        y = np.linspace(-0.5, 0.5, high, dtype=np.float32)[:, None]
        shade = shade + shape.ramp[0] * x + shape.ramp[1] * y + 0.07 * wander
        if shape.folds is not None:
            wavelength_mm, turn_deg, strength = shape.folds
            turn = np.deg2rad(turn_deg)
            column = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] / self._scale[0]
            row = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] / self._scale[1]
            way = column * np.cos(turn) + row * np.sin(turn)
            phase = 2 * np.pi * way / wavelength_mm + 1.5 * _blur(wander, 2.5 * self._unit)
            shade = shade + strength * (0.75 * np.sin(phase) + 0.25 * np.sin(2 * phase + 0.8))
        return np.asarray(np.clip(shade, 0, 1), dtype=np.float32)

    def _turn_brush(
        self,
        shape: Shape,
        slope_x: NDArray[np.float32],
        slope_y: NDArray[np.float32],
        cover: NDArray[np.float32],
        *,
        rows: slice,
        columns: slice,
    ) -> None:
        if shape.stroke_deg is None:
            along = np.stack([-slope_y, slope_x], axis=-1)
            along = along / (np.linalg.norm(along, axis=-1, keepdims=True) + 1e-3)
            along[..., 0] += 0.05
        else:
            turn = np.deg2rad(shape.stroke_deg)
            along = np.broadcast_to(np.array([np.cos(turn), np.sin(turn)]), (*slope_x.shape, 2))
        before = self._direction[rows, columns]
        self._direction[rows, columns] = before + cover * (along.astype(np.float32) - before)


def _three_tones(shape: Shape, shade: NDArray[np.float32]) -> NDArray[np.float32]:
    shadow, middle, light = (mixture_vector(mixture) for mixture in (shape.shadow, shape.middle, shape.light))
    dark = np.maximum(1 - 2 * shade, 0)[..., None]
    bright = np.maximum(2 * shade - 1, 0)[..., None]
    return np.asarray(middle + dark * (shadow - middle) + bright * (light - middle), dtype=np.float32)


def _smooth_closed(points: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """Closed Catmull-Rom curve through the points, shape (n * steps, 2)."""
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.reshape(-1, 2), dtype=np.float64)


def _blur(field: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    if sigma_px < 0.3:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT), dtype=np.float32)
