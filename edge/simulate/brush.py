"""The hand: brush strokes, bristle marks, cracks and slow irregularities, all on rasters."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LEVELS = (
    # width mm, length mm, spacing mm, keep everywhere
    (1.9, 6.5, 1.15, True),
    (0.85, 3.4, 0.72, True),
    (0.32, 1.5, 0.40, False),
)


def wandering(rng: np.random.Generator, shape: tuple[int, int], length_px: float) -> NDArray[np.float32]:
    """Smooth noise with a correlation length, zero mean, unit standard deviation, float32 of this shape."""
    small = (max(4, round(shape[0] / length_px * 2)), max(4, round(shape[1] / length_px * 2)))
    coarse = rng.standard_normal(small, dtype=np.float32)
    field = np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    field -= field.mean()
    return field / max(float(field.std()), 1e-6)


def stroke_sources(
    rng: np.random.Generator,
    direction: NDArray[np.float32],
    detail: NDArray[np.float32],
    size: tuple[int, int],
    px_per_mm: float,
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Paint a raster with strokes, broad ones first and fine ones where there is detail.

    Parameters
    ----------
    rng : numpy.random.Generator
    direction : shape (h, w, 2)
        Unit vectors along the brush on the underpainting's raster.
    detail : shape (h, w)
        0 to 1: where fine strokes are wanted, and broad ones are not.
    size : (rows, columns)
        Raster to paint.
    px_per_mm : float
        Of that raster.

    Returns
    -------
    source : shape (rows, columns)
        Flat index into the underpainting where each pixel's stroke took its paint.
    load : float32, shape (rows, columns)
        How fully each pixel's brush was loaded, zero mean, unit standard deviation.
    """
    canvas = np.zeros(size, dtype=np.float32)
    to_field = direction.shape[0] / size[0]
    sources: list[NDArray[np.float64]] = []
    drawn = 0
    for width_mm, length_mm, spacing_mm, everywhere in _LEVELS:
        x, y, along, shorter = _placed(
            rng, direction, detail, size, spacing_px=spacing_mm * px_per_mm, to_field=to_field, everywhere=everywhere
        )
        half = 0.5 * length_mm * px_per_mm * shorter * rng.uniform(0.6, 1.2, x.size)
        bend = rng.normal(0, 0.12, x.size) * half
        ends = np.stack(
            [
                np.stack([x - along[:, 0] * half, y - along[:, 1] * half], axis=1),
                np.stack([x - along[:, 1] * bend, y + along[:, 0] * bend], axis=1),
                np.stack([x + along[:, 0] * half, y + along[:, 1] * half], axis=1),
            ],
            axis=1,
        )
        corners = np.round(ends * 16).astype(np.int32).reshape(-1, 1, 3, 2)
        thickness = np.maximum(1, np.round(width_mm * px_per_mm * rng.uniform(0.7, 1.3, x.size))).astype(int)
        for i in range(x.size):
            cv2.polylines(canvas, [corners[i, 0]], False, float(drawn + i), int(thickness[i]), cv2.LINE_8, 4)
        sources.append(np.stack([x, y], axis=1))
        drawn += x.size
    positions = np.concatenate(sources) * to_field
    columns = np.clip(positions[:, 0].astype(np.intp), 0, direction.shape[1] - 1)
    rows = np.clip(positions[:, 1].astype(np.intp), 0, direction.shape[0] - 1)
    stroke = canvas.astype(np.intp)
    loads = rng.standard_normal(drawn, dtype=np.float32)
    return (rows * direction.shape[1] + columns)[stroke], loads[stroke]


