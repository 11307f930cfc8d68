"""What the fuzzers found, each with the shortest input that showed it."""

from __future__ import annotations

import pytest

from firmware_bridge.faults import ProtocolViolation
from firmware_bridge.grbl import codec as grbl
from firmware_bridge.grbl.configuration import configuration_of
from firmware_bridge.marlin import codec as marlin
from firmware_bridge.marlin.lines import NumberedLines
from firmware_bridge.marlin.session import MarlinSession
from tools.fuzz.grbl_targets import board

SETTINGS = {13: 0, 20: 1, 22: 1, 30: 1000, 32: 1} | dict.fromkeys((100, 101, 110, 111, 120, 121, 130, 131), 500.0)


@pytest.mark.parametrize("digits", [309, 5_000])
@pytest.mark.parametrize("line", ["${}=1", "$100={}", "<Idle|MPos:{},1>", "[OPT:V,{},128]", "<Idle|MPos:1,1|Bf:{},1>"])
def test_a_grbl_line_that_came_whole_and_is_too_long_is_garbled(line: str, digits: int) -> None:
    (answer,) = grbl.LineReader().feed(line.format("9" * digits).encode() + b"\r\n")
    assert isinstance(answer, grbl.Garbled)
    assert len(answer.text) <= 60


@pytest.mark.parametrize(("blocks", "octets"), [(1_001, 128), (10**9, 128), (15, 65_537)])
def test_a_grbl_board_that_claims_more_room_than_any_has_is_refused(blocks: int, octets: int) -> None:
    with pytest.raises(ProtocolViolation, match="more than any board does: update its firmware"):
        configuration_of(grbl.Banner("Grbl", "1.1h"), grbl.BuildOptions("V", blocks, octets), SETTINGS, "M8")


def test_a_grbl_board_with_a_billion_blocks_does_not_make_a_billion_lines() -> None:
    said = b"[OPT:V,999999999,128]\n" + b"".join(b"$%d=%g\n" % setting for setting in SETTINGS.items())
    board(said)


@pytest.mark.parametrize("line", ["M92 X{}", "X:{} Y:1", "X:1 Y:1 Count X:{} Y:1"])
def test_a_marlin_number_that_no_double_holds_is_not_read(line: str) -> None:
    answer = marlin.parse(line.format("9" * 5_000).encode())
    match answer:
        case marlin.Place(steps=steps):
            assert steps is None
        case _:
            assert isinstance(answer, marlin.Remark)


def test_a_marlin_line_that_was_never_sent_cannot_have_been_done() -> None:
    lines = NumberedLines()
    end = lines.append([b"G1 X1"])
    assert not lines.confirm(end)
    lines.take(4)
    lines.answer()
    lines.take(4)
    assert lines.confirm(end)
    assert lines.append([b"G1 X2"]) == end + 1


def test_a_marlin_board_that_says_the_last_word_too_early_has_done_nothing() -> None:
    session = MarlinSession("the port", 0.0)
    session.receive(b"start\n", 0.0)
    exchange = session.begin([b"M114"], 0.0)
    session.receive(exchange.word.encode() + b"\n", 0.0)
    assert not exchange.is_over
    session.outgoing(0.0)
    session.receive(b"ok\n", 0.0)
    assert b"M114" in session.outgoing(0.0)
