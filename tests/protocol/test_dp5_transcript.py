"""The exact bytes of a short session with a DP5: a change of the wire, or of what is said on it, shows up here.

Written anew with ``python -m tests.protocol.test_dp5_transcript``; look at the difference before keeping it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.dp5.codec import Dp5Deframer
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import RecordedCounts
from tests.protocol.dp5_rehearsal import Rehearsal

TRANSCRIPT = Path(__file__).with_name("dp5_session.txt")


class OneSpectrum:
    """A recorded spectrum, everywhere the same, of the time that the session counts."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        counts = np.zeros(256, dtype=np.uint32)
        counts[[2, 70, 71, 72, 250]] = [1, 3, 70_000, 7, 300]
        return RecordedCounts(counts, live_s=0.05)


def written(octets: bytes, speaker: str) -> list[str]:
    """One line a packet: who, type, every byte."""
    lines, at = [], 0
    for packet in Dp5Deframer().feed(octets):
        length = 8 + len(packet.content)
        lines.append(f"{speaker} {packet.pid} {octets[at : at + length].hex()}")
        at += length
    assert at == len(octets)
    return lines


def short_session(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rehearsal = Rehearsal(
        monkeypatch, source=OneSpectrum(), electronics={"reset_share": 0.0, "readout_s_per_channel": 0.0},
        dead_time_s=0.0,
    )  # fmt: skip
    lines: list[str] = []
    rehearsal.to_device = lambda octets: lines.extend(written(octets, "host")) or octets
    rehearsal.to_host = lambda octets: lines.extend(written(octets, "device")) or octets
    spectrometer = rehearsal.connect({"MCAC": "256", "TPEA": "2.4", "GAIN": "20", "TECS": "220"})
    spectrometer.begin(0.05)
    dwell = spectrometer.read(1.0)
    assert dwell is not None
    assert dwell.counts.sum() == 70_311
    spectrometer.begin(math.inf)
    rehearsal.clock.sleep(0.05)
    assert spectrometer.snapshot().counts.sum() == 70_311
    spectrometer.begin_slots()
    for x_mm in (1.0, 2.0):
        rehearsal.clock.sleep(0.05)
        rehearsal.move(x_mm, is_trigger=True)
    assert spectrometer.slots_filled() == 2
    spectrometer.cancel_slots()
    assert spectrometer.read_slot(1).real_s == 0.05
    spectrometer.keep_alive()
    rehearsal.lose_replies(1)
    tampered = rehearsal.to_host
    rehearsal.to_host = lambda octets: lines.extend(written(octets, "device")) or tampered(octets)
    spectrometer.stop()
    spectrometer.close()
    return lines


def test_the_dp5_session_is_the_one_that_was_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = short_session(monkeypatch)
    expected = TRANSCRIPT.read_text(encoding="ascii").splitlines()
    for number, (said, line) in enumerate(zip(spoken, expected, strict=False), 1):
        assert said == line, f"line {number} of {TRANSCRIPT.name}"
    assert len(spoken) == len(expected)


@pytest.mark.parametrize(
    "pid",
    ["01/1", "20/4", "20/3", "F0/1", "F0/2", "F0/3", "02/3", "02/4", "F0/1E", "F0/1F", "02/7", "F0/21", "F1/7F"],
)
def test_the_dp5_session_shows_what_matters(pid: str) -> None:
    assert any(line.startswith(f"host {pid} ") for line in TRANSCRIPT.read_text(encoding="ascii").splitlines())


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        TRANSCRIPT.write_text("\n".join(short_session(patch)) + "\n", encoding="ascii")
