"""A short session, byte by byte: hello, home, scan, shutter, three dwells and a stroke, forget, close, goodbye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native import messages as m
from firmware_bridge.native.framing import DELIMITER, Deframer
from firmware_bridge.native.vocabulary import MessageType
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import RecordedCounts
from tests.protocol.rehearsal import Rehearsal

TRANSCRIPT = Path(__file__).with_name("short_session.txt")
EXACT = TwinSettings(
    channels=32, speed_factor=1.0, acceleration_factor=1.0, encoder_noise_mm=0.0, position_error_mm=0.0,
    dead_time_s=1e-5, firmware="transcript 1", queue_length=4, store_length=8,
)  # fmt: skip


class OneSpectrum:
    """A recorded spectrum, everywhere the same, of the live time that the session asks for."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        counts = np.zeros(32, dtype=np.uint32)
        counts[[2, 7, 8, 9, 30]] = [1, 3, 120, 7, 1]
        return RecordedCounts(counts, live_s=0.05 if start == end else 0.05 / (1 + 132 / 0.05 * 1e-5))


def lines_of(octets: bytes, speaker: str) -> list[str]:
    """One line a frame: who, what, and every byte up to the delimiter."""
    lines = []
    for body in octets.split(DELIMITER)[:-1]:
        on_the_line = body + DELIMITER
        frames = Deframer().feed(on_the_line)
        name = MessageType(frames[0].type).name if frames else "-"
        lines.append(f"{speaker} {name} {on_the_line.hex()}")
    return lines


class Written(Rehearsal):
    """A rehearsal that writes down what is said, in the order in which it is."""

    def __init__(self) -> None:
        super().__init__(EXACT, source=OneSpectrum())
        self.lines: list[str] = []

    def step(self) -> None:
        sent, received = len(self.sent), len(self.received)
        super().step()
        self.lines += lines_of(bytes(self.sent[sent:]), "host")
        self.lines += lines_of(bytes(self.received[received:]), "controller")


def short_session() -> list[str]:
    session = Written()
    session.begin(scan_id=0x0123_4567_89AB_CDEF)
    session.order(lambda request: m.Move(request, 1_000, 2_000))
    session.open()
    poses = [StagePose(1.0 + 0.5 * index, 2.0) for index in range(4)]
    session.host.submit([Exposure(index, poses[index], poses[index], 0.05) for index in range(3)])
    session.host.submit([Exposure(3, poses[2], poses[3], 0.05)])
    session.collect(4)
    session.order(m.Close)
    session.ask(m.AskStatus)
    session.until(lambda: not session.core.instrument.engine.kept)
    session.host.say_bye()
    session.step()
    return session.lines


def test_the_session_is_the_one_that_was_written_down() -> None:
    spoken = short_session()
    written = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    for number, (said, expected) in enumerate(zip(spoken, written, strict=False), 1):
        assert said == expected, f"line {number} of {TRANSCRIPT.name}"
    assert len(spoken) == len(written)


@pytest.mark.parametrize(
    "kind", ["HELLO", "WELCOME", "BEGIN", "DWELLS", "STROKES", "SPECTRA", "FORGET", "RENEW", "BYE"]
)
def test_the_session_shows_what_matters(kind: str) -> None:
    assert any(line.split()[1] == kind for line in TRANSCRIPT.read_text(encoding="ascii").splitlines())


if __name__ == "__main__":
    TRANSCRIPT.write_text("\n".join(short_session()) + "\n", encoding="ascii")
