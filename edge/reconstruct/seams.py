"""The error's local level, known tile by tile, made to run evenly over the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@compiled
def even_out(standard_error: Floats, deviation: Floats, tile_cells: int) -> None:
    """Replace each tile's own deviation by the one interpolated between the tiles' centres, in place.

    A tile's deviation comes from its own neighbourhood, so that two tiles side by side differ by chance; a standard
    error with the tiles' edges in it would show structure where there is none.

    Parameters
    ----------
    standard_error
        Shape (rows, columns, elements), proportional to the deviation of each cell's tile.
    deviation
        Shape (tiles down, tiles across, elements), above 0 where an element varies.
    """
    rows, columns, elements = standard_error.shape
    down, across = deviation.shape[0], deviation.shape[1]
    half = np.float32(0.5) * (tile_cells - 1)
    for i in range(rows):
        y = min(max((i - half) / tile_cells, np.float32(0)), np.float32(down - 1))
        top = min(int(y), max(down - 2, 0))
        bottom, from_top = min(top + 1, down - 1), np.float32(y - top)
        for j in range(columns):
            x = min(max((j - half) / tile_cells, np.float32(0)), np.float32(across - 1))
            left = min(int(x), max(across - 2, 0))
            right, from_left = min(left + 1, across - 1), np.float32(x - left)
            for e in range(elements):
                own = deviation[i // tile_cells, j // tile_cells, e]
                if own > 0:
                    above = deviation[top, left, e] + from_left * (deviation[top, right, e] - deviation[top, left, e])
                    below = deviation[bottom, left, e] + from_left * (
                        deviation[bottom, right, e] - deviation[bottom, left, e]
                    )
                    standard_error[i, j, e] *= (above + from_top * (below - above)) / own
