"""A painting that bows or is moved: the scan pauses, says what to do, and goes on when that is done."""

from __future__ import annotations

import pytest

from edge.record.folder import open_recording
from edge.state import Ended
from tests.instrument.conftest import await_that

PLANNED = 123
STOPPED = 6


def events_of(bench, kind: str) -> list[dict]:
    return [event for event in bench.twin_events() if event["event"] == kind]


def assert_whole(bench) -> None:
    with open_recording(bench.recording) as recording:
        history = recording.history
        _, exposures = recording.reader.measured()
    assert history.state == Ended("finished", is_planned=True)
    assert sorted(done.index for done in exposures) == list(range(PLANNED))


def test_an_object_that_moves_out_of_range_pauses_the_scan_and_a_resumption_finishes_it(bare):
    bare.instrument["twin"] |= {
        "standoff_mm": 10.0, "standoff_leaves_after": 40, "standoff_stays_out_s": 4_000.0, "clock_factor": 1_000.0,
    }  # fmt: skip
    bare.scan["sampling"]["rate"] = 0.02
    with bare.running():
        paused = bare.run("scan", str(bare.config), "--out", str(bare.recording))
        assert paused.returncode == STOPPED, paused.stderr
        words = paused.stdout + paused.stderr
        assert "too near or too far" in words
        assert "mm, allowed 8 to 12 mm" in words
        assert f"go on with: pointillist scan --resume {bare.recording}" in words
        assert 0 < bare.measured() < PLANNED
        shutter = [event for event in bare.twin_events() if event["event"].startswith("shutter")]
        assert shutter[-1]["event"] == "shutter_closed"
        await_that(lambda: events_of(bare, "object_moved_back"), "the object's return")
        resumed = bare.run("scan", "--resume", str(bare.recording))
        assert resumed.returncode == 0, resumed.stderr
        exposed = [event["index"] for event in events_of(bare, "exposed")]
    assert sorted(exposed) == list(range(PLANNED)), "what the controller had kept is fetched, not exposed again"
    assert_whole(bare)


@pytest.mark.campaign
def test_a_rangefinder_beside_a_stage_and_a_spectrometer_pauses_the_scan_over_a_bow(bench):
    # The surface lies 8.28 mm away at a corner of the panel, 8.016 mm under the first exposure, 7.97 mm at its nearest.
    # A faster clock would have the beam over the bow and away between two looks of a busy computer.
    bench.instrument["twin"] |= {"clock_factor": 8.0, "standoff_mm": 9.0, "bow_mm": 1.03}
    bench.instrument |= {
        "link": "stage",
        "pair": {"spectrometer_link": "mca", "rangefinder_link": "rangefinder", "stage_log": "stage.jsonl"},
    }
    bench.ready = "mca"
    bench.scan["instrument"]["controller"] = {
        "kind": "paired",
        "stage": {"kind": "grbl", "port": "stage", "gate": "M8"},
        "spectrometer": {"kind": "dp5", "port": "mca", "settings": {"MCAC": "2048"}},
        "standoff": {"kind": "rangefinder", "port": "rangefinder", "nearest_mm": 8.0, "farthest_mm": 12.0},
    }
    bench.scan["sampling"]["rate"] = 0.02
    with bench.running():
        paused = bench.run("scan", str(bench.config), "--out", str(bench.recording))
    assert paused.returncode == STOPPED, paused.stderr
    assert "mm too near: the rangefinder reads 7.9" in paused.stdout + paused.stderr
    assert bench.measured() > 0
