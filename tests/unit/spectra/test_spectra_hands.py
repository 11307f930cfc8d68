"""The fit on a real painting: two detectors, 7,200 spectra of 66,000 counts, region-of-interest maps beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.spectra.energy import calibrate_energy
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates

# The makers of the scan state channel = 34.284 E + 2.39; the tube's silver lines are in the spectra.
DETECTOR = DetectorConfig(channels=1024, offset_kev=-0.0697, gain_kev=0.029168, fwhm_mn_kev=0.15)
TUBE = TubeConfig(anode="Ag", kv=40.0)


@dataclass(frozen=True)
class Hands:
    """Counts of both detectors together, shape (cells, channels), live times and the published net maps."""

    counts: NDArray[np.uint32]
    live_s: NDArray[np.float64]
    net: dict[str, NDArray[np.float32]]
    model: SpectrumModel


@pytest.fixture(scope="module")
def hands(measurement_data: Path) -> Hands:
    folder = measurement_data / "maxrf_hands"
    if not folder.is_dir():
        pytest.skip(f"no spectra of the hands at {folder}")
    first, second = np.load(folder / "prova1_det10264.npz"), np.load(folder / "prova1_det19511.npz")
    counts = (first["counts"].astype(np.uint32) + second["counts"]).reshape(-1, 1024)
    live_s = first["real_time_s"].reshape(-1).astype(float)
    maps = np.load(folder / "prova1_maps.npz")
    net = {str(name): maps["net"][..., i].reshape(-1) for i, name in enumerate(maps["lines"])}
    total = counts.sum(axis=0, dtype=np.int64)
    model = SpectrumModel.from_sum_spectrum(total, float(live_s.sum()), detector=DETECTOR, tube=TUBE)
    return Hands(counts, live_s, net, model)


@pytest.fixture(scope="module")
def rates(hands: Hands) -> ElementRates:
    return hands.model.fit(hands.counts, hands.live_s)


def test_the_pigments_of_the_hands_are_proposed(hands: Hands) -> None:
    assert {"Pb-L", "Hg-L", "Ca-K", "Ti-K", "Fe-K", "Cu-K", "Zn-K"} <= set(hands.model.elements)
    assert not {"As-K", "Se-K", "Br-K", "Au-L", "W-L"} & set(hands.model.elements)


@pytest.mark.parametrize(
    ("group", "region", "least"),
    [
        ("Fe-K", "Fe_Ka", 0.995),
        ("Ca-K", "Ca_Ka", 0.995),
        ("Pb-L", "Pb_La", 0.995),
        ("Cu-K", "Cu_Ka", 0.995),
        ("Ti-K", "Ti_Ka", 0.995),
        # The published region of zinc holds a line of mercury.
        ("Zn-K", "Zn_Ka", 0.97),
    ],
)
def test_maps_agree_with_the_published_regions_of_interest(
    hands: Hands, rates: ElementRates, group: str, region: str, least: float
) -> None:
    counts = rates.values[:, hands.model.elements.index(group)] * hands.live_s
    assert np.corrcoef(counts, hands.net[region])[0, 1] > least


def test_halves_of_the_same_counts_agree_within_their_stated_errors(hands: Hands) -> None:
    first = np.random.default_rng(0).binomial(hands.counts, 0.5).astype(np.uint32)
    a = hands.model.fit(first, hands.live_s / 2)
    b = hands.model.fit(hands.counts - first, hands.live_s / 2)
    chi2 = np.mean((a.values - b.values) ** 2 / (a.variance + b.variance), axis=0)
    # Over 7,200 cells chi-square is 1 within 0.017; the rest is what the fixed weights' errors are known to.
    assert np.all((chi2 > 0.92) & (chi2 < 1.08))


def test_one_count_in_a_thousand_gives_the_same_mean_map(hands: Hands, rates: ElementRates) -> None:
    share = 1e-3
    thin = np.random.default_rng(1).binomial(hands.counts, share).astype(np.uint32)
    few = hands.model.fit(thin, hands.live_s * share).values
    error = (few - rates.values).std(axis=0) / np.sqrt(len(few))
    assert np.all(np.abs((few - rates.values).mean(axis=0)) < 3.5 * error)


@pytest.mark.parametrize(("gain_ratio", "shift_kev"), [(1.02, 0.04), (0.98, -0.05), (1.0, 0.0)])
def test_any_wrong_nominal_scale_ends_at_the_same_calibration(
    hands: Hands, gain_ratio: float, shift_kev: float
) -> None:
    wrong = DetectorConfig(
        channels=1024, offset_kev=-0.014 + shift_kev, gain_kev=0.02921 * gain_ratio, fwhm_mn_kev=0.16
    )
    found = calibrate_energy(hands.counts.sum(axis=0, dtype=np.int64), wrong, [], anode="Ag")
    assert found
    right = hands.model.calibration
    assert right
    channels = np.array([100.0, 400.0, 800.0])
    np.testing.assert_allclose(found.energy_kev(channels), right.energy_kev(channels), atol=0.010)
    assert np.sqrt(np.mean(np.square([p.residual_kev for p in right.peaks if p.energy_kev < 16.0]))) < 0.006
