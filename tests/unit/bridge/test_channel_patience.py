"""A channel learns how slow its line is, and doesn't fill it with repeats while it learns."""

from __future__ import annotations

from firmware_bridge.native.framing import Deframer, Frame
from firmware_bridge.native.reliable_channel import ReliableChannel
from firmware_bridge.native.vocabulary import MessageType

NONCE = 1
SHORT, LONG = bytes(4), bytes(2048)
LINE_BYTES_PER_S = 11_520


def channel() -> ReliableChannel:
    made = ReliableChannel(nonce=NONCE, window=32, ack_type=MessageType.CONTROLLER_ACK)
    made.receive(Frame(MessageType.HOST_ACK, NONCE, 0, 0, 1024, bytes(4)), 0.0, lambda _: True)
    return made


def acknowledged(sequence: int) -> Frame:
    return Frame(MessageType.HOST_ACK, NONCE, 0, sequence, 1024, bytes(4))


def accustomed(made: ReliableChannel, now_s: float) -> float:
    """Exchange short frames with a quick answer, so that the time-out is as short as it gets; returns the time."""
    for _ in range(30):
        made.send(MessageType.REPLY, SHORT, now_s)
        now_s += 0.005
        made.receive(acknowledged(made.last_sequence), now_s, lambda _: True)
    return now_s


def test_a_long_frame_after_short_ones_is_given_the_time_that_it_takes_on_a_slow_line() -> None:
    made = channel()
    now_s = accustomed(made, 0.0)
    made.send(MessageType.SPECTRA, LONG, now_s)
    assert made.repeat_one(now_s + len(LONG) / LINE_BYTES_PER_S + 0.035) is None
    assert made.deadline_s() > now_s + len(LONG) / LINE_BYTES_PER_S
    assert made.repeat_one(now_s + len(LONG) / LINE_BYTES_PER_S + 0.3) is not None


def test_a_short_frame_is_still_repeated_soon() -> None:
    made = channel()
    now_s = accustomed(made, 0.0)
    made.send(MessageType.REPLY, SHORT, now_s)
    assert made.repeat_one(now_s + 0.06) is not None


def test_patience_that_repeats_have_taught_is_kept_until_a_frame_sent_once_is_acknowledged() -> None:
    made = channel()
    now_s = accustomed(made, 0.0)
    late_s = 0.3
    for _ in range(5):
        made.send(MessageType.REPLY, SHORT, now_s)
        step_s = now_s
        while step_s < now_s + late_s:
            made.repeat_one(step_s)
            step_s += 0.005
        now_s += late_s
        made.receive(acknowledged(made.last_sequence), now_s, lambda _: True)
    # 40, 80 and 160 ms pass before the first answer; with 320 ms of patience the second is waited for.
    assert made.statistics.repeated <= 4
    assert made.statistics.round_trip_s > 0.05


def test_repeats_carry_the_same_bytes_but_for_acknowledgement_and_credits() -> None:
    made = channel()
    first = Deframer().feed(made.send(MessageType.SPECTRA, LONG, 0.0))[0]
    repeated = made.repeat_one(10.0)
    assert repeated is not None
    assert Deframer().feed(repeated)[0] == first
