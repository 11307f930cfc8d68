"""A scan past keep-outs on the simulated instrument: its own log says where the beam was, also after a kill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.configuration.config import load_scan_config
from edge.planning.area import allowed_cells, keep_outs_of
from edge.planning.keep_outs import NOTHING
from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.state import Ended
from firmware_bridge.twins.native.kinematics import Axes

ASTRAY_MM = 5 * np.hypot(0.004, 0.002)
"""Five standard deviations of where the twin stops and of what it measures."""
SEAL = [[62.0, 51.0], [72.0, 49.0], [76.0, 58.0], [69.0, 55.0], [64.0, 66.0]]
"""Not convex."""
CLIP = [[88.0, 40.0], [99.0, 40.0], [99.0, 47.0], [88.0, 47.0]]
"""Reaches beyond the area."""
PANEL = [[46.0, 43.0], [94.0, 43.0], [94.0, 75.0], [58.0, 75.0], [46.0, 62.0]]


@pytest.fixture
def guarded(bench):
    bench.scan["area"]["polygon"] = PANEL
    bench.scan["area"]["keep_out"] = [{"name": "seal", "polygon": SEAL}, {"name": "clip", "polygon": CLIP}]
    bench.scan["area"]["pitch_mm"] = 1.0
    bench.scan["sampling"] |= {"mask": "netm", "rate": 0.15}
    return bench


def open_ways(events) -> tuple[np.ndarray, np.ndarray]:
    """Where the stage went with the shutter open: within each opening, straight from one exposure to the next."""
    starts, ends, last = [], [], None
    for event in events:
        match event["event"]:
            case "shutter_opened" | "shutter_closed" | "boot":
                last = None
            case "exposed":
                here = event["x_mm"], event["y_mm"]
                starts.append(here if last is None else last)
                ends.append(here)
                last = here
    return np.array(starts), np.array(ends)


def assert_that_no_beam_met_a_keep_out(bench) -> None:
    keep_outs = keep_outs_of(load_scan_config(bench.config))
    starts, ends = open_ways(bench.twin_events())
    touched = replace(keep_outs, margin_mm=keep_outs.margin_mm - ASTRAY_MM).touched(starts, ends)
    assert (touched == NOTHING).all(), (starts[touched != NOTHING], ends[touched != NOTHING])


def test_no_open_beam_meets_a_keep_out_and_nothing_is_shown_there(guarded):
    with guarded.running():
        scan = guarded.run("scan", str(guarded.config), "--out", str(guarded.recording))
    assert scan.returncode == 0, scan.stderr
    assert_that_no_beam_met_a_keep_out(guarded)
    with open_recording(guarded.recording) as recording:
        history = recording.history
    assert history.state == Ended("finished", is_planned=True)
    plan = plan_from_json(history.plan_json)
    allowed = allowed_cells(load_scan_config(guarded.config), plan.grid)
    cells = plan.grid.cells_of(plan.table[:, :2])
    assert len(np.unique(cells, axis=0)) == len(plan.table) == round(0.15 * allowed.sum())
    assert allowed[cells[:, 0], cells[:, 1]].all()
    maps = read_maps(guarded.recording / "maps.h5").element_maps
    assert np.array_equal(np.isfinite(maps.maps).all(axis=2), allowed)
    assert np.array_equal(maps.scanned, allowed)


@pytest.mark.campaign
def test_a_scan_that_was_killed_past_a_keep_out_goes_on_past_it(guarded):
    guarded.instrument["twin"]["clock_factor"] = 20.0
    with guarded.running():
        with guarded.scanning() as scan:
            guarded.scan_until(60, scan)
            scan.kill()
        resumed = guarded.run("scan", "--resume", str(guarded.recording))
    assert resumed.returncode == 0, resumed.stderr
    assert_that_no_beam_met_a_keep_out(guarded)


@pytest.mark.campaign
def test_no_run_meets_a_keep_out_where_it_runs_up_and_out(guarded):
    # softer than it announces, with a jerk that nothing announces
    guarded.instrument["twin"] |= {"speed_factor": 0.78, "acceleration_factor": 0.61, "jerk_mm_s3": 9_000.0}
    guarded.scan["sampling"] = {"time_s": 60.0, "mode": "rows", "dwell_s": 0.02}
    with guarded.running():
        scan = guarded.run("scan", str(guarded.config), "--out", str(guarded.recording))
    assert scan.returncode == 0, scan.stderr
    with open_recording(guarded.recording) as recording:
        plan = plan_from_json(recording.history.plan_json)
    made = [event for event in guarded.twin_events() if event["event"] == "exposed"]
    way = plan.table[[event["index"] for event in made], 2:4] - plan.table[[event["index"] for event in made], 0:2]
    starts = np.array([(event["x_mm"], event["y_mm"]) for event in made])
    length, duration = np.hypot(*way.T), np.array([event["real_s"] for event in made])
    assert np.count_nonzero(length) > len(made) / 2
    # the twin's true motion, along the rows; each stroke is taken as if it began and ended a run
    true = Axes(0.78 * 50, 0.61 * 500, 9_000.0)
    ramp = np.array([true.ramp(speed).length_mm if speed > 0 else 0.0 for speed in length / duration])
    ahead = np.divide(way, length[:, None], out=np.zeros_like(way), where=length[:, None] > 0) * ramp[:, None]
    keep_outs = keep_outs_of(load_scan_config(guarded.config))
    kept = replace(keep_outs, margin_mm=keep_outs.margin_mm - ASTRAY_MM)
    assert (kept.touched(starts - ahead, starts + way + ahead) == NOTHING).all()
