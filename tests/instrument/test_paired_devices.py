"""The same scan on devices of other makers: a GRBL stage beside a DP5 spectrometer, each its own process."""

from __future__ import annotations

import json

import pytest

from edge.record.folder import open_recording
from edge.results import cells_of, read_planned
from edge.state import Ended
from tests.instrument.conftest import await_that

PLANNED = 123


@pytest.fixture
def pair(bench):
    """The bench's scan, unchanged but for the controller."""
    bench.instrument["twin"]["clock_factor"] = 20.0
    bench.instrument["pair"] = {"spectrometer_link": "mca", "stage_log": "stage.jsonl"}
    bench.instrument["link"] = "stage"
    bench.ready = "mca"
    bench.scan["instrument"]["controller"] = {
        "kind": "paired",
        "stage": {"kind": "grbl", "port": "stage", "gate": "M8"},
        "spectrometer": {"kind": "dp5", "port": "mca", "settings": {"MCAC": "2048"}},
    }
    bench.scan["sampling"]["rate"] = 0.02
    return bench


def stage_events(bench) -> list[dict]:
    return [json.loads(line) for line in (bench.folder / "stage.jsonl").read_text().splitlines()]


def test_the_same_scan_runs_on_grbl_and_dp5(pair):
    with pair.running():
        scan = pair.run("scan", str(pair.config), "--out", str(pair.recording))
    assert scan.returncode == 0, scan.stderr
    with open_recording(pair.recording) as recording:
        planned = read_planned(recording)
        measured = recording.reader.measured_arrays()
    assert recording.history.state == Ended("finished", is_planned=True)
    assert sorted(measured.indices.tolist()) == list(range(PLANNED))
    wanted = {(int(r), int(c)) for r, c in zip(*planned.plan.mask.cells.nonzero(), strict=True)}
    assert {(int(r), int(c)) for r, c in cells_of(measured, planned.plan.grid)} == wanted
    assert (measured.counts.sum(axis=1) > 100).all(), "the beam was on for every one of them"


def test_a_scan_that_dies_leaves_the_beam_off_and_is_resumed(pair):
    with pair.running():
        with pair.scanning() as scan:
            pair.scan_until(10, scan)
            scan.kill()
            scan.wait(timeout=20)
        beam = [event["event"] for event in stage_events(pair) if event["event"].startswith("beam")]
        assert beam, "the stage's log tells of the beam"
        await_that(
            lambda: [e["event"] for e in stage_events(pair) if e["event"].startswith("beam")][-1] == "beam_off",
            "the monostable's fall",
        )
        resumed = pair.run("scan", "--resume", str(pair.recording))
    assert resumed.returncode == 0, resumed.stderr
    with open_recording(pair.recording) as recording:
        _, exposures = recording.reader.measured()
    assert sorted(done.index for done in exposures) == list(range(PLANNED))
