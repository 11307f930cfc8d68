"""Two paths on one picture: what only the one does, what only the other does, and what both do."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable
from edge.path.drawing import BAR_CELLS, STRIP_PX, Ground, Image, draw_dots, pale, write

A_RGB, B_RGB, BOTH_RGB = (0, 84, 196), (214, 92, 0), (60, 56, 52)
"""Told apart by those who don't see red from green, too."""
Colour = tuple[int, int, int]
Ends = NDArray[np.int32]
"""Pixels (column, row) where each piece begins and ends, shape (n, 2, 2)."""
_LONGER_SIDE_PX = 1_200
_LEAST_WIDTH_PX = 420
_BARE = 200
"""Grey of the ground where there is no photograph."""


def difference_picture(
    a: tuple[ScanGrid, ExposureTable], b: tuple[ScanGrid, ExposureTable], rgb: Image | None
) -> Image:
    """Both paths over the photograph of the first one's grid, in three colours, with what they mean below.

    Parameters
    ----------
    a, b
        Grid and exposures, shape (n, 5); where the grids differ, the picture holds both.
    rgb
        Photograph on the first one's grid, shape (rows, columns, 3); None: there is none.
    """
    ground = _ground(a[0], b[0], rgb)
    canvas = ground.image
    legs = [_rows(table[:-1, 2:4], table[1:, 0:2]) for _, table in (a, b)]
    counted = [_rows(table[:, 0:2], table[:, 2:4]) for _, table in (a, b)]
    # broad ones below, so that nothing hides what the other does
    for rows, draw in ((counted, _bars), (legs, _lines), (counted, _spots)):
        only_a, only_b, both = _parted(*rows)
        for pieces, colour in ((both, BOTH_RGB), (only_b, B_RGB), (only_a, A_RGB)):
            is_way = (pieces[:, 0:2] != pieces[:, 2:4]).any(axis=1)
            kept = pieces[~is_way] if draw is _spots else pieces[is_way]
            draw(canvas, ground.pixels(kept.reshape(-1, 2, 2)).astype(np.int32), colour, ground.px_per_cell)
    return _with_words(canvas)


def _ground(a: ScanGrid, b: ScanGrid, rgb: Image | None) -> Ground:
    """A picture that holds both grids, in cells of the first."""
    pitch = a.pitch_mm
    left, top = min(a.origin_x_mm, b.origin_x_mm), min(a.origin_y_mm, b.origin_y_mm)
    right = max(grid.origin_x_mm + grid.width_mm for grid in (a, b))
    low = max(grid.origin_y_mm + grid.height_mm for grid in (a, b))
    rows, columns = (max(1, math.ceil(way / pitch - 1e-6)) for way in (low - top, right - left))
    grid = ScanGrid(left, top, pitch, rows, columns)
    longest = max(rows, columns)
    scale = max(1, _LONGER_SIDE_PX // longest) if longest <= _LONGER_SIDE_PX else _LONGER_SIDE_PX / longest
    image = np.full((max(1, round(rows * scale)), max(1, round(columns * scale)), 3), _BARE, np.uint8)
    ground = Ground(image, grid)
    if rgb is not None:
        x, y = ground.pixels(np.array([a.origin_x_mm, a.origin_y_mm]) + 1e-9).tolist()
        photo = pale(rgb, scale)[: image.shape[0] - y, : image.shape[1] - x]
        image[y : y + photo.shape[0], x : x + photo.shape[1]] = photo
    return ground


def _rows(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight pieces, the same in either direction, each once."""
    swap = (starts[:, 0] > ends[:, 0]) | ((starts[:, 0] == ends[:, 0]) & (starts[:, 1] > ends[:, 1]))
    rows = np.where(swap[:, None], np.hstack([ends, starts]), np.hstack([starts, ends]))
    return np.unique(rows, axis=0)


def _parted(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the first alone, of the second alone, of both."""
    rows, counts = np.unique(np.vstack([a, b]), axis=0, return_counts=True)
    both = rows[counts == 2]
    return _without(a, both), _without(b, both), both


def _without(rows: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows, each there once, that are not among others, which are all among them."""
    unique, counts = np.unique(np.vstack([rows, taken]), axis=0, return_counts=True)
    return np.asarray(unique[counts == 1], dtype=np.float64)


def _bars(canvas: Image, ends: Ends, colour: Colour, px_per_cell: float) -> None:
    """Strokes."""
    import cv2

    cv2.polylines(canvas, list(ends), False, colour, max(2, round(BAR_CELLS * px_per_cell)))


def _lines(canvas: Image, ends: Ends, colour: Colour, _px_per_cell: float) -> None:
    """Legs."""
    import cv2

    cv2.polylines(canvas, list(ends), False, colour, 1, cv2.LINE_AA)


def _spots(canvas: Image, ends: Ends, colour: Colour, px_per_cell: float) -> None:
    """Dwells."""
    draw_dots(canvas, ends[:, 0], colour, px_per_cell)


def _with_words(canvas: Image) -> Image:
    height, breadth = canvas.shape[:2]
    sheet = np.full((height + STRIP_PX, max(breadth, _LEAST_WIDTH_PX), 3), 255, np.uint8)
    sheet[:height, :breadth] = canvas
    x, y = 8, height + 20
    for colour, words in ((A_RGB, "only A"), (B_RGB, "only B"), (BOTH_RGB, "both")):
        sheet[y - 6 : y + 6, x : x + 12] = colour
        x = write(sheet, words, (x + 18, y + 4)) + 22
    return sheet
