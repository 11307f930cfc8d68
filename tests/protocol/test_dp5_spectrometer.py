"""The client against its twin in one process: presets, rates, snapshots, slots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer, decode_status
from firmware_bridge.dp5.readings import PresetClock, live_time_s
from tests.protocol.constant_twin import ConstantSource
from tests.protocol.dp5_rehearsal import Rehearsal


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def requests(rehearsal: Rehearsal) -> list[v.Pid]:
    return [packet.pid for packet in Dp5Deframer().feed(b"".join(rehearsal.sent))]


def test_the_device_says_what_it_is(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    capabilities = spectrometer.capabilities
    assert (capabilities.model, capabilities.serial_number, capabilities.firmware) == ("Amptek DP5", "12345", "6.09.02")
    assert (capabilities.channels, capabilities.slots, capabilities.preset_step_s) == (256, 512, 0.001)


@pytest.mark.parametrize(("channels", "slots"), [(256, 512), (1024, 128), (2048, 64), (8192, 16)])
def test_slots_share_one_memory(monkeypatch: pytest.MonkeyPatch, channels: int, slots: int) -> None:
    rehearsal = Rehearsal(monkeypatch)
    assert rehearsal.connect({"MCAC": str(channels)}).capabilities.slots == slots


def test_a_real_time_preset_ends_at_its_millisecond(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.0501)
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.is_preset_reached
    assert spectrum.real_s == 0.051
    assert 0.0 < spectrum.live_s <= 0.051


def test_a_spectrum_says_by_this_computers_clock_when_its_preset_had_been_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rehearsal = Rehearsal(monkeypatch, clock_factor=10.0)
    spectrometer = rehearsal.connect()
    spectrometer.begin(1.0)
    began_s = rehearsal.clock.now_s
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.real_s == 1.0
    assert began_s < spectrum.taken_before_s < began_s + 0.2


def test_an_accumulation_preset_ends_at_its_tenth_of_a_second(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect(clock=PresetClock.ACCUMULATION)
    spectrometer.begin(0.11)
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.is_preset_reached
    assert spectrometer.status().accumulation_ms == 200
    assert spectrum.real_s == pytest.approx(0.2 / (1 - 0.004), abs=0.001)
    assert spectrometer.capabilities.preset_step_s == 0.1


def test_a_preset_that_is_not_reached_in_time_is_none_and_counting_goes_on(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.5)
    assert spectrometer.read(0.1) is None
    spectrum = spectrometer.read(1.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.5


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


def test_the_same_preset_again_is_not_configured_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.1)
    before = len(rehearsal.sent)
    assert spectrometer.read(1.0) is not None
    spectrometer.begin(0.1)
    assert v.CONFIGURE not in requests(rehearsal)[before:]


@pytest.mark.parametrize("preset_s", [0.0, -1.0, math.nan, 1e10])
def test_a_preset_that_the_clock_cannot_count_is_refused(rehearsal: Rehearsal, preset_s: float) -> None:
    with pytest.raises(ValueError, match="give a positive time"):
        rehearsal.connect().begin(preset_s)


def test_flash_is_never_written(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect({"MCAC": "256", "TPEA": "2.4", "GAIN": "20"})
    spectrometer.begin(0.1)
    spectrometer.read(1.0)
    spectrometer.begin(math.inf)
    spectrometer.close()
    assert v.CONFIGURE in requests(rehearsal)
    assert v.CONFIGURE_AND_KEEP not in requests(rehearsal)


def test_a_configuration_begins_with_the_reset_of_everything(rehearsal: Rehearsal) -> None:
    rehearsal.connect({"mcac": "256", "tpea": "2.4"})
    contents = [packet.content for packet in Dp5Deframer().feed(b"".join(rehearsal.sent)) if packet.pid == v.CONFIGURE]
    assert contents == [b"RESC=Y;MCAC=256;TPEA=2.4;"]


def test_without_settings_the_device_is_left_as_it_is(rehearsal: Rehearsal) -> None:
    assert rehearsal.connect({}).capabilities.channels == 256
    assert v.CONFIGURE not in requests(rehearsal)


@pytest.mark.parametrize("rate_hz", [2_000.0, 50_000.0, 150_000.0])
def test_rates_and_times_agree_with_the_dead_time(monkeypatch: pytest.MonkeyPatch, rate_hz: float) -> None:
    """Live over accumulation is 1 / (1 + rate x dead time), within chance and pile-up (rate x 0.4 us, half lost)."""
    rehearsal = Rehearsal(monkeypatch, source=ConstantSource(rate_hz))
    spectrometer = rehearsal.connect()
    spectrometer.begin(20.0)
    spectrum = spectrometer.read(30.0)
    assert spectrum is not None
    accumulation_s = spectrometer.status().accumulation_ms / 1000
    assert accumulation_s == pytest.approx(20.0 * (1 - 0.004), abs=0.0011)
    true_hz = spectrum.input_rate_hz
    chance = 5 / math.sqrt(true_hz * 20)
    assert spectrum.live_s / accumulation_s == pytest.approx(1 / (1 + true_hz * 2.5e-6), rel=true_hz * 4e-7 + chance)
    assert spectrum.output_rate_hz == pytest.approx(spectrum.counts.sum() / 20.0)
    assert spectrum.counts.sum() / spectrum.live_s == pytest.approx(true_hz, rel=1e-4)


@pytest.mark.parametrize(("fast", "slow"), [(0, 0), (1, 0), (3, 1), (5, 9), (1_000_000, 800_000)])
def test_live_time_is_never_lost_by_chance_nor_longer_than_the_accumulation(fast: int, slow: int) -> None:
    blank = decode_status(bytes(64))
    live_s = live_time_s(replace(blank, accumulation_ms=1_000, fast_count=fast, slow_count=slow))
    assert 0 < live_s <= 1.0
    assert live_s == pytest.approx(min(1.0, (slow + 1) / (fast + 1)))


def test_live_corrected_intensity_does_not_depend_on_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for rate_hz in (5_000.0, 100_000.0):
        spectrometer = Rehearsal(monkeypatch, source=ConstantSource(rate_hz)).connect()
        spectrometer.begin(50.0)
        spectrum = spectrometer.read(60.0)
        assert spectrum is not None
        seen.append(spectrum.counts.sum() / spectrum.live_s / rate_hz)
    assert seen[0] == pytest.approx(seen[1], rel=5 / math.sqrt(5_000 * 50))


def test_snapshots_share_out_every_count(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectra = []
    for _ in range(20):
        rehearsal.clock.sleep(0.1)
        spectra.append(spectrometer.snapshot())
    assert sum(spectrum.real_s for spectrum in spectra) == pytest.approx(2.0, abs=0.021)
    assert all(spectrum.counts.sum() > 0 for spectrum in spectra)
    assert not any(spectrum.is_preset_reached for spectrum in spectra)
    assert requests(rehearsal).count(v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR) == 20


def test_reading_out_costs_accumulation_and_not_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, electronics={"readout_s_per_channel": 2e-5, "reset_share": 0.0})
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.snapshot()
    rehearsal.clock.sleep(0.1)
    spectrometer.snapshot()
    rehearsal.clock.sleep(0.1)
    spectrometer.snapshot()
    status = spectrometer._last_status
    assert status.real_ms == 100
    assert status.accumulation_ms == pytest.approx(100 - 256 * 2e-5 * 1000, abs=1)


def test_a_snapshot_out_of_a_preset_exposure_goes_on_without_one(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.05)
    rehearsal.clock.sleep(0.02)
    assert spectrometer.snapshot().real_s == 0.02
    rehearsal.clock.sleep(10.0)
    assert spectrometer.snapshot().real_s == 10.0


def test_a_closed_shutter_gives_no_counts(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.move(10.0, is_on=False)
    spectrometer.begin(1.0)
    spectrum = spectrometer.read(2.0)
    assert spectrum is not None
    assert spectrum.counts.sum() == 0
    assert (spectrum.input_rate_hz, spectrum.output_rate_hz) == (0.0, 0.0)
    assert spectrum.live_s == pytest.approx(1 - 0.004, abs=0.001)


def test_a_shutter_that_opens_on_the_way_gives_its_share(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.move(10.0, is_on=False)
    spectrometer.begin(10.0)
    rehearsal.clock.sleep(7.5)
    rehearsal.move(10.0, is_on=True)
    half = spectrometer.read(60.0)
    assert half is not None
    spectrometer.begin(10.0)
    whole = spectrometer.read(60.0)
    assert whole is not None
    assert half.counts.sum() / whole.counts.sum() == pytest.approx(0.25, rel=0.05)


def test_stopping_keeps_what_was_counted(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(1.0)
    spectrometer.stop()
    rehearsal.clock.sleep(1.0)
    assert spectrometer.status().real_ms == 1000
    assert v.StatusFlag.ENABLED not in spectrometer.status().flags


def test_closing_stops_counting_and_may_be_done_twice(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.close()
    spectrometer.close()
    assert rehearsal.is_closed
    assert not rehearsal.core.counter.is_enabled


def test_a_triggered_row_lies_in_its_slots(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    spectrometer.begin_slots()
    for pixel in range(10):
        rehearsal.clock.sleep(0.05 * (1 + pixel % 2))
        rehearsal.move(10.0 + pixel, is_trigger=True)
    assert spectrometer.slots_filled() == 10
    spectrometer.cancel_slots()
    spectra = [spectrometer.read_slot(slot) for slot in range(10)]
    assert [spectrum.real_s for spectrum in spectra] == pytest.approx(
        [0.05 * (1 + i % 2) for i in range(10)], abs=0.001
    )
    again = spectrometer.read_slot(3)
    np.testing.assert_array_equal(again.counts, spectra[3].counts)


def test_slots_stop_when_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, channels=8192)
    spectrometer = rehearsal.connect({"MCAC": "8192"})
    spectrometer.begin_slots()
    for _ in range(20):
        rehearsal.clock.sleep(0.01)
        rehearsal.move(10.0, is_trigger=True)
    assert spectrometer.slots_filled() == 16
    assert not spectrometer.status().is_buffering
    assert spectrometer.read_slot(15).real_s == pytest.approx(0.01, abs=0.001)


def test_there_are_no_slots_beyond_the_last(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    with pytest.raises(ValueError, match="slots 0 to 511"):
        spectrometer.read_slot(512)


@pytest.mark.parametrize("factor", [1.0, 20.0])
def test_the_client_waits_at_the_device_s_own_pace(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    rehearsal = Rehearsal(monkeypatch, clock_factor=factor)
    spectrometer = rehearsal.connect()
    spectrometer.begin(2.0)
    began_s = rehearsal.clock.now_s
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 2.0
    assert rehearsal.clock.now_s - began_s < 2.0 / factor + 0.03
