"""What `diagnose` says of a native controller, of its twin, and of controllers that are less well."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.messages import Observation
from firmware_bridge.native.client import connect
from firmware_bridge.native.device_clock import ClockFit
from firmware_bridge.native.diagnosis import observe_clock, observe_link, observe_round_trip
from tests.protocol.constant_twin import running_twin


def fit(ppm: float, uncertainty_ppm: float = 20.0) -> ClockFit:
    return ClockFit(100.0, 5.0, 1 + 1e-6 * ppm, 1e-4, 1e-6 * uncertainty_ppm, 1.9)


def test_a_controller_is_diagnosed_with_its_shutter_closed(tmp_path: Path) -> None:
    with running_twin(tmp_path, starts_homed=True) as twin, connect(twin.port, 921_600) as controller:
        found = {each.what: each for each in controller.diagnose()}
        assert not controller.status().is_shutter_open
        assert twin.events("shutter_opened") == []
    assert list(found) == ["buffers", "lease", "round trip", "clock", "link"]
    assert found["buffers"].text.startswith("64 exposures ahead, 512 spectra kept")
    assert found["lease"].text == "the shutter closes 500 ms after the last word; renewed every 100 ms"
    assert found["round trip"].text.endswith(" of 20")
    assert "this computer's" in found["clock"].text
    # The makers' figures: 22 spectra a second dense over 921,600 baud, and 271 of 340 bytes.
    assert "271 spectra a second of 300 counts, 22 with every one of 2048 channels" in found["link"].text


def test_a_simulated_clock_is_named_as_such(tmp_path: Path) -> None:
    with running_twin(tmp_path, clock_factor=50.0) as twin, connect(twin.port, 2_000_000) as controller:
        (clock,) = (each for each in controller.diagnose() if each.what == "clock")
    assert not clock.is_good
    assert "times as fast as this computer's, as a simulated instrument's may" in clock.text


def test_a_round_trip_beyond_a_quarter_of_the_lease_is_not_good() -> None:
    assert observe_round_trip([0.100, 0.124, 0.9], 0.5).is_good
    slow = observe_round_trip([0.100, 0.126, 0.9], 0.5)
    assert not slow.is_good
    assert "above 125 ms, a quarter of the lease" in slow.text


@pytest.mark.parametrize(
    ("ppm", "uncertainty_ppm", "is_good"),
    [(150.0, 20.0, True), (-150.0, 20.0, True), (300.0, 20.0, False), (-300.0, 20.0, False), (300.0, 100.0, True)],
)
def test_a_clock_is_judged_by_what_is_known_of_it(ppm: float, uncertainty_ppm: float, is_good: bool) -> None:
    assert observe_clock(fit(ppm, uncertainty_ppm), 0.0).is_good is is_good


def test_a_clock_that_strays_is_not_good() -> None:
    found = observe_clock(fit(10.0), 0.3)
    assert not found.is_good
    assert "strayed from that by 300 ms" in found.text


def test_a_clock_without_a_rate_is_not_good() -> None:
    assert not observe_clock(None, 0.0).is_good


def test_an_address_has_no_baud_rate_to_bound_it() -> None:
    found = observe_link(None, 2048, 64, 0.02)
    assert found == Observation(
        "link",
        "no baud rate bounds it; the round trip and a queue of 64 let 3,200 exposures begin each second",
    )
