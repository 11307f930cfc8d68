"""Numbered lines: counted against the buffer, and sent again when asked for."""

from __future__ import annotations

from firmware_bridge.marlin.codec import numbered
from firmware_bridge.marlin.lines import NumberedLines

FIRST = numbered(0, b"M110 N0")


def begun() -> NumberedLines:
    """Lines to a board that counts with them."""
    lines = NumberedLines()
    lines.take(4)
    lines.answer()
    return lines


def test_counting_begins_by_telling_the_board_its_number_and_nothing_follows_before_that_is_done() -> None:
    lines = NumberedLines()
    lines.append([b"M400"])
    assert lines.take(4) == FIRST
    assert lines.take(4) == b""
    lines.answer()
    assert lines.take(4) == numbered(1, b"M400")


def test_no_more_lines_are_unanswered_than_allowed() -> None:
    lines = begun()
    lines.append([b"A", b"B", b"C"])
    assert lines.take(2).count(b"\n") == 2
    assert lines.take(2) == b""
    lines.answer()
    assert lines.take(2) == numbered(3, b"C")


def test_what_is_asked_for_again_is_sent_again_under_its_number() -> None:
    lines = begun()
    lines.append([b"A", b"B", b"C"])
    lines.take(4)
    assert lines.rewind(2)
    assert lines.take(4) == numbered(2, b"B") + numbered(3, b"C")


def test_a_request_for_the_next_line_sends_nothing_again() -> None:
    lines = begun()
    lines.append([b"A"])
    lines.take(4)
    assert lines.rewind(2)
    assert lines.take(4) == b""


def test_a_line_that_was_never_sent_cannot_be_asked_for() -> None:
    lines = begun()
    lines.append([b"A"])
    lines.take(4)
    assert not lines.rewind(3)


def test_a_line_that_is_known_to_be_done_cannot_be_asked_for() -> None:
    lines = begun()
    end = lines.append([b"A", b"B"])
    lines.take(4)
    lines.confirm(end)
    assert not lines.rewind(1)


def test_acknowledgements_too_many_open_no_more_than_the_buffer() -> None:
    lines = begun()
    lines.append([b"A", b"B", b"C", b"D", b"E"])
    for _ in range(9):
        lines.answer()
    assert lines.take(3).count(b"\n") == 3


def test_after_dropping_a_board_that_asks_again_gets_something_harmless() -> None:
    lines = begun()
    lines.append([b"G1 X1", b"M42 P57 S255"])
    lines.take(3)
    lines.append([b"waits"])
    lines.drop(b"M42 P57 S0")
    assert lines.rewind(1)
    assert lines.take(4) == numbered(1, b"M42 P57 S0") + numbered(2, b"M42 P57 S0")
