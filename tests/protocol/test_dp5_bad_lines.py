"""Dwells over a line that loses, flips and repeats: every spectrum exact, or a named fault, never a wrong one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_bridge.dp5.spectrometer import Dp5Spectrometer, connect_dp5
from firmware_bridge.faults import ControllerFault, LinkLost
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import RecordedCounts
from tests.protocol.dp5_rehearsal import Rehearsal
from tests.protocol.dp5_twin import running_dp5
from tests.protocol.rehearsal import BadLine

RECORDED = np.random.default_rng(1).integers(0, 2_000, 256, dtype=np.uint32)
EXACT: dict[str, Any] = {"electronics": {"reset_share": 0.0, "readout_s_per_channel": 0.0}, "dead_time_s": 0.0}


class Recording:
    """The same counts everywhere, handed over unchanged in 50 ms."""

    def at(self, start: StagePose, end: StagePose) -> RecordedCounts:
        return RecordedCounts(RECORDED, live_s=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_every_dwell_over_a_bad_line_is_exact(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rehearsal = Rehearsal(monkeypatch, source=Recording(), **EXACT)
    spectrometer = rehearsal.connect()
    up, down = BadLine(seed, 0.05), BadLine(seed + 100, 0.05)
    rehearsal.to_host, rehearsal.to_device = up.carry, down.carry
    for _ in range(100):
        spectrometer.begin(0.05)
        spectrum = spectrometer.read(60.0)
        assert spectrum is not None
        np.testing.assert_array_equal(spectrum.counts, RECORDED)
        assert spectrum.real_s == 0.05
    assert up.happened > 10
    assert down.happened > 10


SCRIPT = [
    {"kind": "flip", "at_byte": 700, "bit": 3}, {"kind": "drop", "at_byte": 1_500, "count": 20},
    {"kind": "duplicate", "at_byte": 3_000, "count": 9}, {"kind": "stall", "at_byte": 4_000, "for_s": 0.3},
    {"kind": "flip", "towards": "controller", "at_byte": 250}, {"kind": "half", "at_byte": 5_200},
    {"kind": "drop", "towards": "controller", "at_byte": 320, "count": 3},
    {"kind": "delay", "at_byte": 6_500, "count": 4, "for_s": 0.2},
]  # fmt: skip


def test_the_faults_of_a_script_are_put_right_unseen(tmp_path: Path) -> None:
    with running_dp5(tmp_path, faults=SCRIPT, clock_factor=10.0) as twin:
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "256"})
        real_s = []
        for _ in range(12):
            spectrometer.begin(0.05)
            spectrum = spectrometer.read(30.0)
            assert spectrum is not None
            real_s.append(spectrum.real_s)
        spectrometer.close()
        happened = {fault["kind"] for fault in SCRIPT if twin.events(f"line_{fault['kind']}")}
    assert real_s == [0.05] * 12
    assert happened == {"flip", "drop", "duplicate", "stall", "half", "delay"}


def keep_reading(spectrometer: Dp5Spectrometer) -> None:
    """Look again and again, until something is wrong."""
    for _ in range(1_000):
        assert spectrometer.read(0.02) is None


def test_a_scripted_reset_is_named_and_measuring_goes_on(tmp_path: Path) -> None:
    with running_dp5(tmp_path, faults=[{"kind": "reset", "at_s": 0.8}]) as twin:
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "256"})
        spectrometer.begin(20.0)
        with pytest.raises(ControllerFault, match=r"stopped counting .* it has restarted"):
            keep_reading(spectrometer)
        spectrometer.close()
        again = connect_dp5(twin.port, settings={"MCAC": "256"})
        again.begin(0.05)
        assert again.read(60.0) is not None
        again.close()


def test_a_device_that_comes_back_under_another_name_is_connected_again(tmp_path: Path) -> None:
    with running_dp5(tmp_path, faults=[{"kind": "hang_up", "at_s": 0.6, "for_s": 0.2}]) as twin:
        spectrometer = connect_dp5(twin.port, settings={"MCAC": "256"})
        spectrometer.begin(20.0)
        with pytest.raises(LinkLost, match="has gone: check the cable"):
            keep_reading(spectrometer)
        spectrometer.close()
        deadline_s = time.monotonic() + 60.0
        while not Path(twin.port).exists():
            assert time.monotonic() < deadline_s
        again = connect_dp5(twin.port, settings={"MCAC": "256"})
        again.begin(0.05)
        assert again.read(60.0) is not None
        again.close()
