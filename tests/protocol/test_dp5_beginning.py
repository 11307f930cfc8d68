"""A DP5 that acknowledges the order to count before it counts, and one that ends at a number of counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import (
    Dp5Deframer,
    Dp5Status,
    Packet,
    decode_spectrum,
    decode_status,
    encode_packet,
    encode_spectrum,
    encode_status,
)
from firmware_bridge.dp5.spectrometer import connect_dp5_over
from firmware_bridge.faults import ControllerFault
from tests.protocol.dp5_rehearsal import Rehearsal, in_place_of

LATE_S = 0.04
COUNTS_REACHED = v.StatusFlag.COUNTS_REACHED


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def idle(status: Dp5Status) -> Dp5Status:
    """As of a device that was cleared and does not count."""
    return replace(status, flags=v.StatusFlag.NONE, real_ms=0, accumulation_ms=0)


def with_status(change: Callable[[Dp5Status], Dp5Status], octets: bytes) -> bytes:
    """A reply with what it says of the device's state changed, where it says something of it."""
    for packet in Dp5Deframer().feed(octets):
        if packet.pid == v.STATUS:
            return encode_packet(Packet(v.STATUS, encode_status(change(decode_status(packet.content)))))
        if packet.pid.first == v.SPECTRUM:
            counts, status = decode_spectrum(packet)
            assert status is not None
            return encode_packet(encode_spectrum(counts, change(status)))
    return octets


def begins_late(rehearsal: Rehearsal, late_s: float) -> None:
    """From now on replies say for a while after every order to count that nothing is counted."""
    counts_from_s = [math.inf]

    def to_device(octets: bytes) -> bytes:
        if any(packet.pid == v.ENABLE for packet in Dp5Deframer().feed(octets)):
            counts_from_s[0] = rehearsal.clock.now_s + late_s
        return octets

    def to_host(octets: bytes) -> bytes:
        return with_status(idle, octets) if rehearsal.clock.now_s < counts_from_s[0] else octets

    rehearsal.to_device, rehearsal.to_host = to_device, to_host


def test_a_device_that_begins_a_moment_after_it_said_so_is_waited_for(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    begins_late(rehearsal, LATE_S)
    spectrometer.begin(0.2)
    spectrum = spectrometer.read(60.0)
    assert spectrum is not None
    assert spectrum.real_s == 0.2


def test_a_device_that_begins_a_moment_late_can_be_read_at_once_in_motion(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    begins_late(rehearsal, LATE_S)
    spectrometer.begin(math.inf)
    spectrometer.snapshot()
    rehearsal.clock.sleep(0.1)
    assert spectrometer.snapshot().real_s == pytest.approx(0.1)


def test_to_begin_returns_when_the_device_counts(rehearsal: Rehearsal) -> None:
    """Whoever judges by that moment until when the gate has to be open would judge too early else."""
    spectrometer = rehearsal.connect()
    begins_late(rehearsal, LATE_S)
    told_s = rehearsal.clock.now_s
    spectrometer.begin(0.2)
    assert rehearsal.clock.now_s - told_s >= LATE_S


def test_an_idle_status_that_was_long_under_way_does_not_end_the_waiting(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    held_up = [1]

    def hold_up(octets: bytes) -> bytes:
        if held_up[0] and Dp5Deframer().feed(octets)[0].pid == v.STATUS:
            held_up[0] = 0
            rehearsal.arrive_later(with_status(idle, octets), 0.06)
            return b""
        return octets

    rehearsal.to_host = hold_up
    spectrometer.begin(0.2)
    spectrum = spectrometer.read(60.0)
    assert held_up == [0]
    assert spectrum is not None
    assert spectrum.real_s == 0.2


@pytest.mark.parametrize("preset_s", [0.2, math.inf])
def test_a_device_that_never_begins_is_noticed(rehearsal: Rehearsal, preset_s: float) -> None:
    spectrometer = rehearsal.connect()
    begins_late(rehearsal, math.inf)
    began_s = rehearsal.clock.now_s
    spectrometer.begin(preset_s)
    with pytest.raises(ControllerFault, match=r"(stopped|is not) counting.*: it has restarted, or another program"):
        spectrometer.snapshot() if preset_s == math.inf else spectrometer.read(60.0)
    assert rehearsal.clock.now_s - began_s < 0.1


@pytest.mark.parametrize("preset_s", [0.2, math.inf])
def test_a_device_that_ends_at_a_number_of_counts_says_which_setting_did_it(
    rehearsal: Rehearsal, preset_s: float
) -> None:
    spectrometer = rehearsal.connect()
    spectrometer.begin(preset_s)
    rehearsal.clock.sleep(0.1)
    rehearsal.to_host = lambda octets: with_status(lambda status: replace(status, flags=COUNTS_REACHED), octets)
    with pytest.raises(ControllerFault, match=r"stopped at a number of counts.*: another program has set its PREC"):
        spectrometer.snapshot() if preset_s == math.inf else spectrometer.read(60.0)


def test_a_restart_is_named_as_one_whatever_ended_the_exposure_of_another_program(rehearsal: Rehearsal) -> None:
    status = replace(rehearsal.core.counter.status(), flags=COUNTS_REACHED)
    rehearsal.to_host = in_place_of(v.STATUS, encode_packet(Packet(v.STATUS, encode_status(status))), times=1)
    spectrometer = rehearsal.connect()
    spectrometer.begin(0.2)
    rehearsal.clock.sleep(0.1)
    rehearsal.core.reboot(rehearsal.clock.now_s)
    with pytest.raises(ControllerFault, match="stopped counting before its preset was reached: it has restarted"):
        spectrometer.read(2.0)


def test_a_count_preset_that_the_device_brought_along_is_switched_off_before_it_counts(rehearsal: Rehearsal) -> None:
    rehearsal.core.configuration.values["PREC"] = "1000"
    spectrometer = connect_dp5_over(rehearsal, "the port", settings={})
    spectrometer.begin(0.2)
    assert rehearsal.core.configuration.values["PREC"] == "OFF"
