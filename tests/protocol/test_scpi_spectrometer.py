"""The client of SCPI spectrometers against its twin in one process: presets, rates, snapshots, settings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from firmware_bridge.faults import LinkLost, SettingRefused
from firmware_bridge.scpi.vocabulary import Clock
from tests.protocol.constant_twin import ConstantSource
from tests.protocol.scpi_rehearsal import Rehearsal


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def test_the_device_says_what_it_is(rehearsal: Rehearsal) -> None:
    capabilities = rehearsal.connect().capabilities
    assert (capabilities.model, capabilities.serial_number) == ("Pointillist SCPI twin", "12345")
    assert (capabilities.firmware, capabilities.channels) == ("1.0", 256)
    assert (capabilities.preset_step_s, capabilities.slots) == (0.001, 0)


@pytest.mark.parametrize("preset_s", [0.001, 0.05, 0.1234, 7.5])
def test_a_live_time_preset_is_reached_exactly(rehearsal: Rehearsal, preset_s: float) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(preset_s)
    spectrum = spectrometer.read(30.0)
    assert spectrum is not None
    assert spectrum.is_preset_reached
    assert spectrum.live_s == pytest.approx(math.ceil(preset_s * 1000 - 1e-6) / 1000, abs=1e-9)
    assert spectrum.real_s > spectrum.live_s


def test_a_device_without_a_live_preset_ends_on_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrometer = Rehearsal(monkeypatch, electronics={"clock": Clock.REAL}).connect()
    spectrometer.begin(0.5)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.5
    assert 0 < spectrum.live_s < 0.5


def test_a_preset_is_rounded_up_to_the_step_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrometer = Rehearsal(monkeypatch, electronics={"preset_step_s": 0.1}).connect()
    spectrometer.begin(0.11)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.live_s == pytest.approx(0.2)


def test_a_preset_that_is_not_reached_in_time_is_none_and_counting_goes_on(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.5)
    assert spectrometer.read(0.1) is None
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.live_s == 0.5


def test_a_dwell_ends_soon_after_its_preset_and_is_asked_for_seldom(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.5)
    began_s, before = rehearsal.clock.now_s, len(rehearsal.lines)
    assert spectrometer.read(60.0) is not None
    assert rehearsal.clock.now_s - began_s < 0.515
    assert len(rehearsal.lines) - before < 8


def test_a_fast_clock_is_not_waited_out_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, clock_factor=20.0)
    spectrometer = rehearsal.connect()
    spectrometer.begin(10.0)
    began_s = rehearsal.clock.now_s
    assert spectrometer.read(60.0) is not None
    assert rehearsal.clock.now_s - began_s < 0.6


def test_reading_again_gives_the_same_spectrum(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.2)
    first, second = spectrometer.read(1.0), spectrometer.read(1.0)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.counts, second.counts)
    assert not first.counts.flags.writeable


def test_beginning_again_forgets_what_was_counted(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(10.0)
    assert spectrometer.read(60.0) is not None
    spectrometer.begin(0.1)
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.counts.sum() < 3_000 * 0.2


def test_an_exposure_can_be_given_up_for_another(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(100.0)
    assert spectrometer.read(0.1) is None
    spectrometer.stop()
    spectrometer.begin(0.1)
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.live_s == 0.1


def test_the_same_preset_again_is_not_set_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    for _ in range(3):
        spectrometer.begin(0.1)
        assert spectrometer.read(1.0) is not None
    assert rehearsal.lines.count("SENS:PRES:TIME 0.1") == 1
    assert rehearsal.lines.count("INIT") == 3


@pytest.mark.parametrize("preset_s", [0.0, -1.0, math.nan])
def test_a_preset_that_is_no_time_is_refused(rehearsal: Rehearsal, preset_s: float) -> None:
    with pytest.raises(ValueError, match="give a positive time"):
        rehearsal.connect().begin(preset_s)


def test_a_preset_that_is_too_long_for_the_device_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(
        SettingRefused, match=r"refuses SENS:PRES:TIME 100000 \(-222, Data out of range\): give a value"
    ):
        rehearsal.connect().begin(100_000.0)


@pytest.mark.parametrize("rate_hz", [2_000.0, 50_000.0, 150_000.0])
def test_counts_live_time_and_rates_agree_with_the_dead_time(monkeypatch: pytest.MonkeyPatch, rate_hz: float) -> None:
    """Live over real time is 1 / (1 + rate x dead time), within chance and pile-up (rate x 0.4 us, half lost)."""
    spectrometer = Rehearsal(monkeypatch, source=ConstantSource(rate_hz)).connect()
    spectrometer.begin(20.0)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    true_hz = spectrum.input_rate_hz
    tolerance = rate_hz * 4e-7 + 5 / math.sqrt(true_hz * 20)
    assert spectrum.live_s / spectrum.real_s == pytest.approx(1 / (1 + true_hz * 2.5e-6), rel=tolerance)
    assert spectrum.output_rate_hz == pytest.approx(spectrum.counts.sum() / spectrum.real_s)
    assert spectrum.counts.sum() / spectrum.live_s == pytest.approx(true_hz, rel=tolerance)


def test_without_beam_nothing_is_counted_and_live_is_real(rehearsal: Rehearsal) -> None:
    rehearsal.beam(is_on=False)
    spectrometer = rehearsal.connect()
    spectrometer.begin(1.0)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert (spectrum.counts.sum(), spectrum.real_s, spectrum.live_s) == (0, 1.0, 1.0)


def test_a_chain_of_snapshots_loses_neither_time_nor_counts(rehearsal: Rehearsal) -> None:
    """The device's own tally of events, taken before every clearing, is the witness."""
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    began_s, seen = rehearsal.clock.now_s, []
    take = rehearsal.device.counter.take

    def watched(clock_s: float):  # type: ignore[no-untyped-def]
        taken = take(clock_s)
        seen.append(taken[0].output_count)
        return taken

    rehearsal.device.counter.take = watched  # type: ignore[method-assign]
    spectra = []
    for pause_s in (0.01, 0.3, 0.0, 1.0, 0.05):
        rehearsal.clock.sleep(pause_s)
        spectra.append(spectrometer.snapshot())
    assert sum(spectrum.real_s for spectrum in spectra) == pytest.approx(rehearsal.clock.now_s - began_s, abs=1e-5)
    assert [int(spectrum.counts.sum()) for spectrum in spectra] == seen
    assert sum(seen) > 1_000


