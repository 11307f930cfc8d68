"""What the operator reads when something is wrong with a native controller, word for word where no other test asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_bridge.faults import (
    ControllerFault,
    DoorOpen,
    LeaseExpired,
    LinkLost,
    ProtocolViolation,
    StandoffExceeded,
)
from firmware_bridge.native.client import connect
from firmware_bridge.native.codec import encode
from firmware_bridge.native.faults import SENTENCES, fault_of
from firmware_bridge.native.framing import Deframer, Frame, encode_frame
from firmware_bridge.native.vocabulary import Code, MessageType
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.rehearsal import Rehearsal, dwell
from tests.protocol.test_wrong_devices import WELCOME, device

LEASE_S = 0.5
READY = TwinSettings(starts_homed=True, channels=64)


def open_and_counting(settings: TwinSettings = READY) -> Rehearsal:
    rehearsal = Rehearsal(settings)
    rehearsal.begin()
    assert rehearsal.open() == Code.OK
    rehearsal.host.submit([dwell(index, live_s=0.1) for index in range(200)])
    rehearsal.collect(2)
    return rehearsal


def test_an_open_door_closes_the_shutter_and_says_to_close_it() -> None:
    rehearsal = open_and_counting()
    rehearsal.core.instrument.set_door(is_closed=False, now_s=rehearsal.now_s)
    assert not rehearsal.core.instrument.is_shutter_open
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    fault = rehearsal.host.faults.popleft()
    assert isinstance(fault, DoorOpen)
    assert str(fault).endswith("the door is open: close it, then open the shutter again")
    assert not rehearsal.host.heartbeat.is_renewing


def test_an_expired_lease_says_what_to_look_for() -> None:
    rehearsal = open_and_counting()
    rehearsal.now_s += LEASE_S
    rehearsal.core.advance(rehearsal.now_s)
    assert not rehearsal.core.instrument.is_shutter_open
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    fault = rehearsal.host.faults.popleft()
    assert isinstance(fault, LeaseExpired)
    assert "its lease was not renewed in time: see what kept this computer busy, then open" in str(fault)


@pytest.mark.parametrize("silent", ["host", "controller"])
def test_a_line_that_falls_silent_in_either_direction_closes_the_shutter_within_half_a_second(silent: str) -> None:
    rehearsal = open_and_counting()
    instrument, host, core = rehearsal.core.instrument, rehearsal.host, rehearsal.core
    began_s, closed_s = rehearsal.now_s, None
    while host.failure is None:
        host.heartbeat.attend(rehearsal.now_s)
        sent, said = host.outgoing(rehearsal.now_s), core.outgoing(rehearsal.now_s, 4096)
        core.receive(b"" if silent == "controller" else sent, rehearsal.now_s)
        host.receive(b"" if silent == "host" else said, rehearsal.now_s)
        rehearsal.now_s += 0.001
        if closed_s is None and not instrument.is_shutter_open:
            closed_s = rehearsal.now_s
        assert rehearsal.now_s < began_s + 10.0, "the host never noticed"
    assert closed_s is not None
    assert closed_s - began_s <= LEASE_S + 0.002
    if silent == "host":
        assert isinstance(host.failure, LinkLost)
        assert "has not answered for 2 s: check its power and cable, then connect again" in str(host.failure)


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.OK}), ids=lambda code: code.name)
def test_every_code_of_the_controller_is_a_sentence_with_a_remedy(code: Code) -> None:
    said = str(fault_of(code, "opening the shutter"))
    assert said == f"opening the shutter: {SENTENCES[code]}"
    problem, _, remedy = SENTENCES[code].partition(": ")
    assert len(problem) > 10
    assert len(remedy) > 10
    assert not said.endswith(".")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (Code.NOT_HOMED, "the stage's position is unknown: home it first"),
        (Code.DETECTOR, "the detector failed: check its power, cooling and cable, then home the stage"),
        (Code.LIMIT_SWITCH, "a limit switch was hit: free the stage by hand, then home it"),
        (Code.SHUTTER_STUCK, "the shutter doesn't follow: switch the tube off by its own control and have it repaired"),
    ],
)
def test_what_only_somebody_at_the_instrument_can_mend_is_a_fault_of_the_controller(code: Code, sentence: str) -> None:
    rehearsal = open_and_counting()
    rehearsal.core.instrument.trip(code, rehearsal.now_s)
    assert not rehearsal.core.instrument.is_shutter_open
    rehearsal.until(lambda: bool(rehearsal.host.faults))
    fault = rehearsal.host.faults.popleft()
    assert type(fault) is ControllerFault
    assert str(fault).endswith(sentence)
    assert not rehearsal.host.heartbeat.is_renewing


def test_a_code_of_a_newer_firmware_is_told_with_where_to_look_it_up() -> None:
    fault = fault_of(99, "exposure 7", "lamp\x00 7\n")
    assert type(fault) is ControllerFault
    assert str(fault) == "exposure 7: the controller reports fault 99: look it up in the firmware's manual (lamp 7)"


def test_the_classes_that_a_scan_overcomes_are_those_of_their_codes() -> None:
    classes = {code: type(fault_of(code, "x")) for code in (Code.DOOR_OPEN, Code.LEASE_EXPIRED, Code.STANDOFF)}
    assert classes == {
        Code.DOOR_OPEN: DoorOpen,
        Code.LEASE_EXPIRED: LeaseExpired,
        Code.STANDOFF: StandoffExceeded,
    }


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"queue_length": 0}, "a controller without queue or store can't measure"),
        ({"window": 0}, "a window of 0 frames is outside 1 to"),
        ({"max_frame": 9}, "a longest frame of 9 bytes is outside 64 to"),
    ],
)
def test_a_firmware_that_lies_about_its_buffers_is_named(lie: dict[str, int], words: str) -> None:
    payload = encode(replace(WELCOME, **lie))

    def answer(octets: bytes) -> bytes:
        frames = Deframer().feed(octets)
        return b"".join(encode_frame(Frame(MessageType.WELCOME, frame.nonce, 0, 0, 0, payload)) for frame in frames)

    with device(answer) as port, pytest.raises(ProtocolViolation, match=f"breaks the protocol: .*{words}.*: update it"):
        connect(port, 115_200)
