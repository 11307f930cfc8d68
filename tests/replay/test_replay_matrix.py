"""The comparison of masks on a raster: what is always in it, what it says, and that it goes on where it stopped."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from edge import cli
from edge.adaptive.batches import ADAPTIVE
from edge.motion.stage_model import StageModel
from edge.replay_matrix import in_time, trials
from edge.replay_matrix.answer import Times, answer, rate_for
from edge.replay_matrix.choosing import Setup, scored_cells
from edge.replay_matrix.costs import Costs
from edge.replay_matrix.design import GRID, LEARNER, OURS, PLAIN, Design, Trial, design
from edge.replay_matrix.prices import Stage, points_s, raster_s
from edge.replay_matrix.trials import carried_out
from edge.replaying.sources import load_stack

ROWS, COLUMNS = 24, 32


@pytest.fixture
def raster(tmp_path):
    """A disc that the photograph shows and a blot that it does not."""
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(float)
    shown = 1.0 / (1 + np.exp((np.hypot(row - 12, column - 12) - 7) / 0.8))
    hidden = np.exp(-((column - 24) ** 2 + (row - 6) ** 2) / 20)
    rgb = np.repeat((40 + 180 * shown)[..., None], 3, axis=2).astype(np.uint8)
    path = tmp_path / "disc.npz"
    np.savez(path, maps=np.stack([100 * shown, 30 * hidden], axis=2), elements=["Pb-L", "Hg-L"], rgb=rgb)
    return path


@pytest.fixture
def small():
    """A design of two masks, filled linearly, that takes no time."""
    kinds = itertools.product((0.1, 0.2), (GRID, "blue-noise"))
    return Design(tuple(Trial(mask, rate, PLAIN) for rate, mask in kinds), 0.1)


@pytest.mark.parametrize("is_quick", [True, False])
def test_grid_and_learner_stand_beside_ours_at_every_rate(raster, is_quick):
    pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    plan = design(load_stack(raster), rate=None, is_quick=is_quick)
    for rate, mask, method in itertools.product(plan.rates, (ADAPTIVE, "netm", GRID, LEARNER), (OURS, PLAIN)):
        assert Trial(mask, rate, method) in plan.trials
    assert {one.rate for one in plan.trials[:8]} == {0.1}, "what answers comes first"
    assert len(set(plan.trials)) == len(plan.trials)


def test_the_whole_matrix_has_every_reconstruction_of_few_samples(raster):
    from edge.reconstruct import METHODS

    plan = design(load_stack(raster), rate=None, is_quick=False)
    of_rasters = {"photon-starved", "ssr", "ssr-baseline-1", "ssr-baseline-2", "ssrcu", "csusr"}
    assert set(plan.methods) == set(METHODS) - of_rasters, "which need most cells measured, or means"


def test_what_cannot_be_compared_is_said(raster, monkeypatch):
    monkeypatch.setattr("edge.replay_matrix.design.find_spec", lambda _name: None)
    plan = design(replace(load_stack(raster), rgb=None), rate=None, is_quick=True)
    assert LEARNER not in plan.masks
    assert "netm" not in plan.masks
    assert [remark.split(" ", 3)[:3] for remark in plan.remarks] == [["Masks", "that", "look"], [LEARNER, "is", "left"]]


def test_a_sparse_source_is_asked_for_no_more_than_it_holds(raster):
    stack = load_stack(raster)
    known = np.zeros(stack.shape, bool)
    known[::2, ::2] = True
    sparse = replace(stack, known=known, is_full=False)
    assert max(design(sparse, rate=None, is_quick=False).rates) < 0.25
    assert design(sparse, rate=0.2, is_quick=True).rates == (0.1, 0.2), "twice as much is not there"
    cells = np.zeros_like(known)
    cells[0, 0] = True
    assert not scored_cells(cells, sparse)[0, 0]
    assert scored_cells(cells, sparse)[0, 2]


def test_an_interrupted_comparison_goes_on_and_makes_nothing_twice(raster, small, tmp_path, monkeypatch):
    setup = Setup(load_stack(raster), seed=0)
    ticks = itertools.chain([0.0, 1.0, 2.0], itertools.repeat(11.0))
    first = carried_out(small, setup, tmp_path / "kept", within_s=10.0, clock=lambda: next(ticks))
    assert len(first.scores) == 2
    assert first.left_out == list(small.trials[2:])
    made = []
    real = trials.scored
    monkeypatch.setattr(trials, "scored", lambda *given: made.append(given) or real(*given))
    again = carried_out(small, setup, tmp_path / "kept", within_s=10.0)
    assert len(made) == 2
    assert list(again.scores) == list(small.trials)
    assert {trial: again.scores[trial] for trial in first.scores} == first.scores


def test_another_seed_or_another_version_takes_no_kept_result(raster, small, tmp_path, monkeypatch):
    stack = load_stack(raster)
    carried_out(small, Setup(stack, seed=0), tmp_path, within_s=60.0)
    other = carried_out(small, Setup(stack, seed=1), tmp_path, within_s=0.0)
    assert other.scores == {}
    monkeypatch.setattr(trials, "code_digest", lambda: "another")
    assert carried_out(small, Setup(stack, seed=0), tmp_path, within_s=0.0).scores == {}


def test_a_mask_that_cannot_be_had_is_told_and_the_others_go_on(raster, tmp_path):
    stack = replace(load_stack(raster), rgb=None)
    plan = Design((Trial("gradient", 0.1, PLAIN), Trial(GRID, 0.1, PLAIN)), 0.1)
    outcome = carried_out(plan, Setup(stack, seed=0), tmp_path, within_s=60.0)
    assert list(outcome.scores) == [plan.trials[1]]
    assert "needs a photograph" in outcome.refusals["mask gradient"]


def test_the_rate_that_a_rival_needs_lies_between_those_tried():
    curve = [(0.05, 20.0), (0.1, 24.0), (0.2, 30.0)]
    assert rate_for(27.0, curve) == pytest.approx(0.1 * 2**0.5)
    assert rate_for(18.0, curve) == 0.05
    assert rate_for(31.0, curve) is None


def test_the_answer_says_when_a_rival_is_better(raster, tmp_path):
    plan = Design(tuple(Trial(mask, 0.1, method) for mask in (ADAPTIVE, GRID) for method in (OURS, PLAIN)), 0.1)
    outcome = carried_out(plan, Setup(load_stack(raster), seed=0), tmp_path, within_s=60.0)
    ours = outcome.scores[Trial(ADAPTIVE, 0.1, OURS)]
    rival = Trial(GRID, 0.1, PLAIN)
    outcome.scores[rival] = replace(outcome.scores[rival], db=ours.db + 2)
    said = answer(plan, outcome, ROWS * COLUMNS, Times(100.0, 25.0), 0.02)
    assert f"{ours.db:.1f} dB" in said[0]
    assert any(
        "takes 25.0 s on the stage below, where the full raster takes 1 min 40 s: 25.0 % of the time" in one
        for one in said
    )
    assert any("counting alone, maps without any fault would differ from it by 2.0 %" in one for one in said)
    assert any("on a regular grid, filled in linearly, gives maps that are 2.0 dB better." in one for one in said)
    assert said[-1].startswith("The best of all that was tried at this rate is grid with linear")


def test_times_are_those_of_dwells_and_of_a_raster_in_motion():
    stage = Stage(1.0, 2.0, StageModel(50.0, 500.0))
    cells = np.zeros((10, 20), bool)
    cells[::3, ::4] = True
    assert points_s(cells, stage) == pytest.approx(2.0 * cells.sum(), rel=0.2), "counting is most of it"
    assert points_s(cells, stage) > 2.0 * cells.sum()
    assert raster_s(cells.shape, stage, cells=cells.size) == pytest.approx(2.0 * cells.size, rel=0.05)


def test_the_command_leaves_a_page_with_the_answer_at_its_top(raster, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(in_time, "MODES", {name: in_time.MODES[name] for name in ("grid", "rows")})
    arguments = ["--quick", "--within", "90s", "--dwell", "2", "--stage", "80,800", "--out", str(out)]
    assert cli.run(["replay", str(raster), *arguments]) == 0
    said = capsys.readouterr().out
    page = (out / "report.html").read_text("utf-8")
    first = re.search(r"With 10.0 % of the cells \(77 of 768\), Pointillist would have shown.*", said)
    assert first
    in_a_tenth = re.search(r"In a tenth of the time, \d min \d\d s instead of 25 min \d\d s, Pointillist would", said)
    assert in_a_tenth
    assert page.index(in_a_tenth[0]) < page.index(first[0].split(",")[0]) < page.index("<section")
    assert "of the time, " in page[page.index("<h3>Visited cells") :], "and is among the pictures"
    report = json.loads((out / "report.json").read_text())
    assert report["in_time"]["mode"] in ("grid", "rows")
    assert report["in_time"]["seconds"] < 0.12 * report["in_time"]["full_raster_s"]
    assert "a stage of 80 mm/s and 800 mm/s²" in said
    assert {path.name for path in out.iterdir()} == {"report.html", "report.json", "maps.h5", "trials"}
    assert page.count("<svg") >= 2, "curves of dB and of RMSE"
    assert 'src="http' not in page
    assert "default-src 'none'" in page


def test_options_of_a_comparison_are_refused_of_a_single_replay(raster, tmp_path, capsys):
    assert cli.run(["replay", str(raster), "--mask", "grid", "--quick", "--out", str(tmp_path / "out")]) == 2
    assert "--quick, --within, --pitch, --dwell and --stage are of a comparison" in capsys.readouterr().err


def test_a_rival_is_said_to_need_more_only_where_more_was_tried(raster, tmp_path):
    plan = Design(tuple(Trial(mask, rate, PLAIN) for rate in (0.1, 0.3) for mask in (ADAPTIVE, GRID)), 0.1)
    ours = Design((*plan.trials, Trial(ADAPTIVE, 0.1, OURS)), 0.1)
    outcome = carried_out(ours, Setup(load_stack(raster), seed=0), tmp_path, within_s=60.0)
    best = Trial(ADAPTIVE, 0.1, OURS)
    outcome.scores[best] = replace(outcome.scores[best], db=99.0)
    assert any("30.0 % of the cells are not enough" in one for one in answer(ours, outcome, ROWS * COLUMNS, None))
    del outcome.scores[Trial(GRID, 0.3, PLAIN)]
    assert not any("not enough" in one for one in answer(ours, outcome, ROWS * COLUMNS, None))


def test_a_slow_kind_is_not_begun_where_its_time_is_not_left(raster, tmp_path):
    class Dear(Costs):
        def seconds(self, trial, *, has_mask):
            return 1e6 if trial.method == "nearest" else 0.0

    setup = Setup(load_stack(raster), seed=0)
    plan = Design((Trial(GRID, 0.2, "nearest"), Trial(GRID, 0.2, PLAIN)), 0.1)
    outcome = carried_out(plan, setup, tmp_path, within_s=60.0, costs=Dear(setup))
    assert outcome.left_out == [plan.trials[0]]
    assert list(outcome.scores) == [plan.trials[1]]


def test_a_rival_that_takes_too_long_is_stopped_and_told_as_left_out(raster, tmp_path):
    pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    ticks = itertools.chain([0.0, 1.0], itertools.repeat(11.0))
    plan = Design((Trial(LEARNER, 0.1, PLAIN),), 0.1)
    setup = Setup(load_stack(raster), seed=0)
    outcome = carried_out(plan, setup, tmp_path, within_s=10.0, clock=lambda: next(ticks))
    assert outcome.left_out == list(plan.trials)
    assert outcome.refusals == {}
