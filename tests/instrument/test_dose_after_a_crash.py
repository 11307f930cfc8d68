"""A scan that is killed with the beam on, where a cell may receive no more than one exposure."""

from __future__ import annotations

import numpy as np
import pytest

from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.state import Ended
from tests.instrument.conftest import Bench, await_that

PLANNED = 384


def is_open(bench: Bench) -> bool:
    shutter = [event["event"] for event in bench.twin_events() if event["event"].startswith("shutter")]
    return shutter[-1:] == ["shutter_opened"]


@pytest.mark.campaign
def test_what_the_crash_may_have_begun_is_left_out_and_every_other_cell_is_exposed_once(bench: Bench) -> None:
    bench.instrument["twin"]["clock_factor"] = 20.0
    bench.scan["sampling"]["mask"] = "grid"
    bench.scan["dose"] = {"max_live_s_per_cell": 0.1}
    with bench.running():
        with bench.scanning() as scan:
            bench.scan_until(100, scan)
            scan.kill()
            scan.wait(timeout=60)
        await_that(lambda: not is_open(bench), "the end of the lease")
        resumed = bench.run("scan", "--resume", str(bench.recording))
        assert resumed.returncode == 0, resumed.stderr
        exposed = [event["index"] for event in bench.twin_events() if event["event"] == "exposed"]
    with open_recording(bench.recording) as recording:
        history = recording.history
    assert history.state == Ended("finished", is_planned=True)
    # One for the crash; a machine that is too busy to renew the lease adds others.
    assert history.left_out
    assert history.done == frozenset(range(PLANNED)) - history.left_out
    assert sorted(exposed) == sorted(history.done), "no finished cell is exposed again, and none that is left out"
    assert "was cut short after 0.1 s at the most and is not made again: the cell in row " in resumed.stderr
    for index in history.left_out:
        assert f"exposure {index} was cut short after " in bench.said + resumed.stderr
    report = (bench.recording / "report.html").read_text("utf-8")
    assert "Not made, for what their cells had received" in report
    received = read_maps(bench.recording / "maps.h5").received
    assert np.count_nonzero(received["live_s"]) == PLANNED - len(history.left_out)
    assert received["live_s"].max() < 0.1 * 1.001
