"""What the beam must not touch: polygons on the stage, and what comes too near to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (n, 2), as (x, y) in stage mm."""
Flags = NDArray[np.bool_]

_ROUNDING_MM = 2e-6
"""Poses are written to a millionth of a millimetre; what is nearer by that only is not nearer."""
_AT_ONCE = 1_000_000
"""Pairs of ways and sides that are looked at together: some tens of MB."""
_BLUNT = 0.5
"""Of corners whose sides, moved outwards, are joined where they meet; at sharper ones that would be far away."""
NOTHING = -1
"""In the place of a keep-out's number where none is touched."""


@dataclass(frozen=True, slots=True, eq=False)
class KeepOuts:
    """Polygons, and how far from them the middle of the beam has to stay. False when there is none.

    Whatever is asked for is answered for closed polygons: a way through the middle of one is as near as one along its
    outline.
    """

    names: tuple[str, ...] = ()
    outlines: tuple[Points, ...] = ()
    """Corners of each in order, shape (corners, 2); simple polygons."""
    margin_mm: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.names)

    def touched(self, starts_mm: Points, ends_mm: Points) -> NDArray[np.intp]:
        """Number of the keep-out that each straight way comes nearer to than the margin, else `NOTHING`, shape (n,)."""
        return self._first(starts_mm[:, None], ends_mm[:, None], np.stack([starts_mm, ends_mm], axis=1))

    def touched_within(self, corners_mm: NDArray[np.float64]) -> NDArray[np.intp]:
        """As `touched`, of everything that lies between four points: of their convex hull, shape (n, 4, 2)."""
        pairs = np.array(list(combinations(range(4), 2)))
        return self._first(corners_mm[:, pairs[:, 0]], corners_mm[:, pairs[:, 1]], corners_mm)

    def clear(self, points_mm: Points) -> Flags:
        """Whether the beam may stand at each point, shape (n,)."""
        points = np.asarray(points_mm, np.float64).reshape(-1, 2)
        return np.asarray(self.touched(points, points) == NOTHING)

    def barriers(self) -> NDArray[np.float64]:
        """Straight lines around the keep-outs and their margin, shape (m, 4): x, y to x, y.

        What must not be crossed lies within, but for the rounding of the margin at corners: for prices of ways, not for
        saying what is allowed.
        """
        return np.vstack([np.empty((0, 4)), *(_around(outline, self.margin_mm) for outline in self.outlines)])

    def _first(self, starts: NDArray[np.float64], ends: NDArray[np.float64], corners: Points) -> NDArray[np.intp]:
        """Of sets of ways, shape (n, ways, 2), around what lies between the corners, shape (n, corners, 2)."""
        found = np.full(len(corners), NOTHING, np.intp)
        for number, outline in enumerate(self.outlines):
            reach = self.margin_mm
            low, high = outline.min(axis=0) - reach, outline.max(axis=0) + reach
            near = ((corners.max(axis=1) >= low) & (corners.min(axis=1) <= high)).all(axis=1) & (found == NOTHING)
            where = np.flatnonzero(near)
            if len(where) == 0:
                continue
            ways = starts.shape[1]
            too_near = _ways_near(
                starts[where].reshape(-1, 2), ends[where].reshape(-1, 2), outline, reach - _ROUNDING_MM
            )
            hit = too_near.reshape(-1, ways).any(axis=1)
            if corners.shape[1] > 2:
                hit |= _holds_corner(corners[where], outline[0])
            found[where[hit]] = number
        return found


def _around(outline: Points, margin_mm: float) -> NDArray[np.float64]:
    """The sides of a polygon moved outwards and joined, shape (sides or more, 4)."""
    x, y = outline[:, 0], outline[:, 1]
    turns_left = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) > 0
    corners = outline if turns_left else outline[::-1]
    along = np.roll(corners, -1, axis=0) - corners
    along /= np.hypot(along[:, 0], along[:, 1])[:, None]
    out = np.column_stack([along[:, 1], -along[:, 0]])
    path = []
    for k, corner in enumerate(corners):
        sharpness = 1 + float(out[k - 1] @ out[k])
        if sharpness > _BLUNT:
            path.append(corner + margin_mm * (out[k - 1] + out[k]) / sharpness)
        else:
            path += [corner + margin_mm * (out[k - 1] + along[k - 1]), corner + margin_mm * (out[k] - along[k])]
    points = np.array(path)
    return np.hstack([points, np.roll(points, -1, axis=0)])


def _ways_near(starts: Points, ends: Points, outline: Points, limit_mm: float) -> Flags:
    """Whether each way lies nearer than the limit to a polygon, its inside included."""
    near = inside(outline, starts)
    sides, next_sides = outline, np.roll(outline, -1, axis=0)
    for part in _parts(len(starts), max(1, _AT_ONCE // len(outline))):
        a, b = starts[part, None], ends[part, None]
        c, d = sides[None], next_sides[None]
        squared = np.minimum(
            np.minimum(_squared_distance(a, c, d), _squared_distance(b, c, d)),
            np.minimum(_squared_distance(c, a, b), _squared_distance(d, a, b)),
        )
        crosses = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
        near[part] |= (crosses | (squared < max(limit_mm, 0.0) ** 2)).any(axis=1)
    return near


def inside(outline: Points, points_mm: Points) -> Flags:
    """Whether points lie in a polygon, by the parity of the sides to their right; on the outline, either may be said.

    Shape (n,).
    """
    x, y = points_mm[:, 0], points_mm[:, 1]
    odd = np.zeros(len(points_mm), np.bool_)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        level = (y0 <= y) != (y1 <= y)
        if y0 != y1:
            odd ^= level & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return odd


def distances_mm(points_mm: Points, start: Points, end: Points) -> NDArray[np.float64]:
    """Distance of each point from the straight line from start to end, shape (n,)."""
    return np.asarray(np.sqrt(_squared_distance(points_mm, start[None], end[None])))


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _squared_distance(point: Points, start: Points, end: Points) -> NDArray[np.float64]:
    """Of points from straight lines, all broadcast together over everything but the last axis."""
    way = end - start
    length = (way * way).sum(axis=-1)
    dot = ((point - start) * way).sum(axis=-1)
    share = np.clip(np.divide(dot, length, out=np.zeros(dot.shape), where=length > 0), 0.0, 1.0)
    off = point - start - share[..., None] * way
    return np.asarray((off * off).sum(axis=-1))


def _side(start: Points, end: Points, point: Points) -> NDArray[np.float64]:
    """Above 0 on one side of a line, below on the other."""
    way, to = end - start, point - start
    return np.asarray(way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0])


def _holds_corner(corners: NDArray[np.float64], point: Points) -> Flags:
    """Whether the convex hull of four points, shape (n, 4, 2), holds a point: whether one of their triangles does."""
    held = np.zeros(len(corners), np.bool_)
    for a, b, c in combinations(range(4), 3):
        turns = [_side(corners[:, i], corners[:, j], point) for i, j in ((a, b), (b, c), (c, a))]
        held |= (np.minimum.reduce(turns) > 0) | (np.maximum.reduce(turns) < 0)
    return held
