"""What a raster of means tells of the cells within them: the same scan in thought, twice as coarse, its truth known.

Exposures take the place of cells, and means over two by two of them that of exposures, or over as much of that as an
exposure covers of its own place in the raster. What the method makes of these is held against the exposures
(L. Wald, T. Ranchin and M. Mangolini, "Fusion of satellite images of different spatial resolutions", 1997).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import areas
from edge.reconstruct.super_resolution.raster import Raster, raster_of

Floats = NDArray[np.float32]
Solve: TypeAlias = Callable[[MeasuredCells, Floats | None], Floats]
"""Maps, (rows, columns, channels), from exposures and a photograph."""

_BY = 2
_LEAST = 4
"""Rows and columns of exposures from which on half as many tell something."""


@dataclass(frozen=True, slots=True, eq=False)
class Coarser:
    """A scan in thought."""

    cells: MeasuredCells
    """Means of exposures, on a grid of exposures."""
    rgb: Floats | None
    truth: Floats
    """The exposures, shape (rows, columns, channels)."""
    pitch: float
    """Cells from one exposure to the next."""


def coarser(cells: MeasuredCells, rgb: Floats | None) -> Coarser | None:
    """The scan twice as coarse; None where the exposures form no raster of means, or too small a one."""
    operator = cells.seen_by()
    places = operator.centroids()
    raster = raster_of(places)
    if raster is None or min(len(raster.rows), len(raster.columns)) < _LEAST or cells.alone.any():
        return None
    rows, columns = (len(levels) // _BY * _BY for levels in (raster.rows, raster.columns))
    order = raster.order.reshape(len(raster.rows), len(raster.columns))[:rows, :columns]
    height, width = _covered(cells, raster)
    truth, variance = cells.values[order], cells.variance[order]
    top, left = (one.ravel() for one in np.mgrid[:rows:_BY, :columns:_BY])
    seen = areas((rows, columns), top, left, height=height, width=width)
    values = seen.seen(truth)
    fewer = replace(
        cells,
        shape=(rows, columns),
        rows=top + height // 2,
        columns=left + width // 2,
        values=values,
        variance=seen.seen(variance) / np.float32(height * width),
        live_s=None,
        operator=seen,
    )
    pitch = float(np.sqrt(np.diff(raster.rows).mean() * np.diff(raster.columns).mean()))
    return Coarser(fewer, None if rgb is None else operator.seen(rgb)[order], truth, pitch)


def _covered(cells: MeasuredCells, raster: Raster) -> tuple[int, int]:
    """Whether an exposure covers its place in the raster from top to bottom, and from left to right: 2, else 1."""
    operator = cells.seen_by()
    found = []
    for axis, levels in ((0, raster.rows), (1, raster.columns)):
        of_axis = operator.cell // cells.shape[1] if axis == 0 else operator.cell % cells.shape[1]
        first, last = (way.reduceat(of_axis, operator.first[:-1]) for way in (np.minimum, np.maximum))
        extent = float(np.median(last - first)) + 1
        found.append(_BY if 2 * extent > float(np.diff(levels).mean()) + 1 else 1)
    return found[0], found[1]
