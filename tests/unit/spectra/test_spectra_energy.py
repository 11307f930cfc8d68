"""Energy scale and width from the lines of a sum spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge.configuration.config import DetectorConfig
from edge.faults import UsageError
from edge.spectra.energy import calibrate_energy, describe_calibration, nominal_calibration

PAINT = {"Ca": 900, "Fe": 700, "Cu": 300, "Zn": 200, "Hg": 400, "Pb": 2500, "Pb-M": 600, "Ar": 100}

PainterOf = Callable[..., Any]


@settings(max_examples=3, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    offset_kev=st.floats(-0.05, 0.05),
    gain_ratio=st.floats(0.98, 1.02),
    noise_kev=st.floats(0.06, 0.12),
    seed=st.integers(0, 1000),
)
def test_a_scale_off_by_two_per_cent_and_50_ev_is_recovered_within_10_ev(
    painter_of: PainterOf, offset_kev: float, gain_ratio: float, noise_kev: float, seed: int
) -> None:
    painter = painter_of(offset_kev=offset_kev, gain_kev=0.01 * gain_ratio, noise_kev=noise_kev)
    counts = np.random.default_rng(seed).poisson(painter.rates(PAINT, 6000) * 10)
    found = calibrate_energy(counts, DetectorConfig(), [])
    assert found, found
    # A twentieth of a peak's width: the shift at which a fitted area is wrong by less than 0.3 %.
    channels = np.array([200.0, 700.0, 1400.0])
    np.testing.assert_allclose(found.energy_kev(channels), offset_kev + 0.01 * gain_ratio * channels, atol=0.010)
    np.testing.assert_allclose(found.fwhm_kev(6.4), np.sqrt(noise_kev**2 + 5.545 * 0.00365 * 0.118 * 6.4), rtol=0.04)


@pytest.mark.parametrize(("gain_kev", "offset_kev"), [(0.0105, 0.0), (0.0095, 0.0), (0.01, -0.3)])
def test_a_scale_configured_far_off_is_recovered_all_the_same(
    painter_of: PainterOf, gain_kev: float, offset_kev: float
) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(PAINT, 6000) * 10)
    found = calibrate_energy(counts, DetectorConfig(gain_kev=gain_kev, offset_kev=offset_kev), [])
    assert found, found
    channels = np.array([200.0, 700.0, 1400.0])
    np.testing.assert_allclose(found.energy_kev(channels), 0.01 * channels, atol=0.010)


@pytest.mark.parametrize("gain_kev", [0.009, 0.011])
def test_a_scale_configured_farther_off_than_is_searched_is_doubted_and_not_bent(
    painter_of: PainterOf, gain_kev: float
) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(PAINT, 6000) * 10)
    found = calibrate_energy(counts, DetectorConfig(gain_kev=gain_kev), [])
    assert not found
    assert found.nominal.gain_kev == gain_kev
    assert "peaks of the sum spectrum" in found.reason


def test_energies_rise_with_the_channel(painter_of: PainterOf) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(PAINT, 6000))
    found = calibrate_energy(counts, DetectorConfig(), ["Pb"])
    assert found
    assert np.all(np.diff(found.energy_kev(np.arange(2048.0))) > 0)


def test_the_peaks_used_are_named_with_their_residuals(painter_of: PainterOf) -> None:
    counts = np.random.default_rng(0).poisson(painter_of().rates(PAINT, 6000) * 100)
    found = calibrate_energy(counts, DetectorConfig(), ["Pb"])
    assert found
    assert {"Pb L3-M5", "Fe K-L3", "Ca K-L3"} <= {peak.line for peak in found.peaks}
    # A million counts place the centroids of strong peaks within some electronvolts.
    assert np.median(np.abs(found.residuals_kev)) < 0.004
    assert "peaks" in describe_calibration(found)


def test_a_few_hundred_counts_fall_back_to_the_nominal_scale_with_a_reason(painter_of: PainterOf) -> None:
    rates = painter_of().rates(PAINT, 6000)
    counts = np.random.default_rng(1).poisson(rates * 100 / rates.sum())
    found = calibrate_energy(counts, DetectorConfig(offset_kev=0.01), [])
    assert not found
    assert "counts in the sum spectrum" in found.reason
    assert found.nominal.offset_kev == 0.01
    assert "nominal energy scale" in describe_calibration(found)


def test_a_spectrum_without_peaks_falls_back_to_the_nominal_scale() -> None:
    counts = np.random.default_rng(1).poisson(np.full(2048, 30.0))
    found = calibrate_energy(counts, DetectorConfig(), [])
    assert not found
    assert "peaks" in found.reason


def test_a_spectrum_of_another_length_is_refused_with_the_key_to_correct() -> None:
    with pytest.raises(UsageError, match=r"detector\.channels"):
        calibrate_energy(np.ones(1024), DetectorConfig(), [])


def test_a_scale_taken_from_the_configuration_claims_no_residual() -> None:
    assert "not compared with any peak" in describe_calibration(nominal_calibration(DetectorConfig()))


def test_a_weak_peak_taken_for_the_wrong_line_does_not_cost_the_scale(painter_of: Callable[..., Any]) -> None:
    # Peaks of nothing tabulated, 45 to 55 eV from the lines of strontium: the strong ones still tell the scale.
    painter = painter_of(offset_kev=0.002, gain_kev=0.010085)
    rates = painter.rates({"Ca": 400.0, "Fe": 900.0, "Cu": 400.0, "Zn": 3000.0, "Hg": 300.0, "Pb": 900.0}, 900)
    rates += 12.0 * painter.peak(14.19) + 8.0 * painter.peak(15.89)
    counts = np.random.default_rng(21).poisson(rates * 4000)
    found = calibrate_energy(counts, DetectorConfig(), [])
    assert found
    assert found.gain_kev == pytest.approx(0.010085, rel=5e-4)
    assert max(abs(residual) for residual in found.residuals_kev) < 0.0125


def test_a_knot_of_the_continuum_that_comes_and_goes_does_not_stop_the_fit(
    painter_of: PainterOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the window ends by energy says how many knots there are: here one fewer from the true gain on."""
    from edge.spectra import sum_fit

    counts = np.random.default_rng(0).poisson(painter_of(gain_kev=0.01).rates(PAINT, 6000) * 10)
    plain = calibrate_energy(counts, DetectorConfig(), [])
    assert plain, plain
    real, limit_kev = sum_fit.sum_templates, plain.gain_kev

    def sum_templates(singles: Any, shape: Any, *others: Any, **named: Any) -> Any:
        found = real(singles, shape, *others, **named)
        return found[:-1] if shape.gain_kev > limit_kev else found

    monkeypatch.setattr(sum_fit, "sum_templates", sum_templates)
    found = calibrate_energy(counts, DetectorConfig(), [])
    assert found, found
    channels = np.array([200.0, 700.0, 1400.0])
    np.testing.assert_allclose(found.energy_kev(channels), plain.energy_kev(channels), atol=0.010)
