"""The beam's way over the photograph: dark at its beginning, bright at its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.console import duration_text
from edge.grid import ScanGrid
from edge.path.course import Course

Image = NDArray[np.uint8]

_SHADES = 256
_INK = (29, 28, 26)
KEEP_OUT_RGB = (0, 104, 72)
CLOSED_RGB = (20, 84, 200)
"""Of a leg with the shutter closed. Neither colour is among the shades of time."""
BAR_CELLS = 0.45
"""Breadth of what is counted in motion."""
_DASH_PX, _DASHES_PX = 5, 13
"""A dash, and from one to the next."""
STRIP_PX = 46
"""Height of the strip below that says what is what."""
_LEAST_WIDTH_PX = 420
"""Below that the strip has no room for its words."""


@dataclass(frozen=True, slots=True, eq=False)
class Confines:
    """Where the beam may be, besides on the grid."""

    keep_outs_mm: tuple[NDArray[np.float64], ...] = ()
    """Polygons that it must not come to, shape (m, 2) each, stage mm."""
    boundary_mm: NDArray[np.float64] | None = None
    """Polygon that it must not leave; None: the whole grid."""


UNCONFINED = Confines()


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a path is drawn on."""

    image: Image
    """The photograph, pale, shape (h, w, 3), RGB."""
    grid: ScanGrid
    confines: Confines = UNCONFINED

    @property
    def px_per_cell(self) -> float:
        return float(self.image.shape[1] / self.grid.columns)

    def pixels(self, points_mm: NDArray[np.float64]) -> NDArray[np.intp]:
        """Pixels (column, row) that hold places on the stage, shape (..., 2)."""
        origin = self.grid.origin_x_mm, self.grid.origin_y_mm
        return np.floor((points_mm - origin) / self.grid.pitch_mm * self.px_per_cell).astype(np.intp)


def ground_of(rgb: Image, grid: ScanGrid, *, longer_side_px: int, confines: Confines = UNCONFINED) -> Ground:
    """The photograph on the grid, pale: one or more whole pixels a cell, or shrunk to the size."""
    import cv2

    longest = max(grid.shape)
    scale = max(1, longer_side_px // longest) if longest <= longer_side_px else longer_side_px / longest
    ground = Ground(pale(rgb, scale), grid, confines)
    for polygon in confines.keep_outs_mm:
        _fence(ground, polygon)
    if confines.boundary_mm is not None:
        outline = [ground.pixels(confines.boundary_mm).astype(np.int32)]
        cv2.polylines(ground.image, outline, True, _INK, 1, cv2.LINE_AA)
    return ground


def pale(rgb: Image, scale: float) -> Image:
    """A photograph of another size, no darker than 96, no brighter than 223."""
    import cv2

    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    drawn = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA)
    return np.asarray(drawn // 2 + 96, dtype=np.uint8)


def path_picture(ground: Ground, course: Course) -> Image:
    """The whole path, and a strip below that tells dwells, runs and legs apart and gives the colours their times."""
    canvas = ground.image.copy()
    draw_path(canvas, ground, course, 0, len(course))
    return with_strip(canvas, course, ground.confines)


def draw_path(canvas: Image, ground: Ground, course: Course, low: int, high: int) -> None:
    """Draw the dwells and runs from `low` to before `high`, each with the leg that leads to it, onto the canvas."""
    import cv2

    ends = ground.pixels(course.path_mm.reshape(-1, 2, 2))
    shade = shades_of(course)
    width = max(2, round(BAR_CELLS * ground.px_per_cell))
    for first, last in _alike(shade, low, high):
        colour = shades()[shade[first]].tolist()
        open_legs = [
            np.array([ends[k - 1, 1], ends[k, 0]]) for k in range(max(first, 1), last) if not course.is_closed[k]
        ]
        cv2.polylines(canvas, [leg.astype(np.int32) for leg in open_legs], False, colour, 1, cv2.LINE_AA)
        runs = [ends[k].astype(np.int32) for k in range(first, last) if course.is_run[k]]
        cv2.polylines(canvas, runs, False, colour, width)
        draw_dots(canvas, ends[first:last, 0][~course.is_run[first:last]], colour, ground.px_per_cell)
    for k in range(max(low, 1), high):
        if course.is_closed[k]:
            _dashed(canvas, ends[k - 1, 1], ends[k, 0])


def shades_of(course: Course) -> NDArray[np.intp]:
    """Which of `shades` each dwell and run has, by the time at which it begins, shape (n,)."""
    begins = (course.from_s - course.from_s[0]) / max(float(course.from_s[-1] - course.from_s[0]), 1e-9)
    return np.asarray(np.rint((_SHADES - 1) * begins), dtype=np.intp)


@cache
def shades() -> Image:
    """Colours of time, from the beginning to the end, shape (256, 3), RGB."""
    import cv2

    # a column, since what becomes of a bare row of values differs between versions of OpenCV
    ramp = np.arange(_SHADES, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1], dtype=np.uint8)


