"""What `diagnose` says of a DP5, cold and warm, quick and slow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer
from firmware_bridge.dp5.diagnosis import observe_rate, observe_round_trip, observe_temperature, observe_voltage
from firmware_bridge.dp5.spectrometer import connect_dp5
from firmware_bridge.messages import Observation
from tests.protocol.dp5_rehearsal import Rehearsal
from tests.protocol.dp5_twin import running_dp5


def diagnosed(monkeypatch: pytest.MonkeyPatch, **electronics: Any) -> dict[str, Observation]:
    spectrometer = Rehearsal(monkeypatch, electronics=electronics).connect()
    return {each.what: each for each in spectrometer.diagnose()}


def test_a_cold_detector_is_found_to_be_well(monkeypatch: pytest.MonkeyPatch) -> None:
    found = diagnosed(monkeypatch)
    assert found["identity"].text == "Amptek DP5, serial number 12345, firmware 6.09.02, 256 channels"
    assert found["high voltage"].text == "-135 V"
    assert found["temperature"].text == "220.0 K"
    assert found["status"].text.endswith("of 10 statuses")
    assert found["slots"].text.startswith("512 ")
    assert all(each.is_good for each in found.values())


@pytest.mark.parametrize(("kelvin", "remedy"), [(265.0, "wait some minutes"), (0.0, "check the detector's cable")])
def test_a_detector_that_is_not_cold_gets_its_remedy(
    monkeypatch: pytest.MonkeyPatch, kelvin: float, remedy: str
) -> None:
    temperature = diagnosed(monkeypatch, detector_k=kelvin)["temperature"]
    assert not temperature.is_good
    assert remedy in temperature.text


def test_a_detector_without_high_voltage_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    voltage = diagnosed(monkeypatch, high_voltage_v=0.0)["high voltage"]
    assert not voltage.is_good
    assert "HVSE" in voltage.text


def test_diagnosing_leaves_the_device_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch)
    spectrometer = rehearsal.connect()
    spectrometer.begin(math.inf)
    rehearsal.clock.now_s += 2.0
    before = spectrometer.status()
    rehearsal.sent.clear()
    spectrometer.diagnose()
    asked = {packet.pid for packet in Dp5Deframer().feed(b"".join(rehearsal.sent))}
    assert asked == {v.ASK_STATUS, v.ASK_SPECTRUM_WITH_STATUS}
    after = spectrometer.status()
    assert v.StatusFlag.ENABLED in after.flags
    assert after.slow_count >= before.slow_count > 0


def test_a_spectrum_over_rs232_takes_what_its_baud_rate_needs() -> None:
    # The makers' guide: 538 ms for 2,048 channels.
    found = observe_rate(2048, 115_200, 0.545)
    assert found.is_good
    assert "1.8 a second: 2048 channels take 545 ms, of which 6216 bytes at 115200 baud need 540" in found.text


def test_a_spectrum_that_takes_far_longer_than_its_line_is_not_good() -> None:
    assert not observe_rate(2048, 115_200, 1.1).is_good
    assert not observe_rate(2048, None, 0.6).is_good
    assert observe_rate(2048, None, 0.07).is_good


def test_a_slow_status_is_not_good() -> None:
    assert observe_round_trip([0.07] * 9 + [0.4]).is_good
    assert not observe_round_trip([0.2] * 10).is_good


@pytest.mark.parametrize("volts", [-135.0, 500.0])
def test_either_sign_of_high_voltage_will_do(volts: float) -> None:
    assert observe_voltage(volts).is_good


def test_the_limit_of_a_cold_detector_is_250_kelvin() -> None:
    assert observe_temperature(249.9).is_good
    assert not observe_temperature(250.1).is_good


def test_both_ways_to_a_device_are_told_apart(tmp_path: Path) -> None:
    with running_dp5(tmp_path, baud=115_200) as twin:
        spectra = []
        for address in (twin.port, twin.udp):
            spectrometer = connect_dp5(address, settings={})
            spectra += [each.text for each in spectrometer.diagnose() if each.what == "spectra"]
            spectrometer.close()
    assert "at 115200 baud need 540" in spectra[0]
    assert "over the network" in spectra[1]
