"""A reference standard visited now and then: what it says of the tube's output and of the energy scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.drift import ScaleDrift
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates
from edge.spectra.response import nominal_response
from edge.spectra.standard import TubeOutput, follow_standard
from edge.spectra.templates import SpectrumShape

AREAS = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Zn": 20.0, "Hg": 40.0, "Pb": 250.0, "Pb-M": 60.0, "Ar": 10.0}
OUTPUTS, GAINS = np.array([1.0, 0.97, 0.93, 0.90]), np.array([0.0, 0.001, 0.002, 0.003])


@dataclass(frozen=True)
class Standard:
    """Four visits of 300 s, the tube fading and the gain rising."""

    visits: NDArray[np.uint32]
    model: SpectrumModel


@pytest.fixture(scope="module")
def standard(painter_of: Callable[..., Any]) -> Standard:
    rng = np.random.default_rng(8)
    visits = np.array(
        [
            rng.poisson(output * 300.0 * painter_of(gain_kev=0.01 * (1.0 + gain)).rates(AREAS, 600))
            for output, gain in zip(OUTPUTS, GAINS, strict=True)
        ]
    ).astype(np.uint32)
    model = SpectrumModel.from_sum_spectrum(
        visits.sum(axis=0), 1200.0, detector=DetectorConfig(), tube=TubeConfig(), elements=tuple(AREAS)[:6]
    )
    return Standard(visits, model)


def test_a_standard_tells_output_and_scale(standard: Standard) -> None:
    followed = follow_standard(standard.model, standard.visits, 300.0, [0, 1000, 2000, 3000])
    # 340,000 counts a visit: 0.17 %, and the first one's again.
    np.testing.assert_allclose(followed.output.factors, OUTPUTS, rtol=0.008)
    assert np.all(followed.output.relative_errors < 0.003)
    moves_kev = (followed.drift.offset_kev + followed.drift.gain * 10.5) - followed.drift.offset_kev[0]
    moves_kev -= followed.drift.gain[0] * 10.5
    np.testing.assert_allclose(moves_kev, GAINS * 10.5, atol=0.0025)
    rates = ElementRates(np.full((2, 1), 9.0, np.float32), np.full((2, 1), 4.0, np.float32))
    level = followed.output.normalised(rates, [0, 3000])
    assert level.values[1, 0] == pytest.approx(9.0 / followed.output.factors[3], rel=1e-5)
    assert level.variance[1, 0] == pytest.approx(4.0 / followed.output.factors[3] ** 2, rel=1e-5)


def test_the_output_is_held_up_to_a_stop_and_no_line_is_drawn_over_it() -> None:
    errors = np.full(4, 0.01)
    whole = TubeOutput(np.array([0.0, 100.0, 200.0, 300.0]), np.array([1.0, 0.9, 0.6, 0.5]), errors)
    # Taken up before exposure 200, at once followed by a visit, and before exposure 240, by one that came later.
    stopped = replace(whole, taken_up=np.array([0.0, 0.0, 200.0, 240.0]))
    at = [-5, 0, 50, 100, 150, 199, 200, 239, 240, 299, 300, 400]
    assert stopped.at(at).tolist() == [1.0, 1.0, 0.95, 0.9, 0.9, 0.9, 0.6, 0.6, 0.5, 0.5, 0.5, 0.5]
    np.testing.assert_array_equal(replace(whole, taken_up=np.zeros(4)).at(at), whole.at(at))


def test_a_standards_drift_can_be_told_from_another_models_scale() -> None:
    own = SpectrumShape(2048, 0.01, 0.0101, nominal_response(0.14))
    other = SpectrumShape(2048, -0.02, 0.0099, nominal_response(0.14))
    drift = ScaleDrift(np.array([0.0]), np.array([0.003]), np.array([0.002]))
    told = drift.seen_from(own, other)
    for channel in (0.0, 1000.0):
        energy = own.offset_kev + 0.003 + own.gain_kev * 1.002 * channel
        again = other.offset_kev + told.offset_kev[0] + other.gain_kev * (1.0 + told.gain[0]) * channel
        assert again == pytest.approx(energy, abs=1e-12)


@pytest.mark.parametrize(
    ("visits", "live_s", "positions", "complaint"),
    [
        (2, 1.0, [5, 0], "in ascending order"),
        (2, 1.0, [0], "2 visits to the standard and 1 positions"),
        (2, [1.0, 0.0], [0, 5], "exposure 1 has a live time of 0 s"),
    ],
)
def test_visits_that_make_no_sense_are_refused(
    standard: Standard, visits: int, live_s: Any, positions: list[int], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        follow_standard(standard.model, standard.visits[:visits], live_s, positions)


def test_a_visit_without_counts_is_refused_by_its_number(standard: Standard) -> None:
    visits = standard.visits[:2].copy()
    visits[1] = 0
    with pytest.raises(UsageError, match="visit 1 to the standard counted nothing"):
        follow_standard(standard.model, visits, 1.0, [0, 5])
