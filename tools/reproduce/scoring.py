"""How far an estimate is from the truth, in the measures of the pages."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.replaying.score import score, spectral_angle_rad

_PERFECT = 1e-15
"""Least mean squared error that is told apart from none, 150 dB."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one estimate."""

    db: float
    """PSNR as the subject's measure has it."""
    rmse: float
    """Root of the mean squared error over cells and channels, on the scale where the peak is 1."""
    sam_deg: float
    """Mean angle between estimated and true vectors of channels; 0 where no cell has a signal."""


def colours(estimate: NDArray[np.floating], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> Figures:
    """PSNR over all valid cells and channels at once, the peak being 1, the estimate clipped to [0, 1]."""
    clipped, true = np.clip(estimate, 0, 1)[valid].astype(np.float64), truth[valid].astype(np.float64)
    error = max(float(np.square(clipped - true).mean()), _PERFECT)
    return Figures(float(-10 * np.log10(error)), math.sqrt(error), _degrees(spectral_angle_rad(clipped, true)))


def elements(estimate: NDArray[np.floating], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> Figures:
    """PSNR is the mean of each element's, scaled by the truth's 99.9th percentile, the estimate clipped at 0."""
    found = score(np.maximum(estimate, 0), truth, valid)
    return Figures(found.psnr_db, found.rmse, _degrees(found.sam_rad))


def _degrees(angle_rad: float) -> float:
    return 0.0 if math.isnan(angle_rad) else math.degrees(angle_rad)
