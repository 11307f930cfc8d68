"""The same scan on devices of other makers: stages beside a DP5 spectrometer, each its own process."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from edge.record.folder import open_recording
from edge.results import cells_of, read_planned
from edge.state import Ended
from tests.instrument.fault_campaign import assert_beam_is_over, choose, ends_in_time

PLANNED = 123
GAIN_KEV = 0.01
LINES_KEV = (3.69, 6.40, 8.05, 9.99, 10.55)
"""Ca, Fe and Cu K, Hg and Pb L."""


@pytest.fixture
def pair(bare):
    """The bench's scan, unchanged but for the controller."""
    bare.instrument["twin"]["clock_factor"] = 20.0
    bare.instrument["pair"] = {"spectrometer_link": "mca", "stage_log": "stage.jsonl"}
    bare.instrument["link"] = "stage"
    bare.ready = "mca"
    bare.scan["instrument"]["controller"] = {
        "kind": "paired",
        "stage": {"kind": "grbl", "port": "stage", "gate": "M8"},
        "spectrometer": {"kind": "dp5", "port": "mca", "settings": {"MCAC": "2048"}},
    }
    bare.scan["sampling"]["rate"] = 0.02
    return bare


def counted(bench, instrument: str) -> dict[tuple[int, int], tuple[np.ndarray, float]]:
    """Scan on an instrument; counts in each element's window and live time of every cell."""
    choose(bench, instrument)
    out = bench.folder / instrument
    with bench.running():
        scan = bench.run("scan", str(bench.config), "--out", str(out))
    assert scan.returncode == 0, scan.stderr
    with open_recording(out) as recording:
        planned = read_planned(recording)
        measured = recording.reader.measured_arrays()
        assert recording.history.state == Ended("finished", is_planned=True)
    wanted = {(int(r), int(c)) for r, c in zip(*planned.plan.mask.cells.nonzero(), strict=True)}
    cells = [(int(r), int(c)) for r, c in cells_of(measured, planned.plan.grid)]
    assert sorted(cells) == sorted(wanted), "every planned cell, once"
    windows = [slice(round((kev - 0.2) / GAIN_KEV), round((kev + 0.2) / GAIN_KEV)) for kev in LINES_KEV]
    counts = np.stack([measured.counts[:, window].sum(axis=1) for window in windows], axis=1)
    return dict(zip(cells, zip(counts, measured.live_s.tolist(), strict=True), strict=True))


@pytest.mark.campaign
def test_the_same_scan_runs_on_three_instruments_and_they_count_the_same(bench):
    bench.scan["sampling"]["dwell_s"] = 0.3
    native, grbl, marlin = (counted(bench, instrument) for instrument in ("native", "grbl", "marlin"))
    for other in (grbl, marlin):
        assert other.keys() == native.keys(), "one photograph, one mask"
        deviations = []
        for cell, (counts, live_s) in native.items():
            counts_there, live_there_s = other[cell]
            variance = counts / live_s**2 + counts_there / live_there_s**2
            deviations.append((counts / live_s - counts_there / live_there_s) / np.sqrt(np.maximum(variance, 1.0)))
        z = np.ravel(deviations)
        # Poisson rates differ by their own standard deviation: z has mean 0 and variance 1, known to 1/sqrt(n) each.
        assert abs(z.mean()) < 5 / math.sqrt(z.size)
        assert (z**2).mean() < 1 + 5 * math.sqrt(2 / z.size)


def test_a_beam_that_begins_after_its_host_was_killed_is_found():
    assert ends_in_time([(1.0, 9.0), (9.5, 10.6)], since_s=10.0)
    assert not ends_in_time([(1.0, 9.0), (9.5, 11.0)], since_s=10.0)
    assert not ends_in_time([(1.0, 9.0), (10.5, 25.0)], since_s=10.0)


def test_a_scan_that_dies_leaves_the_beam_off_and_is_resumed(pair):
    with pair.running():
        with pair.scanning() as scan:
            pair.scan_until(10, scan)
            scan.kill()
            killed_s = time.monotonic()
            scan.wait(timeout=60)
        assert_beam_is_over(pair, "grbl", killed_s)
        resumed = pair.run("scan", "--resume", str(pair.recording))
    assert resumed.returncode == 0, resumed.stderr
    with open_recording(pair.recording) as recording:
        _, exposures = recording.reader.measured()
    assert sorted(done.index for done in exposures) == list(range(PLANNED))
