"""The fit of a whole scan: the plain model on a steady scale, along the drift on another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.drift import BlockSums
from edge.spectra.model import SpectrumModel
from edge.spectra.scan_fit import fit_of_scan

AREAS = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Pb": 250.0, "Pb-M": 60.0}
ELEMENTS = ("Ca", "Fe", "Cu", "Pb")
LIVE_S = 4.0


def learn(total: NDArray[np.float64], live_s: float) -> SpectrumModel:
    return SpectrumModel.from_sum_spectrum(
        total, live_s, detector=DetectorConfig(), tube=TubeConfig(), elements=ELEMENTS
    )


def scanned(painter_of: Callable[..., Any], gains: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Fifty exposures of 4 s at each gain, relative to 10 eV a channel."""
    rng = np.random.default_rng(2)
    parts = [
        rng.poisson(np.broadcast_to(LIVE_S * painter_of(gain_kev=0.01 * (1.0 + gain)).rates(AREAS, 600), (50, 2048)))
        for gain in gains
    ]
    return np.concatenate(parts).astype(np.uint32)


def block_sums(counts: NDArray[np.uint32]) -> BlockSums:
    blocks = BlockSums(2048)
    blocks.add(counts)
    return blocks


def test_a_steady_scale_gets_the_model_of_the_sum_unchanged(painter_of: Callable[..., Any]) -> None:
    counts = scanned(painter_of, np.zeros(10))
    fit = fit_of_scan(block_sums(counts), LIVE_S * len(counts), learn)
    plain = learn(counts.sum(axis=0).astype(float), LIVE_S * len(counts)).fit(counts, LIVE_S)
    along = fit.fit(counts, LIVE_S, positions=np.arange(len(counts)))
    np.testing.assert_array_equal(along.values, plain.values)
    np.testing.assert_array_equal(along.variance, plain.variance)


def test_a_moving_scale_is_followed(painter_of: Callable[..., Any]) -> None:
    gains = np.linspace(-0.004, 0.004, 20)
    counts = scanned(painter_of, gains)
    fit = fit_of_scan(block_sums(counts), LIVE_S * len(counts), learn)
    assert fit.drift.range_kev(10.0, fit.model.sum_fit.shape) == pytest.approx(0.08, abs=0.01)
    rates = fit.fit(counts, LIVE_S, positions=np.arange(len(counts)))
    truth = np.array([AREAS[element] for element in ELEMENTS])
    for part in (slice(0, 100), slice(-100, None)):
        np.testing.assert_allclose(rates.values[part].mean(axis=0), truth, rtol=0.04)


def test_too_few_counts_to_follow_are_fitted_on_one_scale(painter_of: Callable[..., Any]) -> None:
    counts = scanned(painter_of, np.zeros(1))[:5]
    fit = fit_of_scan(block_sums(counts), LIVE_S * len(counts), learn)
    assert fit.drift.range_kev(10.0, fit.model.sum_fit.shape) == 0.0
    assert np.all(np.isfinite(fit.fit(counts, LIVE_S, positions=np.arange(5)).values))
