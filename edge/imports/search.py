"""Where a photograph lies on a raster, found by itself: edges of the picture looked for among edges of the maps.

The raster's edges are slid over the photograph's at many scales; the place of the best normalised correlation counts
where it stands out from the best one elsewhere. What is found is refined by maximising an enhanced correlation
coefficient over all six numbers of an affine transformation (G. D. Evangelidis and E. Z. Psarakis, 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.imports.points import Doubles

Floats = NDArray[np.float32]

_SEARCHED_CELLS = 96
"""Longer side of the raster that is looked for."""
_SIFTED_CELLS, _JUDGED_CELLS, _FINEST_CELLS = (96, 192), (384,), (1000,)
"""The same of those that places are refined on: all candidates, the two best of them, and the one that is left."""
_SCALES = 49
_LEAST_SHARE = 0.3
"""Of the photograph's width or height that the raster takes at least."""
_BLUR_CELLS = 1.0
_CANDIDATES = 6
"""Places that are refined; their correlation then decides."""
_LEAST_CORRELATION = 0.45
_STANDS_OUT = 1.4
"""Times the best correlation elsewhere."""
_LEAST_IN_FRAME, _STANDS_OUT_IN_FRAME = 0.3, 1.15
"""Correlation of edges, and times that of the picture mirrored or turned, that bear a frame out: a portrait's own
photograph has 0.65, 0.39 where it lacks a twentieth of its height; 25 other paintings have 0.28 at the most."""
_NEIGHBOURHOOD = 0.12
"""Of the raster's size: places nearer than that are the same place."""
_FARTHEST_REFINED = 0.15
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
    candidates = _candidates(picture, maps, known)
    if not candidates:
        return NoPlace("the maps show no edges")
    sifted = [_refined(picture, maps, known, one, _SIFTED_CELLS) for one in candidates]
    sifted.sort(key=lambda one: -one[0])
    others = [one for one in sifted[1:] if _is_elsewhere(one[1], sifted[0][1], known.shape)]
    judged = [_refined(picture, maps, known, place, _JUDGED_CELLS) for _, place in (sifted[0], *others[:1])]
    judged.sort(key=lambda one: -one[0])
    (correlation, place), elsewhere = judged[0], judged[1][0] if len(judged) > 1 else 0.0
    if correlation < _LEAST_CORRELATION or correlation < _STANDS_OUT * elsewhere:
        return NoPlace(f"edges correlate by {correlation:.2f} at the best place and by {elsewhere:.2f} elsewhere")
    finer, finest = _refined(picture, maps, known, place, _FINEST_CELLS)
    return Place(finest if finer > 0 else place, correlation, elsewhere)


@dataclass(frozen=True, slots=True)
class FrameFit:
    """How well a photograph's edges lie on the maps' if both show the same and nothing else."""

    correlation: float
    otherwise: float
    """The best of the photograph mirrored or turned by half."""

    @property
    def is_borne_out(self) -> bool:
        return self.correlation >= max(_LEAST_IN_FRAME, _STANDS_OUT_IN_FRAME * self.otherwise)


def fit_of_frame(picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_]) -> FrameFit:
    """Lay the photograph's frame on the raster's and correlate edges; arguments as of `place_by_maps`."""
    rows, columns = known.shape
    shrink = min(1.0, _SEARCHED_CELLS / max(rows, columns))
    size = (max(8, round(columns * shrink)), max(8, round(rows * shrink)))
    template = _edges_of_maps(maps, known, size)
    edges = _edges_of_picture(picture, size)
    where = template > 0
    upright, *others = (
        _correlation(edges[::down, ::across], template, where) for down in (1, -1) for across in (1, -1)
    )
    return FrameFit(upright, max(others))


def _correlation(one: Floats, other: Floats, where: NDArray[np.bool_]) -> float:
    """Of two pictures in some of their cells; 0 where one of them is flat."""
    if not where.any() or not (one[where].std() > 0 and other[where].std() > 0):
        return 0.0
    return float(np.corrcoef(one[where], other[where])[0, 1])


