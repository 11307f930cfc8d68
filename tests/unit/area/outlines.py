"""Simple polygons by chance, and a second opinion on how near a point lies to one."""

from __future__ import annotations

import math

import cv2
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

_MIDDLE_MM, _RADIUS_MM = st.floats(4.0, 16.0), st.floats(0.3, 6.0)


@st.composite
def outlines(draw, *, middle_mm=_MIDDLE_MM, radius_mm=_RADIUS_MM) -> list[list[float]]:
    """Corners around a middle at rising angles: never crossing, often far from convex."""
    x, y = draw(middle_mm), draw(middle_mm)
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(radius_mm, min_size=count, max_size=count))
    turn = draw(st.floats(0, 1))
    angles = [2 * math.pi * (k + 0.7 * turn) / count for k in range(count)]
    return [
        [round(x + radius * math.cos(angle), 4), round(y + radius * math.sin(angle), 4)]
        for radius, angle in zip(radii, angles, strict=True)
    ]


def depth_mm(outline: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How deep each point lies in a polygon, below 0 outside by its distance; OpenCV's, in single precision."""
    corners = outline.astype(np.float32).reshape(-1, 1, 2)
    return np.array([cv2.pointPolygonTest(corners, (float(x), float(y)), True) for x, y in points])


def along(starts: NDArray[np.float64], ends: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Points on straight ways, shape (ways * count, 2)."""
    share = np.linspace(0, 1, count)[None, :, None]
    return (starts[:, None] * (1 - share) + ends[:, None] * share).reshape(-1, 2)
