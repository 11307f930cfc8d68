"""What an outline in a configuration must be: the corners, in order, of a polygon that does not cross itself."""

from __future__ import annotations

import math
from itertools import pairwise

Corner = tuple[float, float]
_TOO_CLOSE_MM = 1e-6
"""Positions are written to this."""


def why_no_outline(corners: list[Corner]) -> str:
    """What keeps corners, in mm, from being a simple polygon, and what to do; empty when nothing does."""
    if len(corners) < 3:
        return f"an outline needs 3 corners or more and has {len(corners)}: list them in order, each as [x, y] in mm"
    if not all(math.isfinite(value) for corner in corners for value in corner):
        return "a corner is not finite: give numbers in mm"
    if math.dist(corners[0], corners[-1]) < _TOO_CLOSE_MM:
        return "the last corner repeats the first: leave it out, outlines close by themselves"
    for i, (a, b) in enumerate(pairwise(corners), 1):
        if math.dist(a, b) < _TOO_CLOSE_MM:
            return f"corners {i} and {i + 1} are the same: leave one out"
    for i, j in _crossing_sides(corners):
        n = len(corners)
        return (
            f"the outline crosses or touches itself, from corner {i + 1} to {(i + 1) % n + 1} and from corner {j + 1} "
            f"to {(j + 1) % n + 1}: list the corners in order around it"
        )
    return ""


def encloses(corners: list[Corner], x_mm: float, y_mm: float) -> bool:
    """Whether a polygon holds a point; on the outline, either may be said."""
    is_inside = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 <= y_mm) != (y1 <= y_mm) and x_mm < x0 + (y_mm - y0) / (y1 - y0) * (x1 - x0):
            is_inside = not is_inside
    return is_inside


def distance_mm(corners: list[Corner], x_mm: float, y_mm: float) -> float:
    """How far a point lies from a polygon's outline."""
    nearest_mm = math.inf
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        along_x, along_y = x1 - x0, y1 - y0
        share = ((x_mm - x0) * along_x + (y_mm - y0) * along_y) / (along_x**2 + along_y**2)
        share = min(max(share, 0.0), 1.0)
        nearest_mm = min(nearest_mm, math.hypot(x0 + share * along_x - x_mm, y0 + share * along_y - y_mm))
    return nearest_mm


def _crossing_sides(corners: list[Corner]) -> list[tuple[int, int]]:
    """The first two sides that meet elsewhere than at the corner that they share, by the corners they begin at."""
    sides = [(corner, corners[(i + 1) % len(corners)]) for i, corner in enumerate(corners)]
    for i, (a, b) in enumerate(sides):
        for j in range(i + 1, len(sides)):
            c, d = sides[j]
            if j == i + 1:
                meet = _folds_back(a, b, d)
            elif i == 0 and j == len(sides) - 1:
                meet = _folds_back(c, d, b)
            else:
                meet = _meet(a, b, c, d)
            if meet:
                return [(i, j)]
    return []


def _turn(a: Corner, b: Corner, c: Corner) -> int:
    """1 when a, b, c turn one way, -1 when the other, 0 when they lie on one line as far as can be written."""
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    longest = max(math.dist(a, b), math.dist(b, c), math.dist(a, c))
    return 0 if abs(cross) <= _TOO_CLOSE_MM * longest else (1 if cross > 0 else -1)


def _folds_back(a: Corner, b: Corner, c: Corner) -> bool:
    """Whether the way from a over b to c comes back upon itself."""
    return _turn(a, b, c) == 0 and (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0


def _meet(a: Corner, b: Corner, c: Corner, d: Corner) -> bool:
    """Whether the straight lines from a to b and from c to d have a point in common."""
    if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
        return True
    return any(
        _turn(start, end, point) == 0 and _is_between(start, end, point)
        for start, end, point in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    )


def _is_between(start: Corner, end: Corner, point: Corner) -> bool:
    """Of a point on the line through both: whether it lies from one to the other."""
    return all(
        min(start[k], end[k]) - _TOO_CLOSE_MM <= point[k] <= max(start[k], end[k]) + _TOO_CLOSE_MM for k in (0, 1)
    )
