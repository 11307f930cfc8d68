"""A short session with a GRBL board, byte by byte: connect, home, move, a stroke, a dwell, close."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.messages import StagePose
from tests.protocol.grbl_rehearsal import rehearsed

TRANSCRIPT = Path(__file__).with_name("grbl_session.txt")


def short_session() -> list[str]:
    rehearsal = rehearsed(speed_factor=1.0, acceleration_factor=1.0, homing_s=0.5)
    stage = rehearsal.stage()
    stage.move_to(StagePose(290.0, 290.0))
    stage.fly(StagePose(288.0, 290.0), StagePose(285.0, 290.0), 10.0, with_beam=True)
    stage.move_to(StagePose(285.0, 291.5))
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


@pytest.mark.parametrize("piece", ["$I", "$$", "$H", "G53G0", "M4S0", "S1000", "M5", "G4P0", "M8", "M9", "?"])
def test_the_session_shows_what_matters(piece: str) -> None:
    lines = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    assert any(line.startswith("host") and piece in line for line in lines)


if __name__ == "__main__":
    TRANSCRIPT.write_text("\n".join(short_session()) + "\n", encoding="ascii")
