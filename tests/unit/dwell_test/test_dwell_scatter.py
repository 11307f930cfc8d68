"""What a long measurement says of short ones, held against short ones that are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.dwell_test.figures import backgrounds_of, detection_limit_per_s
from edge.spectra.model import SpectrumModel
from tests.unit.spectra.conftest import Painter

ELEMENTS = ("Fe", "Cu", "Pb")
PAINTS = [
    {"Fe": 2_000.0, "Cu": 50.0, "Pb": 300.0},
    {"Fe": 100.0, "Cu": 900.0, "Pb": 1_500.0},
    {"Fe": 0.0, "Cu": 400.0, "Pb": 0.0},
]
LONG_S = 20.0
CHANCE = np.random.default_rng(8)


@pytest.fixture(scope="module")
def expected_per_s() -> np.ndarray:
    return np.array([Painter().rates(paint, 2_500.0) for paint in PAINTS])


@pytest.fixture(scope="module")
def long_counts(expected_per_s: np.ndarray) -> np.ndarray:
    return CHANCE.poisson(expected_per_s * LONG_S).astype(np.uint32)


@pytest.fixture(scope="module")
def model(long_counts: np.ndarray) -> SpectrumModel:
    total, live_s = long_counts.sum(axis=0), len(PAINTS) * LONG_S
    return SpectrumModel.from_sum_spectrum(
        total, live_s, detector=DetectorConfig(), tube=TubeConfig(), elements=ELEMENTS
    )


@pytest.mark.parametrize("dwell_s", [0.01, 0.1, 1.0])
def test_short_exposures_scatter_as_a_long_one_foretells(
    model: SpectrumModel, long_counts: np.ndarray, expected_per_s: np.ndarray, dwell_s: float
) -> None:
    variances_per_s = model.fit(long_counts, LONG_S).variance.astype(float) * LONG_S
    for point, expected in enumerate(expected_per_s):
        short = model.fit(CHANCE.poisson(expected * dwell_s, (1_500, len(expected))).astype(np.uint32), dwell_s)
        scatter = short.values.astype(float).std(axis=0)
        # 1,500 draws know a standard deviation to 1.8 %; the long one knows its own variance to some per cent besides,
        # where the counts under a faint line are few.
        np.testing.assert_allclose(np.sqrt(variances_per_s[point] / dwell_s), scatter, rtol=0.08)


def test_where_an_element_is_missing_its_rate_stays_below_the_decision_for_the_told_background(
    model: SpectrumModel, long_counts: np.ndarray, expected_per_s: np.ndarray
) -> None:
    """The third paint has no lead: the limit of detection is twice the limit of decision, which 5 % of draws pass."""
    rates = model.fit(long_counts, LONG_S)
    background = backgrounds_of(model, rates.values.astype(float), rates.variance.astype(float) * LONG_S)[2]
    dwell_s = 1.0
    short = model.fit(CHANCE.poisson(expected_per_s[2] * dwell_s, (4_000, 2_048)).astype(np.uint32), dwell_s)
    lead = [name.partition("-")[0] for name in model.elements].index("Pb")
    limit = detection_limit_per_s(float(background[lead]), dwell_s)
    decision = 1.645 * np.sqrt(background[lead] / dwell_s)
    assert limit == pytest.approx(2 * decision + 2.71 / dwell_s)
    values = short.values[:, lead]
    # Three standard errors of 4,000 draws are 0.01; the shapes' own error shifts the rates by some of that again.
    assert (values > decision).mean() == pytest.approx(0.05, abs=0.025)
    assert (values > limit).mean() < 0.005
