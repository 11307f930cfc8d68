"""Marlin's lines: what is written, what is read, and what is never guessed."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import xor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.marlin import codec as c

COMMANDS = st.binary(max_size=60).filter(lambda command: not set(command) & set(b"\n\r*"))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"ok", c.Ok()),
        (b"ok P15 B3\r", c.Ok(15, 3)),
        (b"ok N12 P15 B3", c.Ok(15, 3)),
        (b"Resend: 13", c.Resend(13)),
        (b"start", c.Start()),
        (b"echo:busy: processing", c.Busy()),
        (b"echo:busy: paused for user", c.Complaint("paused for user")),
        (b"Error:checksum mismatch, Last Line: 11", c.Mistaken()),
        (b"Error:Line Number is not Last Line Number+1, Last Line: 11", c.Mistaken()),
        (b"Error:No Checksum with line number, Last Line: 11", c.Mistaken()),
        (b"Error:Protected Pin", c.Complaint("Protected Pin")),
        (b"Error:Printer halted. kill() called!", c.Complaint("Printer halted. kill() called!")),
        (b'echo:Unknown command: "M42 P57 S0"', c.Unknown("M42 P57 S0")),
        (
            b"X:10.00 Y:-20.50 Z:0.00 E:0.00 Count X:800 Y:-1640 Z:0",
            c.Place(10.0, -20.5, (800, -1640)),
        ),
        (b"X:10.00 Y:20.00 Z:0.00 E:0.00 Count X: 800 Y:1600 Z:0", c.Place(10.0, 20.0, (800, 1600))),
        (b"X:10.00 Y:20.00 Z:0.00 E:0.00 Count A:2400 B:-800 Z:0", c.Place(10.0, 20.0, None)),
        (b"FIRMWARE_NAME:Marlin 2.1.2 (Aug 20 2023 10:00:00) SOURCE_CODE_URL:x", c.Firmware("Marlin 2.1.2")),
        (b"FIRMWARE_NAME:Marlin bugfix-2.1.x SOURCE_CODE_URL:x", c.Firmware("Marlin bugfix-2.1.x")),
        (b"Cap:EMERGENCY_PARSER:1", c.Capability("EMERGENCY_PARSER", True)),
        (
            b"echo:Soft endstops: ON  Min: X0.00 Y-2.00 Z0.00   Max: X220.00 Y230.00 Z250.00",
            c.Limits((0.0, 220.0), (-2.0, 230.0), True),
        ),
        (
            b"  Min:  X0.00 Y-2.00 Z0.00   Max:  X220.00 Y230.00 Z250.00",
            c.Limits((0.0, 220.0), (-2.0, 230.0)),
        ),
        (b"  M211 S0 ; OFF", c.Setting("M211", {"S": 0.0})),
        (b"echo:  M92 X80.00 Y80.50 Z400.00 E93.00", c.Setting("M92", {"X": 80.0, "Y": 80.5, "Z": 400.0, "E": 93.0})),
        (b" M203 X200 Y200 Z4", c.Setting("M203", {"X": 200.0, "Y": 200.0, "Z": 4.0})),
        (b"echo:  M211 S1 ; ON", c.Setting("M211", {"S": 1.0})),
        (b"x_min: TRIGGERED", c.Endstop("x_min", True)),
        (b"//action:cancel", c.Remark("//action:cancel")),
        (b"echo:; Steps per unit:", c.Remark("echo:; Steps per unit:")),
        (b"wait", c.Remark("wait")),
    ],
)
def test_every_kind_of_line_is_read(line: bytes, answer: c.Answer) -> None:
    assert c.parse(line) == answer


@pytest.mark.parametrize(
    "line",
    [
        b"ok ok",
        b"okk",
        b"o\xebk",
        b"Resend: ",
        b"Resend: 1x",
        b"X:10.0.0 Y:1.00",
        b"X:1.00",
        b"Cap:EEPROM:2",
        b"starts",
    ],
)
def test_a_mangled_line_is_a_remark_and_nothing_else(line: bytes) -> None:
    assert isinstance(c.parse(line), c.Remark)


def test_a_command_is_sent_with_its_number_and_checksum() -> None:
    assert c.numbered(12, b"G1 X1.000") == b"N12 G1 X1.000*76\n"


@given(st.integers(-1, 10**6), COMMANDS)
def test_the_checksum_is_the_exclusive_or_of_what_stands_before_it(number: int, command: bytes) -> None:
    body, _, checksum = c.numbered(number, command).rstrip(b"\n").rpartition(b"*")
    assert body == b"N%d %s" % (number, command)
    assert int(checksum) == reduce(xor, body)


@given(st.integers(0, 10**6), COMMANDS, st.data())
def test_no_single_flipped_bit_of_a_command_keeps_its_checksum(
    number: int, command: bytes, data: st.DataObject
) -> None:
    body, _, checksum = c.numbered(number, command).rstrip(b"\n").rpartition(b"*")
    at, bit = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(0, 7))
    flipped = bytearray(body)
    flipped[at] ^= 1 << bit
    assert reduce(xor, flipped) != int(checksum)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.1, 500))
def test_a_move_says_a_thousandth_of_a_millimetre_and_fits_a_command_buffer(x: float, y: float, v: float) -> None:
    line = c.move(x, y, v)
    words = {word[:1]: float(word[1:]) for word in line.split()}
    assert words[b"G"] == 1
    assert (words[b"X"], words[b"Y"]) == pytest.approx((x, y), abs=0.0006)
    assert len(c.numbered(999_999, line)) <= 96


@given(st.binary(max_size=2_000))
@example(b"Resend: 99999999999999999999\n")
@example(b"X:1.00 Y:2.00 Count X:99999999999999999999 Y:1\n")
def test_no_bytes_break_the_reader(octets: bytes) -> None:
    reader = c.LineReader()
    assert len(reader.feed(octets)) <= octets.count(b"\n") + 1


@given(st.lists(st.integers(0, 60), max_size=8))
def test_lines_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    stream = b"start\nok P15 B3\nResend: 7\nok\nX:1.00 Y:2.00 Z:0.00 E:0.00 Count X:80 Y:160 Z:0\n"
    reader, places = c.LineReader(), sorted({0, len(stream), *cuts})
    answers = [answer for a, b in pairwise(places) for answer in reader.feed(stream[a:b])]
    assert answers == [c.Start(), c.Ok(15, 3), c.Resend(7), c.Ok(), c.Place(1.0, 2.0, (80, 160))]


def test_a_line_without_end_is_dropped_and_the_memory_with_it() -> None:
    reader = c.LineReader()
    for _ in range(100):
        reader.feed(b"x" * 100)
    reader.feed(b"\n")
    assert reader.feed(b"ok\n") == [c.Ok()]
