"""A short session with a Marlin board, byte by byte: connect, home, move, a line mangled, a dwell, close."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.messages import StagePose
from tests.protocol.marlin_rehearsal import rehearsed
from tests.protocol.stage_rehearsal import Swap

TRANSCRIPT = Path(__file__).with_name("marlin_session.txt")


def short_session() -> list[str]:
    wire = Swap(sent=(b"X12.500", b"X13.500"))
    rehearsal = rehearsed(wire, speed_factor=1.0, acceleration_factor=1.0, homing_s=2.5)
    stage = rehearsal.stage()
    stage.move_to(StagePose(10.0, 20.0))
    wire.is_armed = True
    stage.move_to(StagePose(12.5, 20.0))
    stage.hold_beam(0.4)
    rehearsal.pass_time(0.3)
    stage.hold_beam(0.1)
    stage.drop_beam()
    stage.close()
    return rehearsal.lines


def test_the_session_is_the_one_that_was_written_down() -> None:
    spoken = short_session()
    written = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    for number, (said, expected) in enumerate(zip(spoken, written, strict=False), 1):
        assert said == expected, f"line {number} of {TRANSCRIPT.name}"
    assert len(spoken) == len(written)


@pytest.mark.parametrize(
    "piece", ["M110 N0", "M115", "M211", "M503", "G28 X Y", "M400", "M114", "M42 P57 S255", "M42 P57 S0", "M118"]
)
def test_the_session_shows_what_the_host_says(piece: str) -> None:
    lines = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    assert any(line.startswith("host") and piece in line for line in lines)


@pytest.mark.parametrize("piece", ["start", "checksum mismatch", "Resend: ", "busy: processing", "Count X:1000"])
def test_the_session_shows_what_the_board_says(piece: str) -> None:
    lines = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    assert any(line.startswith("board") and piece in line for line in lines)


if __name__ == "__main__":
    TRANSCRIPT.write_text("\n".join(short_session()) + "\n", encoding="ascii")
