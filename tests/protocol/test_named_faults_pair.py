"""What the operator reads when stage and spectrometer, each of them sound, do not make an instrument."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.faults import BridgeError, ControllerFault, DoorOpen, LeaseExpired, ProtocolViolation
from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.paired_controller import PairedController
from firmware_bridge.pairing.track import Report, require_track
from firmware_bridge.scpi.spectrometer import ScpiSpectrometer
from firmware_bridge.spectrometer import Spectrum
from firmware_bridge.stage import StageStatus
from tests.instrument.conftest import await_that
from tests.protocol.scpi_rehearsal import Rehearsal
from tests.unit.bridge.test_paired_controller import Clock, Counter, Table

POSE = StagePose(10.0, 20.0)


class Endless(Counter):
    """A spectrometer that counts on and on."""

    def read(self, timeout_s: float) -> Spectrum | None:
        self._clock.now_s += timeout_s
        return None


class Broken(Counter):
    """A client with a mistake in it."""

    def read(self, timeout_s: float) -> Spectrum | None:
        raise ZeroDivisionError


class Watched(Table):
    """A stage that remembers when its beam was dropped first."""

    dropped_s: float | None = None

    def drop_beam(self) -> None:
        if self.dropped_s is None:
            self.dropped_s = self.clock.now_s
        super().drop_beam()


class Behind(Table):
    """A stage behind an open door."""

    def status(self) -> StageStatus:
        return StageStatus(self.pose, True, False, False, False, "")


def fault_of(table: Table, counter: Counter, clock: Clock) -> BridgeError:
    """What a scan of one dwell is told, and that the beam is off by then."""
    controller = PairedController(table, counter, clock=clock)
    try:
        controller.submit([Exposure(0, POSE, POSE, 0.2)])
        controller.open_shutter()
        with pytest.raises(BridgeError) as raised:
            controller.next_done(60.0)
        assert table.calls[-1] == "drop"
        return raised.value
    finally:
        controller.close()


def test_a_preset_that_is_never_reached_is_named() -> None:
    clock = Clock()
    fault = fault_of(Table(clock), Endless(clock), clock)
    words = r"the spectrometer did not reach its preset of 0.2 s in 3 s: check detector, shutter and tube"
    assert str(fault) == words


def test_a_mistake_in_the_program_is_a_fault_that_asks_for_a_report() -> None:
    clock = Clock()
    fault = fault_of(Table(clock), Broken(clock), clock)
    assert "the pairing of the devices failed (ZeroDivisionError()): report this with the log" in str(fault)


def test_a_pair_behind_an_open_door_says_to_close_it() -> None:
    clock = Clock()
    table = Behind(clock)
    controller = PairedController(table, Counter(clock), clock=clock)
    controller.submit([Exposure(0, POSE, POSE, 0.2)])
    with pytest.raises(DoorOpen, match="the door is open: close it, then open the shutter again"):
        controller.open_shutter()
    controller.close()
    assert table.gate_held == 0


def test_a_program_that_does_not_attend_reads_why_the_shutter_closed() -> None:
    clock = Clock()
    table = Watched(clock)
    controller = PairedController(table, Endless(clock), clock=clock)
    controller.submit([Exposure(0, POSE, POSE, 100.0)])
    opened_s = clock.now_s
    controller.open_shutter()
    await_that(lambda: table.dropped_s is not None, "the end of a beam that nobody attends to")
    assert table.dropped_s == pytest.approx(opened_s + ATTENTION_S, abs=0.5)
    with pytest.raises(LeaseExpired, match="because nobody attended to it: see what kept this computer busy"):
        controller.next_done(60.0)
    controller.close()


@pytest.mark.parametrize(
    ("ways_mm", "words"),
    [
        ([1.0], "the stage told its position 1 times in a row, too seldom to know where its cells are: lengthen"),
        ([1.0, 1.5, 2.0], "the stage flew at 0.5 mm/s instead of 1 mm/s: lower the speed, check its overrides"),
    ],
)
def test_a_flight_that_cannot_be_believed_is_named(ways_mm: list[float], words: str) -> None:
    reports = [Report(float(at_s), way_mm, 0.001) for at_s, way_mm in enumerate(ways_mm)]
    with pytest.raises(ControllerFault, match=words):
        require_track(reports, 0.005, 1.0)


def test_a_breach_names_the_address_and_the_page_of_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch)
    spectrometer: ScpiSpectrometer = rehearsal.connect()
    spectrometer.begin(0.1)
    rehearsal.to_host = lambda octets: octets.replace(b"#4", b"#3", 1)
    with pytest.raises(ProtocolViolation, match=r"check that the address is the spectrometer's, and that its server"):
        spectrometer.read(60.0)
    rehearsal.to_host = lambda octets: octets
    spectrometer.begin(0.1)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert np.isfinite(spectrum.live_s)
