"""A plan that grows keeps what it has, takes nothing that is damaged, and never waits for a chooser that is gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.adaptive.batches import Batches
from edge.adaptive.growth import ByCells, left_for, left_text
from edge.adaptive.scanning import GrowingPlan
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.planning.keep_outs import KeepOuts
from edge.planning.passage import Passage
from edge.planning.plan import extended, make_plan, plan_from_json, plan_to_json
from edge.record.folder import RecordingPaths
from models.sampling import SamplingMask

GRID = ScanGrid(10, 20, 0.5, 12, 16)
STAGE = StageModel(50, 500, settle_s=0.01)


def cells_of(*places):
    cells = np.zeros(GRID.shape, np.bool_)
    cells.ravel()[list(places)] = True
    return cells


def first_plan():
    mask = SamplingMask(cells_of(0, 17, 34), 3 / 192, "netm ab", "error-diffusion", 7)
    return make_plan(grid=GRID, mask=mask, dwell_s=0.1, stage=STAGE, registration_digest="ab" * 32)


@given(st.sets(st.integers(40, 191), min_size=1, max_size=30))
def test_a_plan_that_grew_keeps_its_exposures_and_survives_its_text(places):
    before = first_plan()
    after = extended(before, cells_of(*places))
    assert np.array_equal(after.table[:3], before.table)
    visited = GRID.cells_of(after.table[:, :2])
    assert {row * 16 + column for row, column in visited.tolist()} == {0, 17, 34} | places
    assert after.mask.rate == after.mask.cells.mean()
    assert after.predicted_s > before.predicted_s
    assert extended(after, cells_of(39)).mask.origin == after.mask.origin == "adaptive after netm ab"
    assert plan_from_json(plan_to_json(after)).digest == after.digest


def test_what_comes_to_a_plan_begins_at_its_nearer_end():
    before = first_plan()
    last = before.table[-1, 2:4]
    after = extended(before, cells_of(150, 170, 190))
    way = np.hypot(*(after.table[3:, :2] - last).T)
    assert way[0] <= way[-1]


def test_a_cell_cannot_be_planned_twice():
    with pytest.raises(UsageError, match="give new ones"):
        extended(first_plan(), cells_of(17, 100))


@given(first=st.floats(0.05, 1), count=st.integers(1, 20), cells=st.integers(1, 3000))
def test_batches_taken_one_after_the_other_are_those_of_the_budget(first, count, cells):
    batches = Batches(first, count)
    sizes = batches.sizes(cells)
    planned = sizes[0]
    for size in sizes[1:]:
        assert batches.after(planned, cells) == size
        planned += size
    assert batches.after(planned, cells) == 0


def by_cells():
    passage = Passage(KeepOuts(), StageModel(50.0, 500.0))
    return ByCells(9, Batches(0.3, 2), allowed=~cells_of(5, 6), passage=passage)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan": "other", "batch": [50]}', '{"plan": "PLAN"}'])
def test_what_is_damaged_or_follows_another_plan_is_not_there(tmp_path, text):
    path, plan = tmp_path / "next.json", first_plan()
    assert left_for(path, plan) is None
    path.write_text(text.replace("PLAN", plan.digest))
    assert left_for(path, plan) is None
    path.write_text(left_text(plan, [50, 60]))
    assert left_for(path, plan) == [50, 60]


@pytest.mark.parametrize("batch", [[], [-1], [17], [5], [5000], [1e99], "x", {"a": 1}, [[50]], list(range(40, 60))])
def test_cells_that_cannot_be_are_no_batch(batch):
    assert by_cells().taken(first_plan(), batch) is None


@pytest.fixture
def growing(tmp_path):
    """A plan in a folder that holds no recording, so that whoever is asked for a batch fails."""
    adopted, said = [], []
    plan = GrowingPlan(
        first_plan(),
        by_cells(),
        RecordingPaths(tmp_path),
        queue_length=4,
        adopt=lambda plan, before: adopted.append((plan, before)),
        warn=said.append,
    )
    plan.adopted, plan.said = adopted, said
    yield plan
    plan.close()


def leave(growing, *places):
    path = growing._paths.next_batch
    path.parent.mkdir(exist_ok=True)
    path.write_text(left_text(growing.plan, list(places)))


def test_a_batch_that_was_left_is_planned_and_written_down_before_it_is_measured(growing):
    leave(growing, 100, 120, 140)
    exposures = growing.wait(lambda: False)
    assert [exposure.index for exposure in exposures] == [3, 4, 5]
    assert growing.adopted == [(growing.plan, 3)]
    assert growing.said == []
    assert not growing.is_whole


def test_a_chooser_that_fails_costs_no_batch(growing):
    for count in (3, 3):
        assert len(growing.wait(lambda: False)) == count
    assert growing.is_whole
    assert growing.plan.mask.cells.sum() == 9
    assert growing.said == ["no batch was chosen from what is measured: the next one is spread evenly instead"] * 2


def test_a_batch_that_asks_for_a_forbidden_cell_is_not_taken(growing):
    leave(growing, 5, 120, 140)
    assert len(growing.wait(lambda: False)) == 3
    assert not growing.plan.mask.cells.ravel()[[5, 6]].any()
    assert len(growing.said) == 1


def test_a_wait_is_broken_off_for_the_operator(growing, monkeypatch):
    monkeypatch.setattr(GrowingPlan, "_is_answered", property(lambda self: False))
    assert growing.wait(lambda: True) == ()
    assert growing.adopted == []


def test_nothing_is_asked_while_much_is_left_to_measure(growing):
    assert growing.look(10_000) == ()
    assert growing._process is None


def test_a_plan_that_would_break_a_limit_is_not_taken_up(growing):
    def refuse(plan, before):
        raise SafetyStop("too much beam")

    growing._adopt = refuse
    leave(growing, 100, 120, 140)
    before = growing.plan
    assert growing.wait(lambda: False) == ()
    assert growing.plan is before
    assert growing.is_whole
    assert growing.is_cut_short
    assert growing.said == ["nothing more is planned, the scan ends with what it has: too much beam"]


def test_a_batch_is_not_taken_up_while_the_controller_would_run_out_of_work(growing, monkeypatch):
    monkeypatch.setattr("edge.adaptive.scanning._POLL_S", 0.0)
    assert growing.look(1) == ()
    leave(growing, 100, 120, 140)
    # three exposures of a tenth of a second, and their ways, are less than taking up may need
    assert growing.look(3) == ()
    growing._queue_length = 64
    assert len(growing.look(60)) == 3


def test_no_process_to_choose_costs_no_batch(growing, monkeypatch):
    def fails(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("edge.adaptive.scanning.subprocess.Popen", fails)
    assert len(growing.wait(lambda: False)) == 3
    assert growing.said == ["no batch was chosen from what is measured: the next one is spread evenly instead"]
