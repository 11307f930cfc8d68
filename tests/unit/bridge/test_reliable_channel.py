from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.native.framing import Deframer, Frame, decode_frame
from firmware_bridge.native.reliable_channel import ReliableChannel, sequences_between
from firmware_bridge.native.vocabulary import MessageType


def channel(ack: MessageType = MessageType.HOST_ACK, window: int = 16) -> ReliableChannel:
    return ReliableChannel(nonce=5, window=window, ack_type=ack)


def frame_of(octets: bytes | None) -> Frame:
    assert octets is not None
    return decode_frame(octets[:-1])


class Line:
    """Two channels and a line that loses, flips and repeats."""

    def __init__(self, seed: int, damage: float) -> None:
        self.chance = random.Random(seed)
        self.damage = damage
        self.ends = (channel(MessageType.HOST_ACK), channel(MessageType.CONTROLLER_ACK))
        self.deframers = (Deframer(), Deframer())
        self.received: tuple[list[bytes], list[bytes]] = ([], [])
        self.now_s = 0.0

    def carry(self, octets: bytes) -> bytes:
        if octets and self.chance.random() < self.damage:
            at = self.chance.randrange(len(octets))
            match self.chance.randrange(4):
                case 0:
                    return octets[:at] + octets[at + 1 :]
                case 1:
                    return octets[:at] + bytes([octets[at] ^ 0x10]) + octets[at + 1 :]
                case 2:
                    return octets + octets
                case _:
                    return octets[:at]
        return octets

    def turn(self, sending: int, pending: list[bytes]) -> None:
        end = self.ends[sending]
        out = b""
        while (repeated := end.repeat_one(self.now_s)) is not None:
            out += self.carry(repeated)
        while pending and end.has_window():
            out += self.carry(end.send(0x01, pending.pop(0), self.now_s))
        out += self.carry(end.acknowledge_if_due(self.now_s) or b"")
        for frame in self.deframers[sending].feed(out):
            ready = self.ends[1 - sending].receive(frame, self.now_s, lambda _: True)
            self.received[1 - sending].extend(each.payload for each in ready)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0, 0.5))
def test_everything_arrives_once_and_in_order_over_a_bad_line(seed: int, damage: float) -> None:
    line = Line(seed, damage)
    there = [b"to %d" % number for number in range(60)]
    back = [b"fro %d" % number for number in range(60)]
    pending = (list(there), list(back))
    while line.received != (back, there):
        line.turn(0, pending[0])
        line.turn(1, pending[1])
        line.now_s += 0.01
        assert line.now_s < 600, "the line never recovered"
    line.damage = 0.0
    for _ in range(300):
        line.turn(0, [])
        line.turn(1, [])
        line.now_s += 0.01
    assert line.received == (back, there)
    assert all(end.is_flushed for end in line.ends)


def test_sequences_wrap_without_loss() -> None:
    sender, receiver = channel(), channel(MessageType.CONTROLLER_ACK)
    # as after so many frames, all of them acknowledged
    sender._next_sequence = 65_000
    sender._peer_acknowledgement = receiver._received = 64_999
    for number in range(1_000):
        frame = frame_of(sender.send(0x01, b"%d" % number, 0.0))
        assert [each.payload for each in receiver.receive(frame, 0.0, lambda _: True)] == [b"%d" % number]
        sender.receive(frame_of(receiver.acknowledgement()), 0.0, lambda _: True)
    assert sender.is_flushed
    assert sender.last_sequence < 1_000


def test_a_frame_that_was_overtaken_is_repeated_at_once() -> None:
    sender, receiver = channel(), channel(MessageType.CONTROLLER_ACK)
    sender.send(0x01, b"lost", 0.0)
    receiver.receive(frame_of(sender.send(0x01, b"seen", 0.0)), 0.001, lambda _: True)
    sender.receive(frame_of(receiver.acknowledge_if_due(0.001)), 0.001, lambda _: True)
    assert frame_of(sender.repeat_one(0.001)).payload == b"lost"
    assert sender.repeat_one(0.001) is None


def test_a_frame_that_nobody_answers_is_repeated_ever_more_slowly() -> None:
    sender = channel()
    sender.send(0x01, b"", 0.0)
    times = [step / 100 for step in range(1_000) if sender.repeat_one(step / 100) is not None]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert times[0] == pytest.approx(0.25, abs=0.011)
    assert all(after >= before - 0.011 for before, after in itertools.pairwise(gaps))
    assert max(gaps) <= 1.011


def test_credit_counts_what_is_under_way() -> None:
    sender, receiver = channel(), channel(MessageType.CONTROLLER_ACK)
    receiver.credits = 10
    sender.receive(frame_of(receiver.acknowledgement()), 0.0, lambda _: True)
    assert sender.room() == 10
    frame = frame_of(sender.send(0x04, b"", 0.0, units=4))
    assert sender.room() == 6
    receiver.receive(frame, 0.0, lambda _: True)
    receiver.credits = 8
    sender.receive(frame_of(receiver.acknowledgement()), 0.0, lambda _: True)
    assert sender.room() == 8


def test_a_frame_that_is_not_admitted_is_taken_later_without_being_lost() -> None:
    sender, receiver = channel(), channel(MessageType.CONTROLLER_ACK)
    first, second = (frame_of(sender.send(0x04, payload, 0.0)) for payload in (b"first", b"second"))
    assert receiver.receive(first, 0.0, lambda _: False) == []
    assert receiver.receive(second, 0.0, lambda _: False) == []
    sender.receive(frame_of(receiver.acknowledgement()), 0.1, lambda _: True)
    assert not sender.is_flushed
    again = frame_of(sender.repeat_one(1.0))
    assert [frame.payload for frame in receiver.receive(again, 1.0, lambda _: True)] == [b"first", b"second"]


def test_an_acknowledgement_of_what_was_never_sent_is_ignored() -> None:
    sender = channel()
    sender.send(0x01, b"", 0.0)
    sender.receive(Frame(MessageType.PONG, 5, 0, 9, 3, b""), 0.0, lambda _: True)
    assert not sender.is_flushed
    assert sender.room() == 0


@pytest.mark.parametrize(("earlier", "later", "steps"), [(1, 2, 1), (65_535, 0, 1), (0, 65_535, -1), (3, 3, 0)])
def test_sequences_are_compared_around_the_wrap(earlier: int, later: int, steps: int) -> None:
    assert sequences_between(earlier, later) == steps
