"""Which method suits what was measured, where nobody chose one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells

AUTOMATIC = "automatic"
"""The name by which the configuration leaves the choice to `method_for`."""
DENSE_SHARE = 0.8
"""Share of the cells from which on a scan is a raster with few holes rather than a sparse one."""
LEAST_SHARE = 0.2
"""Share of the cells from which on the covariance of a whole grid can be learned in spite of the holes, and maps that
are mostly noise gain by it: rows of the portrait and the hands at a fifth -0.3 to +1.4 dB over kriging, at a seventh
-0.8 to +0.6, at a quarter 0 to +2.7 (docs/adr/0015-modes.md)."""
_SHARE_OF_FEW_HOLES = 0.4
"""The same where most of what is seen is signal: kriging is as good where a third of the cells are measured, in lines,
and 1 to 3 dB less where a half are."""
STARVED = "photon-starved"
LEAST_CELLS = 64
"""Fewer tell nothing of how the maps vary."""
_NOISY = 0.5
"""Share of the variation between neighbours that counting makes up, from which on photons are what is lacking."""
_BLURRED = 0.05
"""Share from which on estimates from all elements are better than measured values by more than a decibel: 0.8 dB on the
portrait at a share of 0.02, 2.8 dB at 0.15."""

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


def method_in_motion(cells: MeasuredCells) -> str:
    """The same for cells that were flown over to be estimated together, none of them long enough to stand for itself.

    ``photon-starved`` wherever it has enough cells, and counting blurs half of the elements.
    """
    share = len(cells) / (cells.shape[0] * cells.shape[1])
    shares = counting_shares(cells)
    if len(cells) < LEAST_CELLS or not len(shares):
        return "kriging"
    counting = float(np.median(shares))
    is_estimated = share >= _SHARE_OF_FEW_HOLES if counting < _NOISY else share >= LEAST_SHARE
    return STARVED if is_estimated and counting >= _BLURRED else "kriging"


def counting_shares(cells: MeasuredCells) -> NDArray[np.float64]:
    """Counting variance over half the mean squared difference of neighbouring cells, for each element that varies.

    Elements whose variance nobody knows are left out.
    """
    one, other = _neighbours(cells)
    if not len(one):
        return np.empty(0)
    change, counting = np.empty(cells.elements), cells.variance.mean(axis=0, dtype=np.float64)
    for element in range(cells.elements):
        values = cells.values[:, element]
        change[element] = np.square(values[other] - values[one]).mean(dtype=np.float64) / 2
    known = (counting > 0) & (change > 0)
    shares: NDArray[np.float64] = counting[known] / change[known]
    return shares


def _neighbours(cells: MeasuredCells) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Measured cells beside each other, in rows or in columns, whichever are more: runs have theirs one way alone."""
    place = np.full(cells.shape, -1, np.intp)
    place[cells.rows, cells.columns] = np.arange(len(cells))
    found = []
    for one, other in ((place[:, :-1], place[:, 1:]), (place[:-1], place[1:])):
        both = (one >= 0) & (other >= 0)
        found.append((one[both], other[both]))
    return max(found, key=lambda pair: len(pair[0]))
