"""The exact bytes of a short session with a SCPI spectrometer: a change of what is said shows up here.

Written anew with ``python -m tests.protocol.test_scpi_transcript``; look at the difference before keeping it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.faults import SettingRefused
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import RecordedCounts
from tests.protocol.scpi_rehearsal import Rehearsal

TRANSCRIPT = Path(__file__).with_name("scpi_session.txt")


class OneSpectrum:
    """A recorded spectrum, everywhere the same, of the time that the session counts."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        counts = np.zeros(16, dtype=np.uint32)
        counts[[2, 7, 8, 15]] = [1, 3, 70_000, 7]
        return RecordedCounts(counts, live_s=0.05)


def written(octets: bytes, speaker: str) -> list[str]:
    """One line a command or reply: who, and what, a block as hexadecimal digits."""
    shown = re.sub(rb"(#264)(.{64})", lambda found: found[1] + found[2].hex().encode(), octets, flags=re.DOTALL)
    assert shown.endswith(b"\n")
    return [f"{speaker} {line}" for line in shown.decode("ascii").splitlines()]


def short_session(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    rehearsal = Rehearsal(monkeypatch, source=OneSpectrum(), channels=16, dead_time_s=0.0)
    rehearsal.hears = lambda octets: lines.extend(written(octets, "host"))
    rehearsal.to_host = lambda octets: lines.extend(written(octets, "device")) or octets  # type: ignore[func-returns-value]
    spectrometer = rehearsal.connect({"SENS:PRES:CLOC": "LIVE", "SENS:CHAN": "16"})
    spectrometer.begin(0.05)
    dwell = spectrometer.read(1.0)
    assert dwell is not None
    assert dwell.counts.sum() == 70_011
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(0.05)
    assert spectrometer.snapshot().counts.sum() == 70_011
    spectrometer.stop()
    with pytest.raises(SettingRefused):
        spectrometer.begin(1e6)
    spectrometer.begin(0.05)
    spectrometer.close()
    return lines


def test_the_scpi_session_is_the_one_that_was_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = short_session(monkeypatch)
    expected = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    for number, (said, line) in enumerate(zip(spoken, expected, strict=False), 1):
        assert said == line, f"line {number} of {TRANSCRIPT.name}"
    assert len(spoken) == len(expected)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        TRANSCRIPT.write_text("\n".join(short_session(patch)) + "\n", encoding="ascii")
