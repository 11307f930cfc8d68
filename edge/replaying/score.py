"""How far estimated maps are from the truth, in the measures that the field quotes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError

_WINDOW_SIGMA = 1.5
_WINDOW_REACH = 5
"""The window of Wang et al.: Gaussian of 1.5 cells, 11 x 11."""


_MOST_DB = 150.0
"""PSNR of a perfect map, beyond what float32 can tell; finite, so that reports stay plain numbers."""


@dataclass(frozen=True, slots=True)
class ElementScores:
    """Agreement of one element's map, scaled so that the truth's 99.9th percentile is 1."""

    rmse: float
    psnr_db: float
    """20 log10(1 / RMSE), at most 150."""
    ssim: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of all maps; an element whose truth is zero everywhere does not count in the overall figures."""

    rmse: float
    """Root of the mean squared error over elements."""
    psnr_db: float
    """Mean of the elements' PSNR."""
    ssim: float
    """Mean of the elements' structural similarity."""
    sam_rad: float
    """Mean angle between estimated and true element vectors; cells without signal are left out, NaN if all are."""
    cells: int
    """Valid cells that were compared."""
    elements: tuple[ElementScores, ...]
    """In the maps' order."""


def score(
    estimate: NDArray[np.floating], truth: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> Scores:
    """Compare maps on valid cells.

    Parameters
    ----------
    estimate, truth
        Shape (rows, columns, elements), one linear unit. An element whose truth has a 99.9th percentile of zero or
        less is scaled by its largest value, or by 1 if that is zero too.
    valid
        Cells to compare, shape (rows, columns); None: all. Cells where the truth is not finite count as not valid.

    Raises
    ------
    UsageError
        When shapes disagree, no cell is valid, or the estimate is not finite on a valid cell.
    """
    if estimate.ndim != 3 or estimate.shape != truth.shape:
        raise UsageError(
            f"maps of shape {estimate.shape} cannot be scored against truth of shape {truth.shape}: "
            "give both as rows x columns x elements on one grid"
        )
    mask = np.isfinite(truth).all(axis=2)
    if valid is not None:
        if valid.shape != truth.shape[:2]:
            raise UsageError(f"the valid cells have shape {valid.shape}, the maps {truth.shape[:2]}: use one grid")
        mask &= valid
    if not mask.any():
        raise UsageError("no valid cell to score: check the valid mask and that the truth is finite")
    if not np.isfinite(estimate[mask]).all():
        raise UsageError("the estimated maps hold values that are not finite: reconstruct them again")
    scale = scale_of(truth[mask].astype(np.float64))
    scaled_truth = np.where(mask[:, :, None], truth, 0) / scale
    scaled = np.where(mask[:, :, None], estimate, 0) / scale
    elements = []
    for e in range(truth.shape[2]):
        error = scaled[:, :, e][mask] - scaled_truth[:, :, e][mask]
        rmse = float(np.sqrt(np.mean(error**2)))
        psnr_db = min(-20 * math.log10(rmse), _MOST_DB) if rmse > 0 else _MOST_DB
        elements.append(
            ElementScores(rmse, psnr_db, structural_similarity(scaled[:, :, e], scaled_truth[:, :, e], mask))
        )
    alive = [one for e, one in enumerate(elements) if scaled_truth[:, :, e].any()] or elements
    return Scores(
        rmse=math.sqrt(sum(one.rmse**2 for one in alive) / len(alive)),
        psnr_db=sum(one.psnr_db for one in alive) / len(alive),
        ssim=sum(one.ssim for one in alive) / len(alive),
        sam_rad=spectral_angle_rad(scaled[mask], scaled_truth[mask]),
        cells=int(mask.sum()),
        elements=tuple(elements),
    )


def structural_similarity(estimate: NDArray[np.float64], truth: NDArray[np.float64], valid: NDArray[np.bool_]) -> float:
    """Mean structural similarity of two maps with a range of 1; both are zero where not valid.

    Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli (2004), Eq. 13, with K1 = 0.01 and K2 = 0.03, averaged
    over the cells whose 11 x 11 window lies inside the grid and holds valid cells only. Where no such cell exists,
    all valid cells are taken, each window weighing its own valid cells.
    """
    from scipy.ndimage import correlate1d, minimum_filter

    kernel = np.exp(-0.5 * (np.arange(-_WINDOW_REACH, _WINDOW_REACH + 1) / _WINDOW_SIGMA) ** 2)
    kernel /= kernel.sum()

    def windows(image: NDArray[np.float64]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = correlate1d(
            correlate1d(image, kernel, axis=0, mode="constant"), kernel, axis=1, mode="constant"
        )
        return smoothed

    whole = minimum_filter(valid, size=2 * _WINDOW_REACH + 1, mode="constant", cval=False)
    compared = whole if whole.any() else valid
    weight = windows(valid.astype(np.float64))[compared]

    def mean_of(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return windows(image)[compared] / weight

    mean, true_mean = mean_of(estimate), mean_of(truth)
    variance = mean_of(estimate * estimate) - mean**2
    true_variance = mean_of(truth * truth) - true_mean**2
    covariance = mean_of(estimate * truth) - mean * true_mean
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean * true_mean + c1) * (2 * covariance + c2)) / (
        (mean**2 + true_mean**2 + c1) * (variance + true_variance + c2)
    )
    return float(similarity.mean())


def spectral_angle_rad(estimate: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Mean angle between rows (cells, elements); rows that are zero in either are left out, NaN if all are.

    F. A. Kruse et al. (1993).
    """
    lengths = np.linalg.norm(estimate, axis=1) * np.linalg.norm(truth, axis=1)
    signal = lengths > 0
    if not signal.any():
        return float("nan")
    cosine = (estimate[signal] * truth[signal]).sum(axis=1) / lengths[signal]
    return float(np.arccos(np.clip(cosine, -1, 1)).mean())


def scale_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """99.9th percentile of each element over the valid cells (cells, elements), with its fallbacks."""
    scale: NDArray[np.float64] = np.percentile(values, 99.9, axis=0)
    scale = np.where(scale > 0, scale, np.abs(values).max(axis=0))
    return np.where(scale > 0, scale, 1.0)
