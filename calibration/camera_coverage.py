"""Which part of a camera's field the views of a board cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.board_detection import BoardView

_CELLS = 8
"""Cells along the picture's longer side."""


def seen_cells(views: Sequence[BoardView]) -> NDArray[np.bool_]:
    """Cells of the picture in which a point was seen, shape (rows, columns), 8 along the longer side."""
    width, height = views[0].width_px, views[0].height_px
    side = max(width, height) / _CELLS
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    cells = np.zeros((rows, columns), dtype=bool)
    for view in views:
        place = (view.points_px + 0.5) / [width, height] * [columns, rows]
        column, row = np.clip(place.astype(int), 0, [columns - 1, rows - 1]).T
        cells[row, column] = True
    return cells


def coverage(views: Sequence[BoardView]) -> float:
    """Share of the cells in which a point was seen."""
    return float(seen_cells(views).mean()) if views else 0.0
