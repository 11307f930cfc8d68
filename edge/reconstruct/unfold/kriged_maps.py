"""Kriged maps of means over cells, and the photograph where kriging found it to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.kriged_means import at_centroids
from edge.reconstruct.kriging import estimated_everywhere, learn_parameters, usable_photograph
from edge.reconstruct.photograph_moved import moved

Floats = NDArray[np.float32]


def kriged_maps(cells: MeasuredCells, rgb: Floats) -> tuple[Floats, Floats]:
    """Maps, (rows, columns, elements), and the photograph on them, (rows, columns, 3).

    A mean is taken for the value at its centroid. `edge.reconstruct.kriged_means` krigs three times to take means for
    what they are; here one time is enough, for agreement with the exposures comes afterwards, exactly.
    """
    once, _ = at_centroids(cells)
    photograph = usable_photograph(rgb)
    learned = learn_parameters(once, photograph)
    maps, _ = estimated_everywhere(once, learned, photograph)
    maps[cells.rows[cells.alone], cells.columns[cells.alone]] = cells.values[cells.alone]
    if photograph is None or not learned.follows_colour:
        return maps, rgb
    return maps, np.clip(moved(rgb, learned.alignment.down, learned.alignment.right), 0, 1)