def test_a_snapshot_of_a_dwell_begins_counting_without_a_preset(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(10.0)
    rehearsal.clock.sleep(0.2)
    assert spectrometer.snapshot().real_s == pytest.approx(0.2)
    rehearsal.clock.sleep(20.0)
    assert spectrometer.snapshot().real_s == pytest.approx(20.0)


def test_settings_are_sent_in_their_order_and_read_back(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect({"sens:pres:cloc": "real", "SENSe:CHANnels": "1024"})
    assert spectrometer.capabilities.channels == 1024
    sent = [line for line in rehearsal.lines if line.lower().startswith("sens")]
    assert sent[1:5] == ["sens:pres:cloc real", "sens:pres:cloc?", "SENSe:CHANnels 1024", "SENSe:CHANnels?"]


def test_without_settings_the_device_is_left_as_it_is(rehearsal: Rehearsal) -> None:
    rehearsal.connect({})
    assert [line for line in rehearsal.lines if not line.endswith("?")] == ["*CLS", "ABOR"]


@pytest.mark.parametrize(
    ("command", "value", "sentence"),
    [
        ("SENS:CHAN", "1000", r"refuses SENS:CHAN 1000 \(-222, Data out of range\): give a value that it can take"),
        ("SENS:CHAN", "many", r"refuses SENS:CHAN many \(-224, Illegal parameter value\)"),
        ("SENS:GAIN", "2", r"refuses SENS:GAIN 2 \(-113, Undefined header\)"),
        ("SENS:PRES:CLOC", "LOUD", r"refuses SENS:PRES:CLOC LOUD \(-224"),
        ("SENS:CHAN?", "256", "give a command without its value and question mark"),
        ("SENS:CHAN", "256;INIT", "a value without semicolon"),
        ("SENS:CHAN", "256\nINIT", "a value without semicolon"),
        ("SENS:CHAN 256\nINIT", "1", "give a command without its value"),
        ("Sense:Preset:Time", "1", r"cannot be given \(exposures set it\): leave it out"),
    ],
)
def test_a_setting_that_is_not_taken_is_refused(rehearsal: Rehearsal, command: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingRefused, match=sentence):
        rehearsal.connect({command: value})
    assert rehearsal.connections[-1].is_closed


def test_a_setting_that_reads_back_as_another_is_refused(rehearsal: Rehearsal) -> None:
    rehearsal.to_host = lambda octets: octets.replace(b"1024\n", b"2048\n")
    with pytest.raises(SettingRefused, match="did not take SENS:CHAN as asked: it was to be 1024 and is 2048"):
        rehearsal.connect({"SENS:CHAN": "1024"})


def test_closing_stops_the_counting(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.close()
    spectrometer.close()
    assert not rehearsal.device.counter.is_counting
    assert rehearsal.connections[-1].is_closed
    with pytest.raises(LinkLost):
        spectrometer.begin(1.0)


def test_the_diagnosis_says_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrometer = Rehearsal(monkeypatch, electronics={"answer_wall_s": 0.005}).connect()
    found = {each.what: each for each in spectrometer.diagnose()}
    assert all(each.is_good for each in found.values())
    assert {what: each.text for what, each in found.items()} == {
        "identity": "Pointillist SCPI twin, serial number 12345, firmware 1.0, 256 channels",
        "preset": "live time, in steps of 1 ms",
        "high voltage": "-135 V",
        "temperature": "220.0 K",
        "round trip": "median 5.00 ms, largest 5.00 ms of 20",
        "spectra": "200 a second: 256 channels take 5 ms",
    }


def test_the_diagnosis_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    electronics = {"answer_wall_s": 0.4, "high_voltage_v": 0.0, "detector_k": 298.0}
    spectrometer = Rehearsal(monkeypatch, electronics=electronics).connect()
    found = {each.what: each.text for each in spectrometer.diagnose() if not each.is_good}
    assert found.keys() == {"high voltage", "temperature", "round trip", "spectra"}
    assert found["high voltage"].endswith("switch its high voltage on")
    assert found["temperature"].endswith("switch its cooler on")
    assert "TCP_NODELAY" in found["round trip"]
    assert found["spectra"].endswith("or choose fewer channels")


def test_a_diagnosis_leaves_the_device_as_it_is(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(1.0)
    spectrometer.diagnose()
    rehearsal.clock.sleep(1.0)
    assert spectrometer.snapshot().real_s == pytest.approx(2.0)


def test_the_live_time_is_told_as_clocked(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.1)
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.has_live_clock
