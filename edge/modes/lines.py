"""Lines of cells along the side by which the whole object is flown over soonest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.modes.pieces import Cells, Pieces
from edge.modes.setting import Setting


def lies_along_columns(setting: Setting) -> bool:
    """Whether lines run along columns: the longer side has fewer turns."""
    return setting.grid.rows > setting.grid.columns


def line_count(setting: Setting) -> int:
    """Lines in all."""
    return min(setting.shape)


def as_lines(setting: Setting, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values of the grid, (rows, columns), as (lines, cells of each)."""
    return values.T if lies_along_columns(setting) else values


def pieces_of_lines(setting: Setting, marked: Cells, cell_s: float) -> Pieces:
    """Runs over marked cells, (lines, cells of each); cut where the beam may not go."""
    pieces = Pieces.along_rows(marked & np.asarray(as_lines(setting, setting.allowed), np.bool_), cell_s)
    return pieces.turned() if lies_along_columns(setting) else pieces


def whole_lines(setting: Setting, lines: NDArray[np.intp], cell_s: float) -> Pieces:
    """Runs over all allowed cells of some lines."""
    marked = np.zeros((line_count(setting), max(setting.shape)), np.bool_)
    marked[lines] = True
    return pieces_of_lines(setting, marked, cell_s)


def even_lines(setting: Setting, count: int) -> NDArray[np.intp]:
    """So many lines, evenly apart."""
    total = line_count(setting)
    count = min(max(count, 1), total)
    return np.unique(np.floor((np.arange(count) + 0.5) * total / count).astype(np.intp))
