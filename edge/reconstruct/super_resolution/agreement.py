"""Maps brought to what the exposures measured, smoothly: what non-negative parts that add up to 1 could not reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_projection import projected
from edge.reconstruct.exposure_upsampling import bilinear

Floats = NDArray[np.float32]

_ROUNDS = 8
_ROUNDING = 1e-6
"""Of a channel's largest value, in single precision: to miss by less is to agree."""


def agreeing(maps: Floats, cells: MeasuredCells) -> Floats:
    """Maps of which the exposures see what they measured, within their counting error.

    What they see too little of is handed back bilinearly between their middles, round after round, so that no steps
    appear between them. A channel is left alone as soon as it misses by no more than its counting error; where it still
    does after the last round, the rest is handed to the cells that each exposure sees. No cell falls below zero, or
    below the lowest exposure where that is negative; where many would, exposures are met nearly.

    Parameters
    ----------
    maps
        Shape (rows, columns, channels), in the exposures' unit.

    Returns
    -------
    ndarray
        Shape (rows, columns, channels).
    """
    operator, found, lowest = cells.seen_by(), maps, np.minimum(cells.values.min(axis=0), 0)
    for _ in range(_ROUNDS):
        miss, apart = _missed(found, cells)
        if not apart.any():
            return found
        miss[:, ~apart] = 0
        found = np.maximum(found + bilinear(operator, miss), lowest)
    for _ in range(_ROUNDS):
        apart = _missed(found, cells)[1]
        if not apart.any():
            break
        nearest = projected(found[:, :, apart], operator, cells.values[:, apart])
        found[:, :, apart] = np.maximum(nearest, lowest[apart])
    return found


def _missed(maps: Floats, cells: MeasuredCells) -> tuple[Floats, NDArray[np.bool_]]:
    """What exposures see too little of, and the channels where that is more than counting explains."""
    miss: Floats = cells.values - cells.seen_by().seen(maps)
    rounding = _ROUNDING * np.abs(cells.values).max(axis=0)
    return miss, np.square(miss).mean(axis=0) > cells.variance.mean(axis=0) + np.square(rounding)
