"""Where exposures in motion went, in cells of the grid, and the one cell that each of them is counted for.

An exposure that stays within a cell, or crosses one, saw that cell. One that is longer saw a mean over several, and
which ones has to be known to whoever makes maps of it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid

Places: TypeAlias = NDArray[np.float64]
_LONG_CELLS = 1.5
"""Longer than that, an exposure saw more than one cell. One of a cell, measured a little askew, still saw that."""
_PARTS_OF_A_CELL = 8
"""Ends are told to such a part: encoders tell them finer, and exposures that were to agree would not."""


def ends_in_cells(starts_mm: Places, ends_mm: Places, grid: ScanGrid) -> NDArray[np.float32] | None:
    """Row and column where exposures begin and end, (2, 5) being the middle of that cell; None where all saw one cell.

    Parameters
    ----------
    starts_mm, ends_mm
        Measured (x, y), shape (n, 2).

    Returns
    -------
    ndarray
        Shape (n, 4), to an eighth of a cell and within the grid, forwards whichever way the beam went. An exposure that
        saw one cell begins and ends in its middle.
    """
    long = is_long(starts_mm, ends_mm, grid)
    if not long.any():
        return None
    found = np.tile(_cells_under((starts_mm + ends_mm) / 2, grid), 2).astype(np.float32)
    found[long] = _long_ends(starts_mm[long], ends_mm[long], grid)
    return found


def counted_cells(starts_mm: Places, ends_mm: Places, grid: ScanGrid) -> NDArray[np.intp]:
    """Row and column of the cell under the middle of each exposure, shape (n, 2); rim exposures stay on the grid.

    Of a long one whose middle is the border of two cells it is the later one; ends that were measured less than a
    sixteenth of a cell off change nothing in that.
    """
    cells = _cells_under((starts_mm + ends_mm) / 2, grid)
    long = is_long(starts_mm, ends_mm, grid)
    if long.any():
        ends = _long_ends(starts_mm[long], ends_mm[long], grid)
        middles = np.floor((ends[:, :2] + ends[:, 2:]) / 2 + 0.5).astype(np.intp)
        cells[long] = np.minimum(middles, np.array(grid.shape) - 1)
    return cells


def crossed_cells(starts_mm: Places, ends_mm: Places, grid: ScanGrid) -> NDArray[np.intp]:
    """First row and column, last row and column of the cells that each exposure saw half of or more, shape (n, 4).

    Of one that saw one cell that is `counted_cells`, twice. One aslant is told by the rectangle about it.
    """
    cells = np.tile(counted_cells(starts_mm, ends_mm, grid), 2)
    long = is_long(starts_mm, ends_mm, grid)
    if long.any():
        ends = _long_ends(starts_mm[long], ends_mm[long], grid).reshape(-1, 2, 2)
        first, last = np.ceil(ends.min(axis=1)).astype(np.intp), np.floor(ends.max(axis=1)).astype(np.intp)
        # across its way it lies between the middles of two lines
        beside = first > last
        first[beside] = last[beside] = cells[long, :2][beside]
        cells[long] = np.hstack([first, last])
    return cells


def is_long(starts_mm: Places, ends_mm: Places, grid: ScanGrid) -> NDArray[np.bool_]:
    """Which exposures saw more than one cell, shape (n,)."""
    length_mm = np.hypot(ends_mm[:, 0] - starts_mm[:, 0], ends_mm[:, 1] - starts_mm[:, 1])
    return np.asarray(length_mm > _LONG_CELLS * grid.pitch_mm, np.bool_)


def _cells_under(points_mm: Places, grid: ScanGrid) -> NDArray[np.intp]:
    return np.clip(grid.cells_of(points_mm), 0, np.array(grid.shape) - 1)


def _long_ends(starts_mm: Places, ends_mm: Places, grid: ScanGrid) -> Places:
    """The ends of long exposures, shape (n, 4): the upper one first, of those as high the one further left."""
    corner = np.array([grid.origin_y_mm, grid.origin_x_mm])
    start, end = ((at[:, ::-1] - corner) / grid.pitch_mm - 0.5 for at in (starts_mm, ends_mm))
    most = np.array(grid.shape) - 0.5
    start, end = (np.clip(np.round(at * _PARTS_OF_A_CELL) / _PARTS_OF_A_CELL, -0.5, most) for at in (start, end))
    is_back = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    return np.where(is_back[:, None], np.hstack([end, start]), np.hstack([start, end]))
