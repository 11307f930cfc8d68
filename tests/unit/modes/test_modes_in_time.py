"""Modes keep to their time, stay where they may, and go on after what is planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.competition import Predicted, best_of, predict, soonest_of
from edge.modes.counted import CountedObject
from edge.modes.course import carried_out
from edge.modes.growth import ByTime, pieces_from_json, pieces_to_json
from edge.modes.pieces import Pieces
from edge.modes.planning import exposures_of, grown, plan_of_pieces
from edge.modes.pricing import priced
from edge.modes.registry import MODES
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.kinematics import predict_duration, run_starts
from edge.motion.stage_model import StageModel
from edge.planning.keep_outs import KeepOuts
from edge.planning.passage import Passage
from edge.planning.scan_plan import Way
from edge.planning.text import plan_from_json, plan_to_json

SHAPE = (24, 40)
STAGE = StageModel(50.0, 500.0, settle_s=0.004)
GRID = ScanGrid(5.0, 7.0, 0.5, *SHAPE)
PASSAGE = Passage(KeepOuts(), STAGE)


def painted(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A picture of two colours with a round border."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = np.hypot(y - shape[0] / 2, x - shape[1] / 2) < shape[0] / 3
    picture = np.where(inside[:, :, None], (200, 40, 40), (60, 90, 160))
    return (picture + np.random.default_rng(0).integers(-6, 7, picture.shape)).astype(np.uint8)


def setting(**changes: object) -> Setting:
    return replace(Setting(GRID, STAGE, 0.1, np.ones(SHAPE, np.bool_), rgb=painted()), **changes)  # type: ignore[arg-type]


def counted(seed: int = 0) -> CountedObject:
    return CountedObject(painted().astype(float) * 20, ("red", "green", "blue"), seed)


@pytest.mark.parametrize("name", sorted(MODES))
@pytest.mark.parametrize("budget_s", [20.0, pytest.param(60.0, marks=pytest.mark.campaign)])
def test_a_mode_spends_about_the_time_that_it_is_given(name: str, budget_s: float) -> None:
    course = carried_out(MODES[name], setting(), budget_s, counted())
    # a part is close to its time within two parts in a hundred; the last batches of few pieces are coarser
    assert course.seconds == pytest.approx(budget_s, rel=0.08)


@pytest.mark.parametrize("name", sorted(MODES))
def test_no_mode_goes_where_it_may_not(name: str) -> None:
    allowed = np.ones(SHAPE, np.bool_)
    allowed[6:14, 11:23] = False
    target = counted()
    carried_out(MODES[name], setting(allowed=allowed), 40.0, target)
    assert target.live_s[allowed].any()
    assert not target.live_s[~allowed].any()


@pytest.mark.parametrize("name", sorted(MODES))
def test_the_same_photons_make_the_same_course(name: str) -> None:
    one, other = (carried_out(MODES[name], setting(), 30.0, counted(3)) for _ in range(2))
    assert all(np.array_equal(a.first, b.first) for a, b in zip(one.pieces, other.pieces, strict=True))


@pytest.mark.parametrize("name", sorted(MODES))
def test_too_little_time_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="give"):
        carried_out(MODES[name], setting(), 0.05, counted())


def test_lines_run_along_the_longer_side() -> None:
    tall = Setting(ScanGrid(0, 0, 0.5, 40, 24), STAGE, 0.1, np.ones((40, 24), np.bool_), rgb=painted((40, 24)))
    pieces = MODES["raster"].first(tall, 60.0)
    assert len(pieces) == 24
    assert (pieces.last - pieces.first == [39, 0]).all()


def test_pieces_become_a_dwell_for_a_point_and_a_stroke_a_cell_for_a_run() -> None:
    marked = np.zeros(SHAPE, np.bool_)
    marked[3, 4:9] = True
    point = np.zeros(SHAPE, np.bool_)
    point[10, 20] = True
    pieces = Pieces.joined([Pieces.along_rows(marked, 0.02), Pieces.points(point, 0.1)])
    table = exposures_of(pieces, GRID, STAGE)
    is_dwell = (table[:, :2] == table[:, 2:4]).all(axis=1)
    assert sorted(table[:, 4].tolist()) == [0.02] * 5 + [0.1]
    assert np.allclose(table[is_dwell, :2], GRID.centres_mm(np.array([10]), np.array([20])))
    assert run_starts(table).sum() == 2
    middles = (table[~is_dwell, :2] + table[~is_dwell, 2:4]) / 2
    assert {tuple(cell) for cell in GRID.cells_of(middles).tolist()} == {(3, column) for column in range(4, 9)}


def test_what_pieces_are_priced_at_is_what_their_exposures_take() -> None:
    chance = np.random.default_rng(2)
    pieces = Pieces.along_rows(chance.random(SHAPE) < 0.6, 0.02)
    seconds = predict_duration(exposures_of(pieces, GRID, STAGE), STAGE).total_s
    # positions of strokes are equal to those of their runs but for rounding
    assert priced(setting(), pieces).seconds == pytest.approx(seconds, rel=1e-6)


def plan_for(name: str, budget_s: float):
    mode = MODES[name]
    pieces = mode.first(setting(), mode.parts(setting(), budget_s)[0])
    return plan_of_pieces(
        pieces,
        grid=GRID,
        stage=STAGE,
        way=Way(name, budget_s),
        allowed=np.ones(SHAPE, np.bool_),
        seed=1,
        registration_digest="ab" * 32,
        passage=PASSAGE,
    )


def test_a_plan_says_in_its_text_how_its_time_is_spent() -> None:
    plan = plan_for("runs", 40.0)
    again = plan_from_json(plan_to_json(plan))
    assert again.way == Way("runs", 40.0)
    assert again.digest == plan.digest


def test_a_plan_that_grows_part_after_part_ends_with_its_time() -> None:
    growth, plan = ByTime(MODES["runs"], setting(), 40.0, PASSAGE), plan_for("runs", 40.0)
    target, parts = counted(), 0
    target.expose(MODES["runs"].first(setting(), 0.8 * 40.0))
    while not growth.is_whole(plan):
        before, part_s = plan.predicted_s, growth.part_s(plan)
        pieces = MODES["runs"].next(setting(), target.seen(), part_s)
        plan = growth.taken(plan, pieces_to_json(pieces))
        assert plan is not None
        assert plan.predicted_s - before == pytest.approx(part_s, rel=0.35)
        target.expose(pieces)
        parts += 1
    assert 3 <= parts <= 5
    assert plan.predicted_s == pytest.approx(40.0, rel=0.08)


def test_a_batch_spread_for_want_of_a_better_one_fits_its_part() -> None:
    growth, plan = ByTime(MODES["points"], setting(), 40.0, PASSAGE), plan_for("points", 40.0)
    # one point more or less is a tenth of a part
    after = growth.spread(plan)
    assert after.predicted_s - plan.predicted_s == pytest.approx(growth.part_s(plan), rel=0.3)


def test_no_pieces_end_the_scan() -> None:
    growth, plan = ByTime(MODES["runs"], setting(), 40.0, PASSAGE), plan_for("runs", 40.0)
    assert growth.taken(plan, []) is plan
    assert growth.is_whole(plan)


@pytest.mark.parametrize(
    "left",
    ["x", [[1, 2]], [[0, 0, 0, 99, 0.1]], [[0, 0, 2, 2, 0.1]], [[0, 5, 0, 2, 0.1]], [[0, 0, 0, 2, 0.0]],
     [[0.5, 0, 0.5, 2, 0.1]], [[-1, 0, -1, 2, 0.1]], [[0, 0, 0, 2, float("nan")]], {"a": 1}],
)  # fmt: skip
def test_pieces_that_cannot_be_are_none(left: object) -> None:
    assert pieces_from_json(left, setting()) is None


def test_a_plan_grows_over_cells_that_it_has() -> None:
    plan = plan_for("rows", 20.0)
    marked = np.zeros(SHAPE, np.bool_)
    marked[:, :3] = True
    after = grown(plan, Pieces.along_rows(marked, 0.02), allowed=np.ones(SHAPE, np.bool_))
    assert np.array_equal(after.table[: len(plan.table)], plan.table)
    assert after.mask.cells.sum() < plan.mask.cells.sum() + marked.sum()


def test_where_nothing_is_possible_nothing_is_best() -> None:
    impossible = predict(MODES["raster"], setting(), ExpectedRates(), 1.0)
    assert impossible.reason
    assert best_of([impossible]) is None
    assert soonest_of([impossible], 0.5) is None


def test_of_modes_as_good_as_each_other_one_that_listens_is_best() -> None:
    rows, runs = Predicted("rows", 60.0, 60.0, 0.040), Predicted("runs", 60.0, 60.0, 0.0415)
    assert best_of([rows, runs]) is runs
    assert best_of([rows, replace(runs, error=0.044)]) is rows
    assert best_of([rows, replace(runs, reason="too short")]) is rows


def test_more_time_is_predicted_to_show_more() -> None:
    short, long = (predict(MODES["raster"], setting(), ExpectedRates(300, 30), budget_s) for budget_s in (20, 200))
    assert long.error < 0.75 * short.error


def test_what_cannot_be_seen_in_any_picture_needs_one() -> None:
    with pytest.raises(UsageError, match="name a mode instead"):
        predict(MODES["rows"], setting(rgb=None), ExpectedRates(), 20.0)
