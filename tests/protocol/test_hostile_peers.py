"""Whatever a peer says in a well-formed frame, neither end crashes, and nothing opens the shutter but OPEN."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.native import messages as m
from firmware_bridge.native.codec import MESSAGES
from firmware_bridge.native.framing import Deframer, Frame, encode_frame
from firmware_bridge.native.vocabulary import FROM_CONTROLLER, UNSEQUENCED, MessageType
from firmware_bridge.twins.settings import TwinSettings
from tests.protocol.rehearsal import Rehearsal

_LENGTHS = st.sampled_from([*{MESSAGES[kind].LAYOUT.size for kind in MESSAGES}, 16, 24, 60])
_PAYLOADS = _LENGTHS.flatmap(lambda size: st.binary(min_size=size, max_size=size))
_FROM_HOST = st.tuples(st.one_of(st.sampled_from(MessageType), st.integers(0, 0x7F)), _PAYLOADS)
_TO_HOST = st.tuples(st.one_of(st.sampled_from(MessageType), st.integers(0x80, 0xFF)), _PAYLOADS)


def ready() -> Rehearsal:
    rehearsal = Rehearsal(TwinSettings(channels=64, starts_homed=True))
    rehearsal.begin()
    return rehearsal


@settings(max_examples=25, deadline=None)
@given(st.lists(_FROM_HOST, max_size=30))
def test_a_controller_outlives_any_host(said: list[tuple[int, bytes]]) -> None:
    rehearsal = ready()
    sequence = rehearsal.host.channel.last_sequence
    may_be_open = False
    for kind, payload in said:
        if not kind & (UNSEQUENCED | FROM_CONTROLLER):
            sequence += 1
        may_be_open |= kind == MessageType.OPEN
        frame = Frame(kind, rehearsal.nonce, sequence, 0, 0xFFFF, payload)
        rehearsal.core.receive(encode_frame(frame), rehearsal.now_s)
        rehearsal.core.outgoing(rehearsal.now_s)
        assert may_be_open or not rehearsal.core.instrument.is_shutter_open
        rehearsal.now_s += 0.01
    rehearsal.core.advance(rehearsal.now_s + 0.5)
    assert not rehearsal.core.instrument.is_shutter_open


@settings(max_examples=25, deadline=None)
@given(st.lists(_TO_HOST, max_size=30))
def test_a_host_outlives_any_controller(said: list[tuple[int, bytes]]) -> None:
    rehearsal = ready()
    rehearsal.host.command(m.Open(rehearsal.host.next_request(), 450), rehearsal.now_s)
    rehearsal.host.outgoing(rehearsal.now_s)
    sequence = max(frame.sequence for frame in Deframer().feed(bytes(rehearsal.received)))
    for kind, payload in said:
        sequence += not kind & UNSEQUENCED
        frame = Frame(kind, rehearsal.nonce, sequence, 0, 0xFFFF, payload)
        rehearsal.host.receive(encode_frame(frame), rehearsal.now_s)
        rehearsal.host.outgoing(rehearsal.now_s)
        rehearsal.now_s += 0.01
    assert rehearsal.host.failure is None or not rehearsal.host.heartbeat.is_renewing