def _candidates(picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_]) -> list[Doubles]:
    """The most promising places, at upright scales; none where the maps have no edges."""
    import cv2

    rows, columns = known.shape
    shrink = min(1.0, _SEARCHED_CELLS / max(rows, columns))
    size = (max(8, round(columns * shrink)), max(8, round(rows * shrink)))
    template = _edges_of_maps(maps, known, size)
    if not template.std() > 0:
        return []
    height, width = picture.shape[:2]
    fits = min(width / columns, height / rows)
    found: list[tuple[float, Doubles]] = []
    for px_per_cell in np.geomspace(_LEAST_SHARE * fits, fits, _SCALES):
        zoom = shrink / px_per_cell
        at_size = (max(size[0], round(width * zoom)), max(size[1], round(height * zoom)))
        edges = _edges_of_picture(picture, at_size)
        alike = np.asarray(cv2.matchTemplate(edges, template, cv2.TM_CCOEFF_NORMED), np.float32)
        half = (px_per_cell - 1) / 2
        for value, x, y in _peaks(alike, size):
            place = np.array([[px_per_cell, 0, x / zoom + half], [0, px_per_cell, y / zoom + half], [0, 0, 1]])
            found.append((value, place))
    found.sort(key=lambda one: -one[0])
    chosen: list[Doubles] = []
    for _, place in found:
        if len(chosen) < _CANDIDATES and all(_is_elsewhere(place, other, known.shape) for other in chosen):
            chosen.append(place)
    return chosen


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


def _is_elsewhere(one: Doubles, other: Doubles, shape: tuple[int, ...]) -> bool:
    """Whether some corner of the raster lies far from where the other place has it."""
    rows, columns = shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]], dtype=np.float64).T
    moved = np.abs((one - other) @ corners)[:2].max()
    return bool(moved > _NEIGHBOURHOOD * abs(other[0, 0]) * max(shape))


def _edges_of_maps(maps: Floats, known: NDArray[np.bool_], size: tuple[int, int]) -> Floats:
    """Gradient magnitude of every map together, each on its own scale, at a size (columns, rows)."""
    import cv2

    total = np.zeros((size[1], size[0]), np.float32)
    reach = max(3, round(6 * _BLUR_CELLS * max(known.shape) / max(size)))
    inner = cv2.erode(known.astype(np.float32), np.ones((reach, reach)), borderType=cv2.BORDER_REPLICATE)
    weight = np.asarray(cv2.resize(inner, size, interpolation=cv2.INTER_AREA), np.float32)
    for element in range(maps.shape[2]):
        one = np.where(known, maps[:, :, element], 0).astype(np.float32)
        low, high = np.percentile(one[known], [1, 99])
        if high > low:
            scaled = np.sqrt(np.clip((one - low) / (high - low), 0, 1))
            total += _gradient(cv2.resize(scaled, size, interpolation=cv2.INTER_AREA)) ** 2
    return np.asarray(np.sqrt(total) * weight, np.float32)


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


def _refined(
    picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_], start: Doubles, levels: Sequence[int]
) -> tuple[float, Doubles]:
    """The place that raises the correlation of edges most, near the one it starts from; and that correlation."""
    place, correlation = start, 0.0
    for most in levels:
        shrink = min(1.0, most / max(known.shape))
        step, value = _step(picture, maps, known, place, shrink)
        if step is None:
            break
        place, correlation = step, value
        if shrink == 1.0:
            break
    rows, columns = known.shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]], dtype=np.float64).T
    moved = np.abs((place - start) @ corners)[:2].max()
    return (correlation if moved < _FARTHEST_REFINED * start[0, 0] * max(known.shape) else 0.0), place


def _step(
    picture: NDArray[np.uint8], maps: Floats, known: NDArray[np.bool_], place: Doubles, shrink: float
) -> tuple[Doubles | None, float]:
    """One refinement on a raster shrunk so far, the photograph alike; None where it finds no way."""
    import cv2

    rows, columns = known.shape
    size = (max(8, round(columns * shrink)), max(8, round(rows * shrink)))
    zoom = min(1.0, shrink / float(place[0, 0]))
    height, width = picture.shape[:2]
    edges = _edges_of_picture(picture, (round(width * zoom), round(height * zoom)))
    template = _edges_of_maps(maps, known, size)
    cells, pixels = _centred(columns / size[0], rows / size[1]), _centred(1 / zoom, 1 / zoom)
    start = np.linalg.inv(pixels) @ place @ cells
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 80, 1e-5)
    try:
        value, warp = cv2.findTransformECC(
            template,
            edges,
            start[:2].astype(np.float32),
            cv2.MOTION_AFFINE,
            criteria,
            np.ones(edges.shape, np.uint8),
            5,
        )
    except cv2.error:
        return None, 0.0
    found = np.vstack([np.asarray(warp, np.float64), [0, 0, 1]])
    return pixels @ found @ np.linalg.inv(cells), float(value)


def _centred(across: float, down: float) -> Doubles:
    """From coarse cells to fine ones, middles of the first at 0 each."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
