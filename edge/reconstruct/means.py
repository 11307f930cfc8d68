"""Means over several cells where a method knows cells alone: each stands for the cell in its middle, and is said to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged
from edge.reconstruct.reconstruction import Method, Reconstruction

Floats = NDArray[np.float32]

AS_CELLS = (
    "What was measured along several cells was taken for the value of the cell in the middle, which of an even number "
    "lies half a cell off: this method knows no means. The methods kriging, ssr and unfold do."
)
"""Said of such maps."""


def by_middles(method: Method, cells: MeasuredCells, rgb: Floats | None) -> Reconstruction:
    """What a method makes of means as if each were the value of its middle cell.

    That cell was not measured: its standard error is at least the largest of the cells around it. A mean in the middle
    of which a cell was measured by itself is left out: of that cell there is something better.
    """
    cells = cells.picked(np.flatnonzero(cells.alone | ~cells.measured()[cells.rows, cells.columns]))
    samples = Samples(cells.rows, cells.columns, cells.values, cells.variance)
    found = method(merged(samples, cells.shape, cells.names, cells.live_s), rgb)
    error = found.standard_error.copy()
    is_mean = np.zeros(cells.shape, np.bool_)
    is_mean[cells.rows[~cells.alone], cells.columns[~cells.alone]] = True
    around = np.pad(np.where(is_mean[:, :, None], np.float32(0), error), ((1, 1), (1, 1), (0, 0)))
    largest = np.maximum.reduce([around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]])
    error[is_mean] = np.maximum(error, largest)[is_mean]
    return replace(found, standard_error=error, remarks=(*found.remarks, AS_CELLS))
