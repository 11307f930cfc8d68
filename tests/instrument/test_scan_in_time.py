"""A scan that is given a time: flown in runs that follow what was measured, on the simulated instrument."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge.motion.kinematics import run_starts
from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording
from edge.record.maps_file import read_maps
from edge.state import Ended


@pytest.fixture
def timed(bench):
    sampling = bench.scan["sampling"]
    for key in ("rate", "mask"):
        del sampling[key]
    sampling |= {"time_s": 45.0, "mode": "runs"}
    bench.instrument["twin"]["clock_factor"] = 3.0
    return bench


def history_of(bench):
    with open_recording(bench.recording) as recording:
        return recording.history


def require_whole(history):
    """Every exposure of the last plan once, and the plan as long as its time."""
    plan = plan_from_json(history.plan_json)
    assert history.state == Ended("finished", is_planned=True)
    assert history.irregular == ()
    assert history.done == frozenset(range(len(plan.exposures)))
    assert history.exposures == len(plan.exposures)
    # the last part is chosen to some parts in a hundred
    assert plan.predicted_s == pytest.approx(45.0, rel=0.06)


def test_runs_follow_what_was_measured_and_the_maps_are_estimated_together(timed):
    with timed.running():
        scan = timed.run("scan", str(timed.config), "--out", str(timed.recording))
    assert scan.returncode == 0, scan.stderr
    assert "spread evenly instead" not in scan.stdout + scan.stderr
    history = history_of(timed)
    require_whole(history)
    plans = [plan_from_json(planned.plan_json) for planned in history.plans]
    assert len(plans) >= 3
    for before, after in pairwise(plans):
        assert np.array_equal(after.table[: len(before.table)], before.table)
    table = plans[-1].table
    flown = (table[:, :2] != table[:, 2:4]).any(axis=1)
    assert flown.mean() > 0.9
    assert run_starts(table)[flown].mean() < 0.2
    with open_recording(timed.recording) as recording:
        kept = read_maps(recording.paths.maps)
    assert kept.element_maps.method == "photon-starved"


@pytest.mark.campaign
def test_a_scan_in_a_time_that_was_killed_is_finished_in_the_same_time(timed):
    with timed.running():
        with timed.scanning() as scan:
            timed.scan_until(400, scan)
            scan.kill()
        assert len(history_of(timed).done) > 0
        again = timed.run("scan", "--resume", str(timed.recording))
    assert again.returncode == 0, again.stderr
    require_whole(history_of(timed))
