"""Spectra that are not as they should be: a defined answer, or one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.channels import dead_channels
from edge.spectra.model import SpectrumModel
from edge.spectra.roi import RoiModel

AREAS = {"Ca": 90.0, "Fe": 70.0, "Cu": 30.0, "Zn": 20.0, "Hg": 40.0, "Pb": 250.0, "Pb-M": 60.0, "Ar": 10.0}
MAPPED = ("Ca", "Fe", "Cu", "Zn", "Hg", "Pb")
TRUTH = np.array([AREAS[name] for name in MAPPED])
IRON, LEAD = MAPPED.index("Fe"), MAPPED.index("Pb")


def modelled(total: NDArray[np.generic], live_s: float = 4000.0) -> SpectrumModel:
    return SpectrumModel.from_sum_spectrum(total, live_s, detector=DetectorConfig(), tube=TubeConfig(), elements=MAPPED)


@dataclass(frozen=True)
class Case:
    """Counts per second and channel, and a model of 4,000 s of them."""

    rates: NDArray[np.float64]
    model: SpectrumModel

    def draw(self, exposures: int, live_s: float, seed: int) -> NDArray[np.uint32]:
        expected = np.broadcast_to(self.rates * live_s, (exposures, self.rates.size))
        return np.random.default_rng(seed).poisson(expected).astype(np.uint32)


@pytest.fixture(scope="module")
def case(painter_of: Callable[..., Any]) -> Case:
    rates = painter_of().rates(AREAS, 600)
    return Case(rates, modelled(np.random.default_rng(11).poisson(rates * 4000)))


def channel_of(energy_kev: float) -> int:
    return round(energy_kev / 0.01)


@pytest.mark.parametrize("full", [2**16 - 1, 2**24 - 1])
def test_peaks_clipped_by_a_full_counter_are_fitted_by_their_flanks(case: Case, full: int) -> None:
    live_s = full / case.rates.max() * 1.25
    spectra = case.draw(20, live_s, seed=1)
    assert np.all(spectra[:, channel_of(10.55)] > full)
    clipped = case.model.fit(np.minimum(spectra, full), live_s)
    whole = case.model.fit(spectra, live_s)
    # The flanks measure the same peak with the detector's shape, known within 3 % as the areas are.
    np.testing.assert_allclose(clipped.values.mean(axis=0), TRUTH, rtol=0.04)
    assert np.all(clipped.variance[:, LEAD] > whole.variance[:, LEAD])


def test_a_clipped_exposure_changes_no_other(case: Case) -> None:
    spectra = case.draw(300, 20.0, seed=2)
    before = case.model.fit(spectra, 20.0).values
    spectra[7, channel_of(6.40)] = 2**16 - 1
    after = case.model.fit(spectra, 20.0).values
    np.testing.assert_array_equal(np.delete(after, 7, axis=0), np.delete(before, 7, axis=0))
    np.testing.assert_allclose(after[7], before[7], rtol=0.1, atol=3.0)


def test_a_spectrum_full_in_every_channel_has_errors_beyond_its_rates(case: Case) -> None:
    rates = case.model.fit(np.full((1, 2048), 2**16 - 1, dtype=np.uint16), 1.0)
    assert np.all(np.isfinite(rates.values))
    assert np.all(np.sqrt(rates.variance) > 900.0 * TRUTH)


def test_dead_channels_are_found_and_left_out(case: Case) -> None:
    dead = [channel_of(6.40), channel_of(10.55), channel_of(10.55) + 1, channel_of(8.05)]
    total = np.random.default_rng(12).poisson(case.rates * 4000)
    total[dead] = 0
    model = modelled(total)
    assert model.dead.sum() == 4
    spectra = case.draw(200, 40.0, seed=3)
    spectra[:, dead] = 0
    rates = model.fit(spectra, 40.0)
    np.testing.assert_allclose(rates.values.mean(axis=0), TRUTH, rtol=0.04)
    spectra[:, dead] = 9999
    np.testing.assert_array_equal(model.fit(spectra, 40.0).values, rates.values)


def test_a_hot_channel_is_found_and_left_out(case: Case) -> None:
    total = np.random.default_rng(13).poisson(case.rates * 4000)
    total[channel_of(7.30)] += 400_000
    model = modelled(total)
    assert model.dead.sum() == 1
    spectra = case.draw(200, 40.0, seed=4)
    spectra[:, channel_of(7.30)] += 4000
    np.testing.assert_allclose(model.fit(spectra, 40.0).values.mean(axis=0), TRUTH, rtol=0.04)


@pytest.mark.parametrize("counts", [300, 30_000, 30_000_000])
@pytest.mark.parametrize("gain_kev", [0.005, 0.02, 0.06])
def test_no_channel_of_a_sound_spectrum_is_taken_for_dead(
    painter_of: Callable[..., Any], counts: int, gain_kev: float
) -> None:
    rates = painter_of(gain_kev=gain_kev, channels=round(20.0 / gain_kev)).rates(AREAS, 600)
    assert not dead_channels(np.random.default_rng(5).poisson(rates * (counts / rates.sum())).astype(float)).any()


def test_regions_of_interest_pass_over_dead_channels(case: Case) -> None:
    total = np.random.default_rng(14).poisson(case.rates * 4000)
    total[channel_of(6.40)] = 0
    model = RoiModel.from_sum_spectrum(total, 4000.0, detector=DetectorConfig(), tube=TubeConfig(), elements=["Fe"])
    spectra = case.draw(200, 40.0, seed=6)
    spectra[:, channel_of(6.40)] = 0
    np.testing.assert_allclose(model.fit(spectra, 40.0).values.mean(axis=0), [AREAS["Fe"]], rtol=0.04)


def test_a_spectrum_that_is_mostly_pile_up_keeps_its_elements(painter_of: Callable[..., Any]) -> None:
    # Photons that meet are taken from the lines: rates are those of what was recorded singly.
    single = painter_of().rates(AREAS, 600)
    folded = np.convolve(single, single)[:2048]
    rates = single + 0.5 * single.sum() * folded / folded.sum()
    model = modelled(np.random.default_rng(15).poisson(rates * 4000))
    case = Case(rates, model)
    fitted = model.fit(case.draw(200, 40.0, seed=7), 40.0).values.mean(axis=0)
    np.testing.assert_allclose(fitted, TRUTH, rtol=0.06)
    proposed = SpectrumModel.from_sum_spectrum(
        np.random.default_rng(15).poisson(rates * 4000), 4000.0, detector=DetectorConfig(), tube=TubeConfig()
    )
    assert set(proposed.elements) <= {"Ca-K", "Fe-K", "Cu-K", "Zn-K", "Hg-L", "Pb-L"}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (np.nan, "exposure 1 holds nan in channel 5: a spectrum has counts from 0 upwards"),
        (np.inf, "exposure 1 holds inf in channel 5"),
        (-2.0, "exposure 1 holds -2 in channel 5"),
    ],
)
def test_spectra_that_are_no_counts_are_refused_by_exposure_and_channel(
    case: Case, value: float, complaint: str
) -> None:
    spectra = np.ones((3, 2048))
    spectra[1, 5] = value
    with pytest.raises(UsageError, match=complaint):
        case.model.fit(spectra, 1.0)  # type: ignore[arg-type]
    if value == -2.0:
        with pytest.raises(UsageError, match=complaint):
            case.model.fit(spectra.astype(np.int16), 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_a_sum_spectrum_that_is_none_is_refused_by_its_channel(value: float) -> None:
    total = np.ones(2048)
    total[9] = value
    with pytest.raises(UsageError, match=f"channel 9 of the sum spectrum holds {value:g}"):
        modelled(total)


@pytest.mark.parametrize("model", [SpectrumModel, RoiModel])
def test_a_sum_spectrum_of_another_length_is_refused(model: type[SpectrumModel] | type[RoiModel]) -> None:
    with pytest.raises(UsageError, match=r"shape \(1024,\), the configuration says 2048 channels"):
        model.from_sum_spectrum(np.ones(1024), 1.0, detector=DetectorConfig(), tube=TubeConfig(), elements=["Fe"])


@pytest.mark.parametrize(
    ("live_s", "complaint"),
    [
        (np.array([1.0, np.nan, 1.0]), "exposure 1 has a live time of nan s"),
        (np.array([1.0, 1.0, np.inf]), "exposure 2 has a live time of inf s"),
        (np.array([1.0, 1.0]), r"3 spectra have live times of shape \(2,\): give one for each"),
    ],
)
def test_live_times_that_are_none_are_refused(case: Case, live_s: NDArray[np.float64], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        case.model.fit(np.ones((3, 2048), dtype=np.uint16), live_s)


def test_no_spectra_make_no_rates(case: Case) -> None:
    rates = case.model.fit(np.zeros((0, 2048), dtype=np.uint16), 1.0)
    assert rates.values.shape == rates.variance.shape == (0, len(MAPPED))
