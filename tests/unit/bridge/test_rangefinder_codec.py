"""Lines of a rangefinder: a distance where there is exactly one, and never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.rangefinder.codec import (
    LONGEST_LINE,
    Complaint,
    Distance,
    Garbage,
    LineCutter,
    question,
    read_line,
)

_AROUND = st.sampled_from(["", "D=", "D= ", "dist:", "s0g", "Distance = ", "# "])
_UNIT = st.sampled_from(["", " mm", "mm", " m", "\t", " %", ";"])


@pytest.mark.parametrize(
    ("line", "units"),
    [
        (b"D=  123.45", 123.45),
        (b"+0123.4 mm", 123.4),
        (b"s0g+00012345", 12345.0),
        (b"-3.5", -3.5),
        (b"D=-  3.5", -3.5),
        (b"1.5e3 mm", 1500.0),
        (b" 7\t", 7.0),
    ],
)
def test_a_number_is_found_wherever_it_stands(line: bytes, units: float) -> None:
    assert read_line(line) == Distance(units)


@pytest.mark.parametrize("line", [b"E01", b"s0@E255", b"Error", b"err 12", b"D= E5"])
def test_what_the_device_complains_of_is_no_distance(line: bytes) -> None:
    assert read_line(line) == Complaint(line.decode())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"ready", "no number"),
        (b"ch2", "no number"),
        (b"12.3.4", "no number"),
        (b"12,34", "two numbers"),
        (b"1: 23.4 mm", "two numbers"),
        (b"12.3 \xb5m", "not text"),
        (b"1e999", "an endless number"),
        (b"1" * (LONGEST_LINE + 1), f"longer than {LONGEST_LINE} bytes"),
    ],
)
def test_a_line_that_could_mean_anything_means_nothing(line: bytes, why: str) -> None:
    said = read_line(line)
    assert isinstance(said, Garbage)
    assert said.why == why


@given(st.decimals(-10_000, 10_000, places=3), _AROUND, _UNIT)
def test_every_number_survives_the_words_around_it(number: object, before: str, unit: str) -> None:
    assert read_line(f"{before}{number:+}{unit}".encode()) == Distance(float(f"{number}"))


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused_and_never_anything_else(line: bytes) -> None:
    said = read_line(line)
    if isinstance(said, Garbage):
        assert said.said.isprintable()
        assert len(said.said) < 50


@given(st.lists(st.sampled_from([b"D=1.25", b"E01", b"x", b"9" * LONGEST_LINE]), max_size=8), st.data())
def test_lines_come_out_the_same_however_the_bytes_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(line + data.draw(st.sampled_from([b"\r\n", b"\r", b"\n", b"\n\n"])) for line in lines)
    cutter, found = LineCutter(), list[bytes]()
    while octets:
        size = data.draw(st.integers(1, len(octets)))
        found += cutter.feed(octets[:size])
        octets = octets[size:]
    assert found == lines


@given(st.lists(st.binary(max_size=500), max_size=20))
def test_the_cutter_never_gives_more_than_a_byte_beyond_the_longest_line(chunks: list[bytes]) -> None:
    cutter = LineCutter()
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    assert all(0 < len(line) <= LONGEST_LINE + 1 for line in lines)


def test_a_line_without_end_is_told_once_and_the_next_one_is_read() -> None:
    cutter = LineCutter()
    (begun,) = cutter.feed(b"x" * 5_000)
    assert read_line(begun) == Garbage("x" * 40 + "...", f"longer than {LONGEST_LINE} bytes")
    assert cutter.feed(b"x" * 5_000) == []
    assert cutter.held_bytes == 0
    assert cutter.feed(b"\r\n12.5\r\n") == [b"12.5"]


def test_a_question_ends_in_carriage_return_and_line_feed() -> None:
    assert question("MEASURE") == b"MEASURE\r\n"