def with_strip(canvas: Image, course: Course, confines: Confines) -> Image:
    """The picture with its legend below; a narrow one gets room for it."""
    import cv2

    height, breadth = canvas.shape[:2]
    width = max(breadth, _LEAST_WIDTH_PX)
    sheet = np.full((height + STRIP_PX, width, 3), 255, np.uint8)
    sheet[:height, :breadth] = canvas
    top = height + 8
    sheet[top : top + 8, 8:108] = np.repeat(shades()[np.linspace(0, 255, 100).astype(int)][None], 8, axis=0)
    write(sheet, f"0 to {duration_text(course.total_s)}, predicted", (116, top + 9))
    x, y = 8, height + 34
    if not course.is_run.all():
        cv2.circle(sheet, (x + 4, y), 4, _INK, -1, cv2.LINE_AA)
        x = write(sheet, "dwell", (x + 14, y + 4)) + 14
    if course.is_run.any():
        cv2.line(sheet, (x, y), (x + 20, y), _INK, 4)
        x = write(sheet, "run in motion", (x + 27, y + 4)) + 14
    cv2.line(sheet, (x, y), (x + 20, y), _INK, 1, cv2.LINE_AA)
    x = write(sheet, "leg", (x + 27, y + 4)) + 14
    if course.is_closed.any():
        _dashed(sheet, np.array([x, y]), np.array([x + 24, y]))
        x = write(sheet, "shutter closed", (x + 30, y + 4)) + 14
    if confines.keep_outs_mm:
        cv2.rectangle(sheet, (x, y - 5), (x + 14, y + 5), KEEP_OUT_RGB, 2)
        write(sheet, "kept out", (x + 20, y + 4))
    return sheet


def write(canvas: Image, text: str, at: tuple[int, int]) -> int:
    """Put small words on a picture, beginning at the left of their base line; gives the column where they end."""
    import cv2

    face, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    cv2.putText(canvas, text, at, face, size, _INK, 1, cv2.LINE_AA)
    return int(at[0] + cv2.getTextSize(text, face, size, 1)[0][0])


def png_of(picture: Image) -> bytes:
    """A picture's PNG file."""
    import cv2

    return bytes(cv2.imencode(".png", picture[..., ::-1])[1])


def _alike(shade: NDArray[np.intp], low: int, high: int) -> list[tuple[int, int]]:
    """Stretches of one shade between two indices, each from its first to behind its last."""
    if high <= low:
        return []
    cuts = low + 1 + np.flatnonzero(np.diff(shade[low:high]))
    edges = [low, *cuts.tolist(), high]
    return list(pairwise(edges))


def draw_dots(
    canvas: Image, centres: NDArray[np.integer[Any]], colour: list[int] | tuple[int, int, int], px_per_cell: float
) -> None:
    """A mark for each dwell, two thirds of its cell wide, at least one pixel."""
    import cv2

    radius = int(px_per_cell / 3)
    if radius >= 2:
        for centre in centres.tolist():
            cv2.circle(canvas, centre, radius, colour, -1, cv2.LINE_AA)
        return
    height, width = canvas.shape[:2]
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            columns = np.clip(centres[:, 0] + across, 0, width - 1)
            canvas[np.clip(centres[:, 1] + down, 0, height - 1), columns] = colour


def _dashed(canvas: Image, start: NDArray[np.intp], end: NDArray[np.intp]) -> None:
    import cv2

    length = float(np.hypot(*(end - start)))
    for at in np.arange(0, length, _DASHES_PX):
        along = np.array([at, min(at + _DASH_PX, length)])[:, None] / length
        dash = np.rint(start + along * (end - start)).astype(int).tolist()
        cv2.line(canvas, dash[0], dash[1], CLOSED_RGB, 2)


def _fence(ground: Ground, polygon_mm: NDArray[np.float64]) -> None:
    """Hatch a polygon and draw its rim."""
    import cv2

    corners = [ground.pixels(polygon_mm).astype(np.int32)]
    inside = np.zeros(ground.image.shape[:2], np.uint8)
    cv2.fillPoly(inside, corners, 1)
    rows, columns = np.nonzero(inside)
    hatched = (rows + columns) % 8 == 0
    ground.image[rows[hatched], columns[hatched]] = KEEP_OUT_RGB
    cv2.polylines(ground.image, corners, True, KEEP_OUT_RGB, 2, cv2.LINE_AA)
