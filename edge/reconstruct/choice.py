"""Which method suits what was measured, where nobody chose one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells

AUTOMATIC = "automatic"
"""The name by which the configuration leaves the choice to `method_for`."""
DENSE_SHARE = 0.8
"""Share of the cells from which on a scan is a raster with few holes rather than a sparse one."""
LEAST_CELLS = 64
"""Fewer tell nothing of how the maps vary."""
_NOISY = 0.5
"""Share of the variation between neighbours that counting makes up, from which on photons are what is lacking."""

CHOSE_STARVED = (
    "Nearly every cell was measured and neighbours differ mostly by counting, in every element: measured values are "
    "replaced by estimates from all elements together. The method kriging shows them as they were measured."
)
"""Said where a raster of few photons was not kriged."""


def method_for(cells: MeasuredCells) -> str:
    """``photon-starved`` for a raster whose neighbours differ mostly by counting, ``kriging`` for all else.

    It takes every element to be so: traces are noise in most scans, and no reason to replace the values of an element
    that was counted well. A measured value is shown as it was measured unless all are mostly noise.
    """
    if len(cells) < max(DENSE_SHARE * cells.shape[0] * cells.shape[1], LEAST_CELLS):
        return "kriging"
    shares = counting_shares(cells)
    return "photon-starved" if len(shares) and float(shares.min()) >= _NOISY else "kriging"


def counting_shares(cells: MeasuredCells) -> NDArray[np.float64]:
    """Counting variance over half the mean squared difference of cells side by side, for each element that varies.

    Elements whose variance nobody knows are left out.
    """
    beside = np.flatnonzero((np.diff(cells.rows) == 0) & (np.diff(cells.columns) == 1))
    if not len(beside):
        return np.empty(0)
    change, counting = np.empty(cells.elements), cells.variance.mean(axis=0, dtype=np.float64)
    for element in range(cells.elements):
        values = cells.values[:, element]
        change[element] = np.square(values[beside + 1] - values[beside]).mean(dtype=np.float64) / 2
    known = (counting > 0) & (change > 0)
    shares: NDArray[np.float64] = counting[known] / change[known]
    return shares
