"""Element rates from spectra, against spectra of known content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementFit
from edge.spectra.response import nominal_response
from edge.spectra.roi import RoiModel
from edge.spectra.templates import SpectrumShape, pile_up_spectrum

AREAS = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Zn": 20.0, "Hg": 40.0, "Pb": 250.0, "Pb-M": 60.0, "Ar": 10.0}
MAPPED = ("Ca", "Fe", "Cu", "Zn", "Hg", "Pb")
TRUTH = np.array([AREAS[name] for name in MAPPED])


@dataclass(frozen=True)
class Case:
    """A model and the rates (counts per second and channel) that its sum spectrum was drawn from."""

    model: SpectrumModel
    rates: NDArray[np.float64]
    sum_counts: NDArray[np.int64]

    def draw(self, exposures: int, counts: float, seed: int) -> tuple[NDArray[np.uint32], float]:
        """Spectra of so many counts on average, and their live time."""
        live_s = counts / float(self.rates.sum())
        expected = np.broadcast_to(self.rates * live_s, (exposures, self.rates.size))
        return np.random.default_rng(seed).poisson(expected).astype(np.uint32), live_s


@pytest.fixture(scope="module")
def case(painter_of: Callable[..., Any]) -> Case:
    painter = painter_of(offset_kev=0.035, gain_kev=0.01015)
    rates = painter.rates(AREAS, 600)
    counts = np.random.default_rng(11).poisson(rates * 4000)
    model = SpectrumModel.from_sum_spectrum(
        counts, 4000.0, detector=DetectorConfig(), tube=TubeConfig(), elements=MAPPED
    )
    return Case(model, rates, counts)


def test_the_columns_are_the_elements_asked_for_by_their_line_groups(case: Case) -> None:
    assert case.model.elements == ("Ca-K", "Fe-K", "Cu-K", "Zn-K", "Hg-L", "Pb-L")


def test_peak_areas_are_recovered_within_three_per_cent(case: Case) -> None:
    # The tables disagree on faint lines by 1 or 2 % of a group; zinc lies between copper's and mercury's.
    spectra, live_s = case.draw(200, 20_000, seed=1)
    means = case.model.fit(spectra, live_s).values.mean(axis=0)
    np.testing.assert_allclose(means, TRUTH, rtol=0.03)


def test_spectra_of_20_counts_give_the_true_mean_within_two_standard_errors(case: Case) -> None:
    spectra, live_s = case.draw(2000, 20, seed=5)
    values = case.model.fit(spectra, live_s).values
    error = values.std(axis=0) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - TRUTH) < 2.0 * error + 0.02 * TRUTH)


def test_an_absent_element_averages_to_nothing_at_20_counts(painter_of: Callable[..., Any]) -> None:
    rates = painter_of().rates({"Ca": 90.0, "Fe": 70.0, "Pb": 250.0}, 600)
    model = SpectrumModel.from_sum_spectrum(
        np.random.default_rng(2).poisson(rates * 4000),
        4000.0,
        detector=DetectorConfig(),
        tube=TubeConfig(),
        elements=["Ni", "Fe"],
    )
    live_s = 20.0 / rates.sum()
    spectra = np.random.default_rng(3).poisson(np.broadcast_to(rates * live_s, (4000, 2048))).astype(np.uint32)
    nickel = model.fit(spectra, live_s).values[:, 0]
    assert abs(nickel.mean()) < 3.0 * nickel.std() / np.sqrt(nickel.size)


@pytest.mark.parametrize("counts", [100, 10_000])
def test_the_stated_variance_is_the_one_observed(case: Case, counts: int) -> None:
    spectra, live_s = case.draw(3000, counts, seed=counts)
    rates = case.model.fit(spectra, live_s)
    pulls = (rates.values - rates.values.mean(axis=0)) / np.sqrt(rates.variance)
    assert np.all((pulls.std(axis=0) > 0.9) & (pulls.std(axis=0) < 1.1))


def test_at_20_counts_the_mean_variance_is_the_one_observed(case: Case) -> None:
    # Single pulls are no use here: most spectra hold no count of a weak element.
    spectra, live_s = case.draw(4000, 20, seed=9)
    rates = case.model.fit(spectra, live_s)
    ratio = rates.values.var(axis=0) / rates.variance.mean(axis=0)
    assert np.all((ratio > 0.85) & (ratio < 1.15))


def test_the_estimate_is_linear_in_the_counts(case: Case) -> None:
    spectra, live_s = case.draw(50, 2000, seed=3)
    apart = case.model.fit(spectra, live_s).values.mean(axis=0)
    together = case.model.fit(spectra.sum(axis=0, keepdims=True), 50 * live_s).values[0]
    np.testing.assert_allclose(apart, together, rtol=1e-3)


def test_an_amplitude_that_noise_cannot_explain_is_held_at_zero(case: Case, painter_of: Callable[..., Any]) -> None:
    # Less than nothing of iron: a dip where its lines are, some twenty standard deviations deep.
    painter = painter_of(offset_kev=0.035, gain_kev=0.01015)
    rates = painter.rates({**AREAS, "Fe": -1.5}, 600)
    counts = np.random.default_rng(4).poisson(rates[None, :] * 2000).astype(np.uint32)
    fitted = case.model.fit(counts, 2000.0)
    iron = case.model.elements.index("Fe-K")
    assert fitted.values[0, iron] == 0.0
    assert fitted.variance[0, iron] > 0.0
    others = [i for i in range(len(MAPPED)) if i != iron]
    np.testing.assert_allclose(fitted.values[0, others], TRUTH[others], rtol=0.05)


def test_a_spectrum_without_counts_has_no_rates_but_an_error(case: Case) -> None:
    rates = case.model.fit(np.zeros((1, 2048), dtype=np.uint16), 1.0)
    np.testing.assert_array_equal(rates.values, 0.0)
    assert np.all(rates.variance > 0)


def test_the_expected_spectrum_of_the_true_rates_is_the_true_spectrum(case: Case) -> None:
    inside = case.model.sum_fit.fitted
    expected = case.model.expected(TRUTH)[inside]
    noise = np.sqrt(case.rates[inside] / 4000.0)
    assert np.median(np.abs(expected - case.rates[inside]) / (noise + 0.01 * case.rates[inside])) < 1.5


def test_without_named_elements_the_spectrum_proposes_them(case: Case) -> None:
    model = SpectrumModel.from_sum_spectrum(case.sum_counts, 4000.0, detector=DetectorConfig(), tube=TubeConfig())
    assert set(model.elements) == {"Ca-K", "Fe-K", "Cu-K", "Zn-K", "Hg-L", "Pb-L"}
    assert dict(model.line_labels())["Pb Lα"] == pytest.approx(10.5512)


def test_elements_that_nobody_asked_for_do_not_bias_those_asked_for(case: Case) -> None:
    model = SpectrumModel.from_sum_spectrum(
        case.sum_counts, 4000.0, detector=DetectorConfig(), tube=TubeConfig(), elements=["Zn"]
    )
    spectra, live_s = case.draw(200, 20_000, seed=1)
    np.testing.assert_allclose(model.fit(spectra, live_s).values.mean(axis=0), [20.0], rtol=0.03)


def test_pile_up_of_iron_is_not_taken_for_an_element(painter_of: Callable[..., Any]) -> None:
    painter = painter_of()
    rates = painter.rates({"Ca": 300.0, "Fe": 3000.0}, 300) + 30.0 * painter.peak(2 * 6.40)
    counts = np.random.default_rng(8).poisson(rates * 1000)
    model = SpectrumModel.from_sum_spectrum(counts, 1000.0, detector=DetectorConfig(), tube=TubeConfig())
    assert set(model.elements) == {"Ca-K", "Fe-K"}
    assert "pile-up" in model.components


def test_the_noise_peak_at_zero_energy_makes_no_pile_up(painter_of: Callable[..., Any]) -> None:
    painter = painter_of(offset_kev=-0.4)
    response = nominal_response(0.135)
    shape = SpectrumShape(2048, -0.4, 0.01, response)
    lines = 1000.0 * painter.peak(6.40)
    with_noise = pile_up_spectrum(lines + 500.0 * painter.peak(0.0), shape)
    at_line = np.abs(shape.energies_kev() - 6.40) < 0.3
    # Two full widths leave a millionth of a Gaussian, and a bit more of one that is wider than thought.
    assert with_noise[at_line].sum() < 1e-4
    np.testing.assert_allclose(with_noise, pile_up_spectrum(lines, shape), atol=1e-5)


@pytest.mark.parametrize("counts", [1, 300])
def test_a_model_can_be_made_from_however_few_counts(painter_of: Callable[..., Any], counts: int) -> None:
    rates = painter_of().rates(AREAS, 600)
    sum_counts = np.bincount(np.random.default_rng(counts).choice(2048, counts, p=rates / rates.sum()), minlength=2048)
    model = SpectrumModel.from_sum_spectrum(
        sum_counts, 1.0, detector=DetectorConfig(), tube=TubeConfig(), elements=["Pb", "Fe"]
    )
    fitted = model.fit(sum_counts[None, :].astype(np.uint32), 1.0)
    assert np.all(np.isfinite(fitted.values))
    assert np.all(fitted.variance > 0)


def test_too_few_counts_to_propose_an_element_are_refused_with_the_remedy(painter_of: Callable[..., Any]) -> None:
    rates = painter_of().rates(AREAS, 600)
    counts = np.random.default_rng(0).poisson(rates * 20 / rates.sum())
    with pytest.raises(UsageError, match="name some under elements"):
        SpectrumModel.from_sum_spectrum(counts, 1.0, detector=DetectorConfig(), tube=TubeConfig())


@pytest.mark.parametrize(
    ("elements", "complaint"),
    [(["Xx"], "Xx: no such element"), (["Sn-K"], "beyond the detector's last channel"), (["Pb-K"], "use Pb-L or Pb-M")],
)
def test_elements_that_cannot_be_mapped_are_refused_by_name(case: Case, elements: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        SpectrumModel.from_sum_spectrum(
            case.sum_counts, 1.0, detector=DetectorConfig(), tube=TubeConfig(), elements=elements
        )


def test_spectra_of_another_detector_are_refused(case: Case) -> None:
    with pytest.raises(UsageError, match="2048 channels"):
        case.model.fit(np.zeros((3, 1024), dtype=np.uint16), 1.0)


def test_an_exposure_without_live_time_is_refused_by_its_number(case: Case) -> None:
    with pytest.raises(UsageError, match="exposure 1 has a live time of 0 s"):
        case.model.fit(np.zeros((2, 2048), dtype=np.uint16), np.array([1.0, 0.0]))


def test_regions_of_interest_agree_where_nothing_overlaps_and_state_their_variance(case: Case) -> None:
    model: ElementFit = RoiModel.from_sum_spectrum(
        case.sum_counts, 4000.0, detector=DetectorConfig(), tube=TubeConfig(), elements=["Ca", "Fe"]
    )
    spectra, live_s = case.draw(2000, 2000, seed=6)
    rates = model.fit(spectra, live_s)
    np.testing.assert_allclose(rates.values.mean(axis=0), [90.0, 70.0], rtol=0.03)
    pulls = (rates.values - rates.values.mean(axis=0)) / np.sqrt(rates.variance)
    assert np.all((pulls.std(axis=0) > 0.9) & (pulls.std(axis=0) < 1.15))
