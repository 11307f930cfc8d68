"""A painted panel made by code: photograph and element maps with the sizes of a real scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_PIGMENTS = 9


def painted_panel(
    rows: int, columns: int, elements: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Maps (rows, columns, elements) and photograph (rows, columns, 3) of a panel with a hidden layer.

    Brush strokes of several pigments lie over each other; each pigment has a colour and a few elements. Under them
    lies a figure of two elements that the photograph does not show. Maps and photograph are blurred by a beam of
    0.6 cells; the maps carry noise of a hundredth of their largest value.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    top = np.zeros((rows, columns), np.intp)
    for pigment in range(1, _PIGMENTS):
        shape = gaussian_filter(rng.standard_normal((rows, columns)), rng.uniform(8, 40))
        top[shape > np.quantile(shape, rng.uniform(0.6, 0.9))] = pigment
    for _ in range(150):
        _stroke(top, y, x, rng)
    thickness = 0.7 + 0.3 * gaussian_filter(rng.standard_normal((rows, columns)), 2) / 0.14
    colours = rng.uniform(0.05, 0.95, (_PIGMENTS, 3))
    amounts = rng.gamma(1.0, 1.0, (_PIGMENTS, elements)) * (rng.random((_PIGMENTS, elements)) < 0.3)
    maps = amounts[top] * np.clip(thickness, 0.1, None)[:, :, None]
    ring = np.hypot(y - rows / 2, x - columns / 2)
    maps[:, :, :2] += 1.5 * ((ring > 0.2 * columns) & (ring < 0.23 * columns))[:, :, None]
    maps = gaussian_filter(maps, (0.6, 0.6, 0))
    maps += rng.normal(0, 0.01, maps.shape) * maps.max(axis=(0, 1))
    photograph = colours[top] * np.clip(0.9 + 0.1 * thickness, 0, 1.05)[:, :, None]
    photograph = gaussian_filter(photograph, (0.6, 0.6, 0)) + rng.normal(0, 0.01, photograph.shape)
    return np.maximum(maps, 0).astype(np.float32), np.round(255 * np.clip(photograph, 0, 1)).astype(np.uint8)


def _stroke(top: NDArray[np.intp], y: NDArray[np.float32], x: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Paint one curved stroke of a random pigment."""
    centre_y, centre_x = rng.uniform(0, top.shape[0]), rng.uniform(0, top.shape[1])
    angle, length, width, bend = rng.uniform(0, np.pi), rng.uniform(20, 90), rng.uniform(1.5, 6), rng.normal(0, 0.01)
    along = (y - centre_y) * np.sin(angle) + (x - centre_x) * np.cos(angle)
    across = (y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle) - bend * along**2
    top[(np.abs(along) < length) & (np.abs(across) < width)] = rng.integers(_PIGMENTS)
