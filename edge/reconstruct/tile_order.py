"""In which order tiles are drawn, which of them an exposure can concern, and which stand in for those undrawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

_COARSE_STEPS = (8, 4, 2, 1)
"""Every eighth tile both ways is drawn first, then every fourth, and so on."""

Floats = NDArray[np.float32]


def coarse_first(down: int, across: int) -> NDArray[np.intp]:
    """All tiles, those of the coarsest raster first, each raster row by row."""
    row, column = np.divmod(np.arange(down * across), across)
    level = np.full(down * across, len(_COARSE_STEPS))
    for n, step in reversed(list(enumerate(_COARSE_STEPS))):
        level[(row % step == 0) & (column % step == 0)] = n
    return np.argsort(level, kind="stable")


def nearest_drawn(is_drawn: NDArray[np.bool_], down: int, across: int) -> NDArray[np.intp]:
    """The nearest tile that is drawn, for every tile."""
    from scipy.ndimage import distance_transform_edt

    blank = ~is_drawn.reshape(down, across)
    row, column = distance_transform_edt(blank, return_distances=False, return_indices=True)
    nearest: NDArray[np.intp] = (row * across + column).ravel()
    return nearest


@compiled
def within_horizon(centres: Floats, horizon: Floats, places: Floats) -> NDArray[np.bool_]:
    """Whether any of the places, (k, 2), lies within each centre's horizon."""
    found = np.zeros(centres.shape[0], np.bool_)
    for t in range(centres.shape[0]):
        limit = horizon[t] * horizon[t]
        for k in range(places.shape[0]):
            dy, dx = places[k, 0] - centres[t, 0], places[k, 1] - centres[t, 1]
            if dy * dy + dx * dx <= limit:
                found[t] = True
                break
    return found
