"""PSNR in the two measures of the pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.score import score

_PERFECT = 1e-15
"""Least mean squared error that is told apart from none, 150 dB."""


def colours_db(estimate: NDArray[np.floating], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Over all valid cells and channels at once, the peak being 1, the estimate clipped to [0, 1]."""
    error = np.square(np.clip(estimate, 0, 1).astype(np.float64) - truth)
    return float(-10 * np.log10(max(float(error[valid].mean()), _PERFECT)))


def elements_db(estimate: NDArray[np.floating], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Mean of each element's, scaled by the truth's 99.9th percentile, the estimate clipped at 0, on valid cells."""
    return score(np.maximum(estimate, 0), truth, valid).psnr_db
