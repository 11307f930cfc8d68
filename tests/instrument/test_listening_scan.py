"""A scan that listens, on the simulated instrument: planned as it goes, whole at the end, and taken up again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge.planning.plan import plan_from_json
from edge.record.folder import open_recording
from edge.state import Ended

BUDGET = 384
HELD_OUT = 26


@pytest.fixture
def listening(bare):
    bare.scan["sampling"]["mask"] = "adaptive"
    bare.scan["sampling"]["batches"] = 2
    bare.instrument["twin"]["clock_factor"] = 40.0
    return bare


def history_of(bench):
    with open_recording(bench.recording) as recording:
        return recording.history


def require_the_whole_budget(history):
    """Every cell of the maps and every one held out is measured, and one that is both, once."""
    plan = plan_from_json(history.plan_json)
    assert int(plan.mask.cells.sum()) == BUDGET - HELD_OUT
    assert int(plan.held_out.sum()) == HELD_OUT
    exposures = int((plan.mask.cells | plan.held_out).sum())
    assert history.done == frozenset(range(exposures))
    assert history.exposures == exposures


def test_the_plan_grows_to_the_budget_and_every_batch_goes_on_where_the_one_before_ended(listening):
    with listening.running():
        scan = listening.run("scan", str(listening.config), "--out", str(listening.recording))
    assert scan.returncode == 0, scan.stderr
    assert "spread evenly instead" not in scan.stdout + scan.stderr
    history = history_of(listening)
    assert history.state == Ended("finished", is_planned=True)
    require_the_whole_budget(history)
    assert history.irregular == ()
    plans = [plan_from_json(planned.plan_json) for planned in history.plans]
    assert len(plans) == 3
    for before, after in pairwise(plans):
        assert np.array_equal(after.table[: len(before.table)], before.table)
        assert not (before.mask.cells & ~after.mask.cells).any()
    assert plans[-1].mask.origin.startswith("adaptive after netm ")


@pytest.mark.campaign
def test_a_scan_that_was_killed_between_batches_is_finished_with_the_same_budget(listening):
    with listening.running():
        with listening.scanning() as scan:
            listening.scan_until(200, scan)
            scan.kill()
        resumed = listening.run("scan", "--resume", str(listening.recording))
    assert resumed.returncode == 0, resumed.stderr
    history = history_of(listening)
    require_the_whole_budget(history)
