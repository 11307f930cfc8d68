"""The fit of a whole scan: one model, along the way of the energy scale where that moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.spectra.drift import BlockSums, DriftingFit, ScaleDrift, follow_drift, straightened_sum
from edge.spectra.model import SpectrumModel

_WORTH_FOLLOWING_KEV = 0.004
"""Of a line at `_AT_KEV`. A painting's own mixtures feign up to 2 eV; 4 eV change no rate by a tenth of its error."""
_AT_KEV = 10.0


def fit_of_scan(
    blocks: BlockSums, live_s: float, learn: Callable[[NDArray[np.float64], float], SpectrumModel]
) -> DriftingFit:
    """Learn the model of a scan; where the scale moved, learn it again from the straightened sum.

    Parameters
    ----------
    blocks
        All exposures, added up in the order of measuring.
    live_s
        Their live time.
    learn
        Makes the model of a sum spectrum, shape (channels,), and its live time.

    Returns
    -------
    DriftingFit
        Of a scale that moved a line at 10 keV by less than 4 eV, or that the lines could not fix: the model as it is.
    """
    sums, middles = blocks.blocks()
    model = learn(sums.sum(axis=0), live_s)
    still = ScaleDrift(np.zeros(1), np.zeros(1), np.zeros(1))
    if len(middles) < 2 or not model.calibration:
        return DriftingFit(model, still)
    drift = follow_drift(model, sums, middles)
    if drift.range_kev(_AT_KEV, model.sum_fit.shape) < _WORTH_FOLLOWING_KEV:
        return DriftingFit(model, still)
    straight = learn(straightened_sum(sums, drift, model.sum_fit.shape), live_s)
    return DriftingFit(straight, follow_drift(straight, sums, middles))
