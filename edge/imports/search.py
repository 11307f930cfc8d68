"""Where a photograph lies on a raster, found by itself: edges of the picture looked for among edges of the maps.

The raster's edges are slid over the photograph's at many scales; the place of the best normalised correlation counts
where it stands out from the best one elsewhere. What is found is refined by maximising an enhanced correlation
coefficient over all six numbers of an affine transformation (G. D. Evangelidis and E. Z. Psarakis, 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.imports.points import Doubles

Floats = NDArray[np.float32]

_TEMPLATE_CELLS = 96
"""Longer side of the raster that is looked for."""
_SCALES = 49
_LEAST_SHARE = 0.3
"""Of the photograph's width or height that the raster takes at least."""
_BLUR_CELLS = 1.0
_LEAST_CORRELATION = 0.25
_STANDS_OUT = 1.15
"""Times the best correlation elsewhere."""
_NEIGHBOURHOOD = 0.12
"""Of the raster's size: places nearer than that are the same place."""
_FARTHEST_REFINED = 0.1
"""Of the raster's size: what the refinement may move a corner by."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the photograph lies."""

    photo_from_cells: Doubles
    """Affine, from (column, row) in cells to (x, y) in pixels, shape (3, 3)."""
    correlation: float
    elsewhere: float
    """The best that any other place has."""

    @property
    def words(self) -> str:
        return (
            f"photograph placed by its edges: they correlate with the maps' by {self.correlation:.2f}, and by "
            f"{self.elsewhere:.2f} at most elsewhere"
        )


@dataclass(frozen=True, slots=True)
class NoPlace:
    """No place stands out; falsy."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False


def place_by_maps(picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_]) -> Place | NoPlace:
    """Look for a raster on an upright photograph of it and of what is around.

    Parameters
    ----------
    picture
        sRGB, shape (h, w, 3).
    maps
        Shape (rows, columns, elements).
    known
        Cells that mean something, shape (rows, columns).
    """
    import cv2

    rows, columns = known.shape
    shrink = min(1.0, _TEMPLATE_CELLS / max(rows, columns))
    size = (max(8, round(columns * shrink)), max(8, round(rows * shrink)))
    template = _edges_of_maps(maps, known, size)
    if not template.std() > 0:
        return NoPlace("the maps show no edges")
    height, width = picture.shape[:2]
    fits = min(width / columns, height / rows)
    best: list[tuple[float, float, float, float]] = []
    for px_per_cell in np.geomspace(_LEAST_SHARE * fits, fits, _SCALES):
        zoom = shrink / px_per_cell
        at_size = (max(size[0], round(width * zoom)), max(size[1], round(height * zoom)))
        edges = _edges_of_picture(picture, at_size)
        found = np.asarray(cv2.matchTemplate(edges, template, cv2.TM_CCOEFF_NORMED), np.float32)
        best += [(value, px_per_cell, x / zoom, y / zoom) for value, x, y in _peaks(found, size)]
    best.sort(reverse=True)
    correlation, px_per_cell, x, y = best[0]
    span = px_per_cell * max(rows, columns)
    elsewhere = max((one[0] for one in best if _is_elsewhere(one, best[0], span)), default=0.0)
    if correlation < _LEAST_CORRELATION or correlation < _STANDS_OUT * elsewhere:
        return NoPlace(f"edges correlate by {correlation:.2f} at the best place and by {elsewhere:.2f} elsewhere")
    half = (px_per_cell - 1) / 2
    start = np.array([[px_per_cell, 0, x + half], [0, px_per_cell, y + half], [0, 0, 1]])
    return Place(_refined(picture, maps, known, start), correlation, elsewhere)


def _peaks(found: Floats, size: tuple[int, int]) -> list[tuple[float, int, int]]:
    """The best place, and the best outside its neighbourhood."""
    found = np.array(found)
    reach_x, reach_y = (max(2, round(_NEIGHBOURHOOD * side)) for side in size)
    peaks = []
    for _ in range(2):
        y, x = np.unravel_index(int(np.argmax(found)), found.shape)
        peaks.append((float(found[y, x]), int(x), int(y)))
        found[max(0, y - reach_y) : y + reach_y + 1, max(0, x - reach_x) : x + reach_x + 1] = -1
    return peaks


def _is_elsewhere(one: tuple[float, float, float, float], best: tuple[float, float, float, float], span: float) -> bool:
    moved = max(abs(one[2] - best[2]), abs(one[3] - best[3]), span * abs(one[1] / best[1] - 1))
    return moved > _NEIGHBOURHOOD * span


def _edges_of_maps(maps: Floats, known: NDArray[np.bool_], size: tuple[int, int]) -> Floats:
    """Gradient magnitude of every map together, each on its own scale, at a size (columns, rows)."""
    import cv2

    total = np.zeros((size[1], size[0]), np.float32)
    for element in range(maps.shape[2]):
        one = np.where(known, maps[:, :, element], 0).astype(np.float32)
        low, high = np.percentile(one[known], [1, 99])
        if high > low:
            scaled = np.sqrt(np.clip((one - low) / (high - low), 0, 1))
            total += _gradient(cv2.resize(scaled, size, interpolation=cv2.INTER_AREA)) ** 2
    return np.asarray(np.sqrt(total), np.float32)


def _edges_of_picture(picture: NDArray[np.uint8], size: tuple[int, int]) -> Floats:
    """Gradient magnitude of colour, in CIE L*a*b*, at a size (columns, rows)."""
    import cv2

    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)
    return np.asarray(np.sqrt(sum(_gradient(lab[..., channel]) ** 2 for channel in range(3))), np.float32)


def _gradient(image: Any) -> Floats:
    import cv2

    smooth = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), _BLUR_CELLS)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).astype(np.float32)


def _refined(picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_], start: Doubles) -> Doubles:
    """The place that raises the correlation of edges most, near the one it starts from; that one where none does."""
    import cv2

    rows, columns = known.shape
    px_per_cell = float(start[0, 0])
    zoom = min(1.0, 1.0 / px_per_cell)
    size = (round(picture.shape[1] * zoom), round(picture.shape[0] * zoom))
    edges = _edges_of_picture(picture, size)
    template = _edges_of_maps(maps, known, (columns, rows))
    scaled = np.diag([zoom, zoom, 1.0]) @ start
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        _, warp = cv2.findTransformECC(
            template, edges, scaled[:2].astype(np.float32), cv2.MOTION_AFFINE, criteria, known.astype(np.uint8), 5
        )
    except cv2.error:
        return start
    refined = np.diag([1 / zoom, 1 / zoom, 1.0]) @ np.vstack([np.asarray(warp, np.float64), [0, 0, 1]])
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]], dtype=np.float64).T
    moved = np.abs((refined - start) @ corners)[:2].max()
    return refined if moved < _FARTHEST_REFINED * px_per_cell * max(rows, columns) else start