def _placed(
    rng: np.random.Generator,
    direction: NDArray[np.float32],
    detail: NDArray[np.float32],
    size: tuple[int, int],
    *,
    spacing_px: float,
    to_field: float,
    everywhere: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Jittered stroke centres in painting order, the brush's direction at each, and how much detail shortens it."""
    y, x = np.mgrid[0 : size[0] : spacing_px, 0 : size[1] : spacing_px]
    x = x.ravel() + rng.uniform(0, spacing_px, x.size)
    y = y.ravel() + rng.uniform(0, spacing_px, y.size)
    rows = np.clip((y * to_field).astype(int), 0, detail.shape[0] - 1)
    columns = np.clip((x * to_field).astype(int), 0, detail.shape[1] - 1)
    wanted = detail[rows, columns]
    keep = (
        rng.uniform(size=x.size) > 0.9 * wanted
        if everywhere
        else rng.uniform(size=x.size) < np.clip(3 * wanted, 0.02, 1)
    )
    order = rng.permutation(np.flatnonzero(keep))
    along = direction[rows[order], columns[order]].astype(np.float64)
    turn = rng.normal(0, 0.16, order.size) * (1 - 0.7 * wanted[order])
    turned = np.stack(
        [
            along[:, 0] * np.cos(turn) - along[:, 1] * np.sin(turn),
            along[:, 0] * np.sin(turn) + along[:, 1] * np.cos(turn),
        ],
        axis=1,
    )
    return x[order], y[order], turned, 1 - 0.6 * wanted[order].astype(np.float64)


def along_edges(colour: NDArray[np.float32], direction: NDArray[np.float32], reach_px: float) -> NDArray[np.float32]:
    """Turn the brush along the edges of colour where they are strong; unit vectors, shape of `direction`."""
    grey = cv2.GaussianBlur(colour.mean(axis=2), (0, 0), 1.0)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    xx, xy, yy = (cv2.GaussianBlur(product, (0, 0), reach_px) for product in (x * x, x * y, y * y))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    tangent = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    sign = np.where((tangent * direction).sum(axis=-1, keepdims=True) < 0, -1, 1)
    strength = np.clip(np.sqrt(xx + yy)[..., None] * 6, 0, 1)
    blended = direction + strength * (sign * tangent - direction)
    return np.asarray(blended / np.maximum(np.linalg.norm(blended, axis=-1, keepdims=True), 1e-6), dtype=np.float32)


def bristles(
    rng: np.random.Generator, direction: NDArray[np.float32], length_px: float, steps: int = 6
) -> NDArray[np.float32]:
    """Fine marks along the brush: noise smeared along the direction field (Cabral and Leedom 1993).

    Shape (rows, columns) of `direction`, zero mean, unit standard deviation.
    """
    rows, columns = direction.shape[:2]
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    smeared = noise.copy()
    for step in np.linspace(-length_px / 2, length_px / 2, steps).tolist():
        smeared += cv2.remap(
            noise,
            x + step * direction[..., 0],
            y + step * direction[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
    smeared -= smeared.mean()
    return smeared / max(float(smeared.std()), 1e-6)


def craquelure(rng: np.random.Generator, shape: tuple[int, int], px_per_mm: float) -> NDArray[np.float32]:
    """Age cracks: borders of irregular islands a few mm wide, fading in and out; depth 0 to 1, float32."""
    spacing = 3.2 * px_per_mm
    y, x = np.mgrid[-spacing : shape[0] + spacing : spacing, -spacing : shape[1] + spacing : spacing * 0.8]
    x = np.clip(x + rng.uniform(-0.5, 0.5, x.shape) * spacing, 0, shape[1] - 1).astype(int)
    y = np.clip(y + rng.uniform(-0.5, 0.5, y.shape) * spacing, 0, shape[0] - 1).astype(int)
    seeds = np.full(shape, 255, dtype=np.uint8)
    seeds[y.ravel(), x.ravel()] = 0
    _, islands = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    column, row = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    column += 0.28 * px_per_mm * wandering(rng, shape, 2.4 * px_per_mm)
    row += 0.28 * px_per_mm * wandering(rng, shape, 2.4 * px_per_mm)
    warped = cv2.remap(
        np.asarray(islands, dtype=np.float32), column, row, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    cracks = np.zeros(shape, dtype=np.float32)
    cracks[:, 1:] = warped[:, 1:] != warped[:, :-1]
    cracks[1:] = np.maximum(cracks[1:], warped[1:] != warped[:-1])
    fade = np.clip(0.45 + 0.55 * wandering(rng, shape, 14 * px_per_mm), 0, 1)
    return np.asarray(cracks * fade, dtype=np.float32)
