"""The detector does to radiation what silicon drift detectors do, each effect shown by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.detector_response import DetectorResponse, escape_share, pile_up
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission, RecordedCounts

TRUE = TwinSettings(gain_error=0.0, offset_error_kev=0.0, gain_drift_per_hour=0.0)
FE_KEV = 6.404


def line(rate_hz: float = 5_000.0, energy_kev: float = FE_KEV, matrix_hz: float = 0.0) -> Emission:
    return Emission(np.array([energy_kev]), np.array([rate_hz]), matrix_hz)


def mean(settings: TwinSettings, emission: Emission, device_s: float = 0.0) -> NDArray[np.float64]:
    mean_hz = Detector(settings).illuminate(emission, device_s).mean_hz
    assert mean_hz is not None
    return mean_hz


def recorded(channels: int = 2048) -> RecordedCounts:
    counts = np.random.default_rng(5).poisson(40.0, channels).astype(np.uint32)
    return RecordedCounts(counts, live_s=3.0)


def test_recorded_counts_are_served_unchanged_for_their_own_live_time() -> None:
    detector, source = Detector(TRUE), recorded()
    assert np.array_equal(detector.count(detector.illuminate(source, 0.0), 3.0, 9), source.counts)


def test_recorded_counts_are_thinned_for_a_shorter_live_time() -> None:
    detector, source = Detector(TRUE), recorded()
    counts = detector.count(detector.illuminate(source, 0.0), 0.3, 9)
    assert np.all(counts <= source.counts)
    total = int(source.counts.sum())
    # Binomial: mean 0.1 n, standard deviation sqrt(0.09 n); five of them.
    assert abs(int(counts.sum()) - 0.1 * total) < 5 * np.sqrt(0.09 * total)


def test_recorded_counts_are_scaled_with_noise_for_a_longer_live_time() -> None:
    detector, source = Detector(TRUE), recorded()
    counts = detector.count(detector.illuminate(source, 0.0), 6.0, 9)
    expected = 2 * source.counts.astype(float)
    chi_squared = float(((counts - expected) ** 2 / expected).mean())
    # Poisson: mean 1, standard deviation sqrt(2 / 2048) = 0.03; five of them.
    assert chi_squared == pytest.approx(1.0, abs=0.16)


def test_recorded_counts_of_another_length_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="set the twin's channels to the recording's"):
        Detector(TRUE).illuminate(recorded(1024), 0.0)


def test_a_spectrum_depends_on_seed_and_index_alone() -> None:
    illumination = Detector(TRUE).illuminate(line(), 0.0)
    once = Detector(TRUE).count(illumination, 0.1, 3)
    assert np.array_equal(once, Detector(TRUE).count(illumination, 0.1, 3))
    assert not np.array_equal(once, Detector(TRUE).count(illumination, 0.1, 4))
    assert not np.array_equal(once, Detector(replace(TRUE, seed=1)).count(illumination, 0.1, 3))


def test_a_line_peaks_in_its_channel_with_the_width_of_noise_and_fano() -> None:
    settings = replace(TRUE, tail_fraction=0.0, pile_up_s=0.0)
    spectrum = mean(settings, line())
    channels = np.arange(2048)
    window = slice(600, 681)
    centre = float((spectrum[window] * (channels[window] + 0.5)).sum() / spectrum[window].sum())
    assert centre == pytest.approx(640.4, abs=0.05)
    variance = float((spectrum[window] * (channels[window] + 0.5 - centre) ** 2).sum() / spectrum[window].sum())
    expected_kev2 = (0.075 / 2.3548) ** 2 + 0.115 * 0.00365 * FE_KEV
    # Channels of 10 eV add a twelfth of their square.
    assert variance == pytest.approx(expected_kev2 / 1e-4 + 1 / 12, rel=0.01)


def test_gain_and_offset_are_off_nominal_and_the_gain_drifts() -> None:
    settings = replace(TwinSettings(), gain_drift_per_hour=0.01)
    at_start = int(np.argmax(mean(settings, line())))
    an_hour_on = int(np.argmax(mean(settings, line(), device_s=3_600.0)))
    assert at_start == int((FE_KEV + 0.008) / 0.01003)
    assert an_hour_on == int((FE_KEV + 0.008) / (0.01003 * 1.01))


def test_the_tubes_output_drifts_by_its_exponent_and_takes_line_and_scatter_along() -> None:
    settings = replace(TRUE, output_drift_per_hour=-0.2, pile_up_s=0.0)
    emission = line(matrix_hz=2_000.0)
    at_start, half_an_hour_on = mean(settings, emission), mean(settings, emission, device_s=1_800.0)
    np.testing.assert_allclose(half_an_hour_on, np.exp(-0.1) * at_start, rtol=1e-12)


def test_recorded_counts_are_thinned_as_the_tubes_output_falls() -> None:
    detector, source = Detector(replace(TRUE, output_drift_per_hour=-0.5)), recorded()
    counts = detector.count(detector.illuminate(source, 3_600.0), 3.0, 9)
    share, total = float(np.exp(-0.5)), int(source.counts.sum())
    # Binomial: five standard deviations.
    assert abs(int(counts.sum()) - share * total) < 5 * np.sqrt(share * (1 - share) * total)


def test_a_line_above_the_silicon_edge_has_an_escape_peak() -> None:
    settings = replace(TRUE, tail_fraction=0.0, pile_up_s=0.0)
    spectrum = mean(settings, line())
    escaped = float(spectrum[440:493].sum() / spectrum.sum())
    assert escaped == pytest.approx(float(escape_share(np.array([FE_KEV]))[0]), rel=0.02)
    assert 0.001 < escaped < 0.01


def test_a_line_below_the_silicon_edge_has_none() -> None:
    assert float(escape_share(np.array([1.5]))[0]) == 0.0


def test_incomplete_charge_leaves_a_tail_below_the_peak_alone() -> None:
    with_tail = DetectorResponse(TRUE, 0.01, 0.0).line(FE_KEV)
    without = DetectorResponse(replace(TRUE, tail_fraction=0.0), 0.01, 0.0).line(FE_KEV)
    assert with_tail[540:600].sum() > 3 * without[540:600].sum()
    assert with_tail[680:].sum() == pytest.approx(without[680:].sum(), abs=1e-6)
    assert with_tail.sum() == pytest.approx(without.sum(), rel=0.01)


def test_pile_up_moves_events_to_the_sum_of_their_energies() -> None:
    settings = replace(TRUE, tail_fraction=0.0, pile_up_s=1e-6)
    spectrum = mean(settings, line(rate_hz=50_000.0))
    first_hz, second_hz = float(spectrum[600:681].sum()), float(spectrum[1240:1321].sum())
    assert int(np.argmax(spectrum[1200:1360])) + 1200 == pytest.approx(1281, abs=1)
    # One event of the sum for every two that pile up.
    rate_hz = float(mean(replace(settings, pile_up_s=0.0), line(rate_hz=50_000.0)).sum())
    assert second_hz == pytest.approx(rate_hz * (1 - np.exp(-rate_hz * 1e-6)) / 2, rel=0.02)
    assert first_hz + 2 * second_hz == pytest.approx(rate_hz, rel=0.02)


def test_pile_up_of_a_shifted_scale_adds_energies_not_channels() -> None:
    spectrum = np.zeros(400)
    spectrum[150] = 1_000.0
    # Zero energy lies at channel 49.8: 100.7 channels of energy, twice, end at 251.2.
    assert int(np.argmax(pile_up(spectrum, 49.8, 1e-5)[200:])) + 200 == 251


def test_dead_time_stretches_real_time() -> None:
    detector = Detector(replace(TRUE, dead_time_s=1e-5))
    illumination = detector.illuminate(line(rate_hz=50_000.0), 0.0)
    assert illumination.live_fraction == pytest.approx(1 / (1 + illumination.input_hz * 1e-5))
    assert 0.6 < illumination.live_fraction < 0.8


def test_counts_are_poisson_over_the_live_time() -> None:
    detector = Detector(TRUE)
    illumination = detector.illuminate(line(), 0.0)
    assert illumination.mean_hz is not None
    totals = [int(detector.count(illumination, 0.2, index).sum()) for index in range(200)]
    expected = float(illumination.mean_hz.sum()) * 0.2
    assert np.mean(totals) == pytest.approx(expected, abs=5 * np.sqrt(expected / 200))
    # Relative error of a variance from 200 draws is 10 %; five of them.
    assert np.var(totals) == pytest.approx(expected, rel=0.5)


def test_scattered_tube_radiation_has_a_continuum_and_the_anodes_lines_shifted_by_compton() -> None:
    spectrum = DetectorResponse(replace(TRUE, channels=4096), 0.01, 0.0).scatter
    assert spectrum[400:1500].min() > 0
    rayleigh, compton = float(spectrum[2001:2041].max()), float(spectrum[1830:1930].max())
    assert rayleigh > 2 * spectrum[2080]
    assert compton > 1.2 * spectrum[1750]
    assert spectrum[4010:].sum() < 1e-6


def test_the_window_and_the_crystal_are_not_transparent_alike() -> None:
    soft, middle, hard = (mean(TRUE, line(energy_kev=energy)).sum() for energy in (1.0, 8.0, 18.0))
    assert soft < 0.5 * middle
    assert hard < 0.7 * middle


def test_a_channel_never_holds_more_than_it_can() -> None:
    counts = Detector(replace(TRUE, max_count=100)).count(Detector(TRUE).illuminate(line(1e5), 0.0), 1.0, 0)
    assert int(counts.max()) == 100
