"""Telling a DP5 in a pause that it is still used: to whom, and until when."""

from __future__ import annotations

import pytest

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import Dp5Deframer, Packet, encode_packet
from firmware_bridge.dp5.spectrometer import connect_dp5_over
from firmware_bridge.faults import ControllerFault, LinkLost
from tests.protocol.dp5_rehearsal import Rehearsal


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return Rehearsal(monkeypatch)


def told(rehearsal: Rehearsal) -> int:
    """How often the device was told that it is used."""
    return [packet.pid for packet in Dp5Deframer().feed(b"".join(rehearsal.sent))].count(v.KEEP_ALIVE)


def test_keeping_alive_is_acknowledged(rehearsal: Rehearsal) -> None:
    rehearsal.connect().keep_alive()
    assert told(rehearsal) == 1


def test_a_device_that_does_not_take_it_is_not_kept_alive_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.to_host = lambda _: encode_packet(Packet(v.Pid(v.ACKNOWLEDGEMENT, v.Ack.PID)))
    with pytest.raises(ControllerFault):
        spectrometer.keep_alive()
    spectrometer.keep_alive()
    assert told(rehearsal) == 1


def test_a_device_that_passes_over_this_alone_holds_the_pair_up_once(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()

    def pass_over(octets: bytes) -> bytes:
        return b"" if Dp5Deframer().feed(octets)[0].pid == v.KEEP_ALIVE else octets

    rehearsal.to_device = pass_over
    with pytest.raises(LinkLost):
        spectrometer.keep_alive()
    tried = told(rehearsal)
    spectrometer.keep_alive()
    assert told(rehearsal) == tried


def test_a_device_whose_line_was_silent_for_a_while_is_kept_alive_again(rehearsal: Rehearsal) -> None:
    spectrometer = rehearsal.connect()
    rehearsal.lose_replies(1_000)
    with pytest.raises(LinkLost):
        spectrometer.keep_alive()
    rehearsal.lose_replies(0)
    tried = told(rehearsal)
    for _ in range(2):
        spectrometer.keep_alive()
    assert told(rehearsal) == tried + 2


def test_nobody_else_takes_a_device_from_a_serial_line_so_it_is_left_alone(rehearsal: Rehearsal) -> None:
    spectrometer = connect_dp5_over(rehearsal, "the port", settings={}, baud=115_200)
    spectrometer.keep_alive()
    assert told(rehearsal) == 0
