"""Which cells of the grid may be visited: inside the area's polygon, and clear of every keep-out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.configuration.area import AreaConfig, OutlinedConfig, beam_reach_mm, corners_of
from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.planning.keep_outs import KeepOuts, Points, distances_mm, inside
from firmware_bridge.messages import StagePose

Cells = NDArray[np.bool_]
_SLACK_MM = 1e-6
"""A cell that only touches a keep-out does not reach into it."""
_AT_ONCE = 1_000_000


def keep_outs_of(config: ScanConfig) -> KeepOuts:
    """The configuration's keep-outs; the beam's middle stays as far from them as its footprint reaches.

    That is half a cell where `instrument.beam.fwhm_mm` is not stated: then the beam is taken as no wider than a cell.
    """
    return keep_outs_in(config.area, beam_reach_mm(config.area, config.instrument.beam.fwhm_mm))


def keep_outs_in(area: AreaConfig, margin_mm: float) -> KeepOuts:
    """The keep-outs of an area, which a beam that reaches so far must not touch."""
    outlines = tuple(_outline(each.polygon) for each in area.keep_out)
    return KeepOuts(tuple(each.name for each in area.keep_out), outlines, margin_mm)


def allowed_cells(config: ScanConfig, grid: ScanGrid) -> Cells:
    """Cells that may be visited, shape (rows, columns), read-only.

    A cell whose centre lies in ``area.polygon`` is inside the area. It is allowed when all of it, and the footprint of
    a beam at its centre, stay clear of every keep-out.

    Raises
    ------
    UsageError
        None is left.
    """
    return cells_clear_of(keep_outs_of(config), grid, config.area)


def allowed_count(config: ScanConfig, grid: ScanGrid) -> int:
    """How many cells may be visited."""
    return grid.rows * grid.columns if config.area.is_whole else int(allowed_cells(config, grid).sum())


def middle_of(config: ScanConfig, grid: ScanGrid) -> StagePose:
    """The middle of the area; where the beam must not go there, the centre of the allowed cell that is nearest.

    Raises
    ------
    UsageError
        No cell may be visited.
    """
    area = config.area
    middle = np.array([area.x_mm + area.width_mm / 2, area.y_mm + area.height_mm / 2])
    if not area.is_whole:
        centres = grid.centres_mm(*np.nonzero(allowed_cells(config, grid)))
        middle = centres[int(np.argmin(np.hypot(*(centres - middle).T)))]
    return StagePose(float(middle[0]), float(middle[1]))


def cells_clear_of(keep_outs: KeepOuts, grid: ScanGrid, area: OutlinedConfig) -> Cells:
    """As `allowed_cells`."""
    allowed = np.ones(grid.shape, np.bool_)
    if area.polygon is not None:
        allowed = _centres_inside(grid, _outline(area.polygon))
        if not allowed.any():
            raise UsageError("area.polygon holds the centre of no cell: enlarge it, or reduce area.pitch_mm")
    within = int(allowed.sum())
    for outline in keep_outs.outlines:
        allowed &= ~_centres_inside(grid, outline)
        for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            _strike(allowed, grid, start, end, keep_outs.margin_mm)
    if not allowed.any():
        raise UsageError(
            f"area.keep_out leaves none of the {within} cells of the area to scan "
            f"({', '.join(keep_outs.names)}, and {keep_outs.margin_mm:g} mm around for the beam): draw the keep-outs "
            "smaller, or enlarge the area"
        )
    allowed.flags.writeable = False
    return allowed


def _outline(polygon: list[list[float]]) -> Points:
    return np.array(corners_of(polygon), np.float64)


def _centres_inside(grid: ScanGrid, outline: Points) -> Cells:
    """Cells whose centre lies in a polygon."""
    found = np.zeros(grid.shape, np.bool_)
    rows, columns = _window(grid, outline.min(axis=0), outline.max(axis=0))
    for part in _row_parts(rows, columns):
        found[part, columns] = inside(outline, _centres(grid, part, columns)).reshape(-1, columns.stop - columns.start)
    return found


def _strike(allowed: Cells, grid: ScanGrid, start: Points, end: Points, margin_mm: float) -> None:
    """Take out the cells that a side of a keep-out reaches into, and those whose centre it is too near to."""
    half = grid.pitch_mm / 2 - _SLACK_MM
    low, high = np.minimum(start, end), np.maximum(start, end)
    rows, columns = _window(grid, low - max(margin_mm, half), high + max(margin_mm, half))
    way = end - start
    for part in _row_parts(rows, columns):
        centres = _centres(grid, part, columns)
        # a line reaches into a square unless an axis of either parts them
        off = np.abs(centres - (low + high) / 2)
        across = np.abs(way[0] * (centres[:, 1] - start[1]) - way[1] * (centres[:, 0] - start[0]))
        reaches = (off < half + (high - low) / 2).all(axis=1) & (across < half * np.abs(way).sum())
        reaches |= distances_mm(centres, start, end) < margin_mm - _SLACK_MM
        allowed[part, columns] &= ~reaches.reshape(-1, columns.stop - columns.start)


def _window(grid: ScanGrid, low: Points, high: Points) -> tuple[slice, slice]:
    """Rows and columns of the cells that a box of (x, y) meets, as far as they are the grid's."""
    first = (low - (grid.origin_x_mm, grid.origin_y_mm)) / grid.pitch_mm
    last = (high - (grid.origin_x_mm, grid.origin_y_mm)) / grid.pitch_mm
    spans = []
    for axis, count in ((1, grid.rows), (0, grid.columns)):
        begin = min(max(math.floor(first[axis]), 0), count)
        spans.append(slice(begin, min(max(math.floor(last[axis]) + 1, begin), count)))
    return spans[0], spans[1]


def _row_parts(rows: slice, columns: slice) -> list[slice]:
    """The rows in parts of bounded size; none where there are no cells."""
    width = columns.stop - columns.start
    if width == 0:
        return []
    step = max(1, _AT_ONCE // width)
    return [slice(row, min(row + step, rows.stop)) for row in range(rows.start, rows.stop, step)]


def _centres(grid: ScanGrid, rows: slice, columns: slice) -> Points:
    down, across = np.mgrid[rows, columns]
    return grid.centres_mm(down.ravel(), across.ravel())
