"""A spectrum's rates are its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.model import SpectrumModel


def test_a_spectrum_is_fitted_to_the_same_rates_whatever_it_is_fitted_with(painter_of: Callable[..., Any]) -> None:
    """To the bit, so that a scan may be fitted in any portions: products of few rows were added up in another order."""
    areas = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Pb": 250.0, "Pb-M": 60.0}
    counts = np.random.default_rng(1).poisson(painter_of(gain_kev=0.01).rates(areas, 600), (300, 2048))
    spectra = counts.astype(np.uint32)
    model = SpectrumModel.from_sum_spectrum(
        spectra.sum(axis=0, dtype=float),
        300.0,
        detector=DetectorConfig(),
        tube=TubeConfig(),
        elements=["Ca", "Fe", "Pb"],
    )
    together = model.fit(spectra, 1.0)
    for rows in (slice(0, 1), slice(17, 20), slice(250, 300), slice(5, 290)):
        apart = model.fit(spectra[rows], 1.0)
        assert np.array_equal(apart.values, together.values[rows])
        assert np.array_equal(apart.variance, together.variance[rows])
