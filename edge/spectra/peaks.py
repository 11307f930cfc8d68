"""Peaks that stand out of a spectrum, before anything is known of their energies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.spectra.response import Spectrum
from edge.spectra.templates import SpectrumShape

LOWEST_LINE_KEV = 1.5
"""Below this, absorption and thresholds distort too much to calibrate by."""
_SIGNIFICANCE = 6.0
_MOST_PEAKS = 40
_FILTER_REACH_SIGMA = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class FoundPeaks:
    """Peaks of a spectrum, strongest first."""

    channels: NDArray[np.float64]
    """Centroids, shape (peaks,)."""
    significance: NDArray[np.float64]
    """Height over noise in the zero-area filter's output."""


def find_peaks(counts: NDArray[np.float64], shape: SpectrumShape) -> FoundPeaks:
    """Find peaks with a zero-area filter of the expected width.

    Second difference of a Gaussian (Mariscotti, Nucl. Instrum. Meth. 50 (1967) 309), significance by Poisson noise.
    """
    energies = shape.energies_kev()
    sigma = np.maximum(shape.response.sigma_kev(np.maximum(energies, 0.1)) / shape.gain_kev, 0.8)
    # Only the band in which the filter is not zero; what lies beyond the spectrum's ends is no part of it.
    reach = int(_FILTER_REACH_SIGMA * sigma.max())
    offsets = np.arange(-reach, reach + 1)
    channel = np.arange(counts.size)[:, None] + offsets
    reduced = offsets / sigma[:, None]
    inside = (np.abs(reduced) < _FILTER_REACH_SIGMA) & (channel >= 0) & (channel < counts.size)
    kernel = np.where(inside, (1.0 - reduced**2) * np.exp(-0.5 * reduced**2), 0.0)
    kernel -= inside * (kernel.sum(axis=1) / inside.sum(axis=1))[:, None]
    near = np.lib.stride_tricks.sliding_window_view(np.pad(counts, reach), offsets.size)
    response = np.einsum("ij,ij->i", kernel, near)
    noise = np.sqrt(np.maximum(np.einsum("ij,ij,ij->i", kernel, kernel, near), 1.0))
    significance = response / noise
    margin = int(3 * sigma.max())
    filled = np.flatnonzero(counts)
    low = max(int(filled[0]) + margin, int(np.searchsorted(energies, LOWEST_LINE_KEV - 0.1)))
    inner = np.arange(max(low, 1), min(int(filled[-1]) - 2, counts.size - 2))
    top = inner[
        (response[inner] >= response[inner - 1])
        & (response[inner] > response[inner + 1])
        & (significance[inner] > _SIGNIFICANCE)
        & (response[inner] > 0.02 * _largest_near(response, inner, int(8 * sigma.max())))
    ]
    top = top[np.argsort(-significance[top], kind="stable")][:_MOST_PEAKS]
    left, middle, right = response[top - 1], response[top], response[top + 1]
    shift = 0.5 * (left - right) / np.minimum(left - 2.0 * middle + right, -1e-12)
    return FoundPeaks(top + shift, significance[top])


def _largest_near(values: Spectrum, index: NDArray[np.intp], reach: int) -> Spectrum:
    padded = np.pad(values, reach, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(windows[index].max(axis=1))
