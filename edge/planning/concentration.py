"""Where a plan spends its time, whatever chose it: a picture for plans that no density was made for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from edge.dose.path import live_s_per_cell
from edge.planning.scan_plan import ScanPlan


def concentration(plan: ScanPlan) -> NDArray[np.float32]:
    """Live time of a cell and its neighbourhood, as a part of the plan's mean.

    Exposures alone are spots; a mean with the weights of a Gaussian as wide as they lie apart shows where they are
    many.

    Returns
    -------
    Shape (rows, columns), 0 and larger; 1 where a cell is given as much as the mean of all.
    """
    live_s = live_s_per_cell(plan.table, plan.grid)
    visited = max(1, int((live_s > 0).sum()))
    apart_cells = math.sqrt(live_s.size / visited)
    found = gaussian_filter(live_s, apart_cells, mode="nearest")
    mean = found.mean()
    return np.asarray(found / mean if mean > 0 else found, np.float32)
