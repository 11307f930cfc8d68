"""Scripted faults and a paced line, on a clock that the test turns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.paced_wire import PacedWire
from firmware_bridge.twins.wire import HangUp, Reset

OCTETS = bytes(range(1, 101))
pieces = st.lists(st.integers(1, 30), min_size=1, max_size=12)


def script(**entry: object) -> FaultScript:
    return FaultScript([fault_of(entry)])


def sent_in_pieces(wire: FaultScript, sizes: list[int]) -> bytes:
    """What arrives of `OCTETS`, sent in pieces of these sizes over and over."""
    out, rest, turn = b"", OCTETS, 0
    while rest:
        size = sizes[turn % len(sizes)]
        out += wire.to_host(rest[:size], 0.0)
        rest, turn = rest[size:], turn + 1
    return out


@given(pieces)
def test_a_fault_strikes_the_same_bytes_however_they_are_cut(sizes: list[int]) -> None:
    lost = script(kind="drop", at_byte=10, count=5)
    assert sent_in_pieces(lost, sizes) == OCTETS[:10] + OCTETS[15:]
    twice = script(kind="duplicate", at_byte=10, count=5)
    assert sent_in_pieces(twice, sizes) == OCTETS[:15] + OCTETS[10:]
    flipped = script(kind="flip", at_byte=10, count=2, bit=7)
    assert sent_in_pieces(flipped, sizes) == OCTETS[:10] + bytes([OCTETS[10] ^ 128, OCTETS[11] ^ 128]) + OCTETS[12:]
    half = FaultScript([fault_of({"kind": "half", "at_byte": 10})], delimiter=OCTETS[60])
    assert sent_in_pieces(half, sizes) == OCTETS[:10] + OCTETS[60:]
    often = script(kind="drop", at_byte=10, every_bytes=40)
    assert sent_in_pieces(often, sizes) == OCTETS[:10] + OCTETS[11:50] + OCTETS[51:90] + OCTETS[91:]


def test_without_a_delimiter_half_of_what_is_sent_at_once_is_lost() -> None:
    wire = FaultScript([fault_of({"kind": "half", "at_byte": 10})], delimiter=None)
    assert wire.to_host(OCTETS, 0.0) == OCTETS[:10]
    assert wire.to_host(OCTETS, 0.0) == OCTETS


def test_the_other_direction_is_left_alone() -> None:
    wire = script(kind="drop", towards="controller", at_byte=0, count=10)
    assert wire.to_host(OCTETS, 0.0) == OCTETS
    assert wire.to_controller(OCTETS, 0.0) == OCTETS[10:]


def test_late_bytes_hold_up_those_behind_them() -> None:
    wire = script(kind="delay", at_byte=10, count=5, for_s=2.0)
    assert wire.to_host(OCTETS, 100.0) == OCTETS[:10]
    assert wire.deadline_s(100.0) == 102.0
    assert wire.to_host(b"more", 101.0) == b""
    assert wire.to_host(b"", 102.0) == OCTETS[10:] + b"more"


def test_a_stalled_line_takes_nothing_and_carries_nothing_until_it_goes_on() -> None:
    wire = script(kind="stall", at_byte=10, for_s=2.0)
    assert wire.to_host(OCTETS, 100.0) == OCTETS[:10]
    assert wire.room_to_host(101.9) == 0
    assert wire.room_to_controller(101.9) > 0
    assert wire.to_host(b"", 101.9) == b""
    assert wire.deadline_s(101.9) == 102.0
    assert wire.room_to_host(102.0) > 0
    assert wire.to_host(b"", 102.0) == OCTETS[10:]


def test_time_counts_from_the_hosts_first_byte() -> None:
    wire = script(kind="hang_up", at_s=3.0, for_s=1.5)
    assert wire.take_events(1_000.0) == []
    assert wire.deadline_s(1_000.0) == math.inf
    wire.to_controller(b"hello", 2_000.0)
    assert wire.deadline_s(2_000.0) == 2_003.0
    assert wire.take_events(2_002.9) == []
    (event,) = wire.take_events(2_003.0)
    assert isinstance(event, HangUp)
    assert event.away_s == 1.5


def test_a_fault_by_time_strikes_the_first_byte_after_it() -> None:
    wire = script(kind="drop", at_s=3.0, count=2)
    wire.to_controller(b"hello", 0.0)
    assert wire.to_host(OCTETS, 2.9) == OCTETS
    assert wire.to_host(OCTETS, 3.1) == OCTETS[2:]
    assert wire.to_host(OCTETS, 3.2) == OCTETS


def test_what_is_under_way_at_a_reset_is_lost() -> None:
    late = {"kind": "delay", "at_byte": 0, "for_s": 5.0}
    wire = FaultScript([fault_of(late), fault_of({"kind": "reset", "at_byte": 50})])
    assert wire.to_host(OCTETS, 0.0) == b""
    delayed, reset = wire.take_events(0.0)
    assert delayed.what == "delay"
    assert isinstance(reset, Reset)
    assert reset.details == {"towards": "host", "byte": 50}
    assert wire.to_host(b"fresh", 10.0) == b"fresh"


@given(pieces)
def test_without_a_fault_every_byte_arrives_in_order(sizes: list[int]) -> None:
    assert sent_in_pieces(FaultScript([]), sizes) == OCTETS


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"kind": "gremlin", "at_s": 1}, "a fault of kind 'gremlin' is unknown: choose one of drop, flip"),
        ({"kind": "drop"}, "a drop needs one moment: give either at_byte or at_s"),
        ({"kind": "drop", "at_s": 1, "at_byte": 1}, "a drop needs one moment"),
        ({"kind": "stall", "at_s": 1}, "a stall needs a duration: give for_s"),
        ({"kind": "flip", "at_s": 1, "for_s": 1}, "a flip has no duration: leave out for_s"),
        ({"kind": "flip", "at_s": 1, "bit": 8}, "a flip has bit 8: give 0 to 7"),
        ({"kind": "drop", "at_byte": -1}, "a drop has at_byte -1: give at least 0"),
        ({"kind": "drop", "at_s": 1, "every_bytes": 5}, "a drop comes again as it came"),
        ({"kind": "drop", "at_s": 1, "size": 5}, "a fault has no size: leave it out"),
    ],
)
def test_an_impossible_fault_is_named(entry: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fault_of(entry)


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0.0001, 0.05)), min_size=1, max_size=60))
def test_a_paced_line_carries_no_more_than_its_rate_and_loses_nothing(turns: list[tuple[int, float]]) -> None:
    wire, now_s = PacedWire(115_200), 0.0
    sent = arrived = b""
    for count, step_s in turns:
        octets = bytes(count % 251 for _ in range(min(count, wire.room_to_host(now_s))))
        sent += octets
        arrived += wire.to_host(octets, now_s)
        now_s += step_s
        assert len(arrived) <= 11_520 * now_s + 1
    arrived += wire.to_host(b"", now_s + 10.0)
    assert arrived == sent


def test_a_paced_line_is_full_duplex_and_delivers_when_it_says() -> None:
    wire = PacedWire(100_000)
    assert wire.to_host(bytes(100), 0.0) == b""
    assert wire.to_controller(bytes(200), 0.0) == b""
    assert wire.deadline_s(0.0) == pytest.approx(0.001)
    assert len(wire.to_host(b"", 0.005)) == 50
    assert len(wire.to_controller(b"", 0.01)) == 100
    assert len(wire.to_host(b"", 0.5)) == 50
    assert len(wire.to_controller(b"", 0.5)) == 100
    assert wire.deadline_s(0.5) == math.inf


def test_a_full_paced_line_takes_no_more() -> None:
    wire = PacedWire(9_600)
    wire.to_host(bytes(10_000), 0.0)
    assert wire.room_to_host(0.0) == 0
    assert wire.room_to_controller(0.0) > 0
