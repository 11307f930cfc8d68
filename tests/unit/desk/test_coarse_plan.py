"""`pointillist plan` of a coarse raster: what it measures, prices and says, and what it is refused for."""

from __future__ import annotations

import numpy as np
import pytest

from edge.configuration.config import load_scan_config
from edge.planning.plan import ScanPlan, plan_from_json
from edge.strokes import is_long
from tests.unit.desk.panel import Desk

USAGE, SAFETY = 2, 4
GRID = (64, 96)


@pytest.fixture
def coarse(desk: Desk) -> Desk:
    desk.scan["sampling"] = {"coarse": {"factor": 4}, "dwell_s": 0.1, "seed": 1, "held_out": 0}
    return desk


def plan_of(desk: Desk) -> ScanPlan:
    return plan_from_json((desk.out / "plan.json").read_text("utf-8"))


def test_points_lie_in_the_middle_of_blocks_and_are_said_to(coarse: Desk) -> None:
    said = coarse.plan()
    assert (said.code, said.err) == (0, "")
    plan = plan_of(coarse)
    expected = np.zeros(GRID, np.bool_)
    expected[2::4, 2::4] = True
    assert np.array_equal(plan.mask.cells, expected)
    assert len(plan.table) == 384
    assert "one cell in the middle of each block of 4 x 4 cells; the others are inferred" in said.out
    assert "384 exposures of 0.1 s" in said.out


def test_strokes_go_through_the_middle_of_blocks_in_long_runs_and_take_less_time(coarse: Desk) -> None:
    assert coarse.plan().code == 0
    in_points = plan_of(coarse)
    coarse.scan["sampling"]["coarse"]["exposures"] = "strokes"
    coarse.out = coarse.folder / "strokes"
    said = coarse.plan()
    assert said.code == 0, said.err
    plan = plan_of(coarse)
    assert len(plan.table) == 384
    assert is_long(plan.table[:, :2], plan.table[:, 2:4], plan.grid).all()
    lengths_mm = np.hypot(*(plan.table[:, 2:4] - plan.table[:, :2]).T)
    assert np.allclose(lengths_mm, 4 * 0.5)
    assert np.allclose(plan.table[:, 4], 0.1)
    assert np.array_equal(plan.mask.cells, in_points.mask.cells)
    assert plan.predicted_s < in_points.predicted_s
    assert "one stroke through the middle of each block of 4 x 4 cells, a mean over its 4 cells" in said.out


def test_strokes_run_along_the_longer_side(coarse: Desk) -> None:
    coarse.scan["area"] |= {"width_mm": 20.0}
    coarse.scan["sampling"]["coarse"]["exposures"] = "strokes"
    assert coarse.plan().code == 0
    table = plan_of(coarse).table
    assert np.array_equal(table[:, 0], table[:, 2])


def test_a_stroke_through_a_smaller_block_at_the_rim_is_shorter_at_the_same_speed(coarse: Desk) -> None:
    coarse.scan["sampling"]["coarse"] = {"factor": 5, "exposures": "strokes"}
    assert coarse.plan().code == 0
    table = plan_of(coarse).table
    lengths_mm = np.hypot(*(table[:, 2:4] - table[:, :2]).T)
    assert sorted(set(np.round(lengths_mm, 6))) == [0.5, 2.5]
    assert np.allclose(lengths_mm / table[:, 4], 25.0)


def test_exposures_held_out_lie_between_those_that_are_fitted(coarse: Desk) -> None:
    coarse.scan["sampling"] |= {"held_out": 0.1, "coarse": {"factor": 4, "exposures": "strokes"}}
    assert coarse.plan().code == 0
    plan = plan_of(coarse)
    assert plan.held is not None
    assert plan.held.sum() == 38
    assert not (plan.held & plan.mask.cells).any()
    assert len(plan.table) == 384 + 38


def test_strokes_around_a_keep_out_leave_it_alone(coarse: Desk) -> None:
    coarse.scan["area"]["keep_out"] = [
        {"name": "gilding", "polygon": [[60.0, 50.0], [75.0, 50.0], [75.0, 65.0], [60.0, 65.0]]}
    ]
    coarse.scan["sampling"]["coarse"]["exposures"] = "strokes"
    # the plan's own check refuses what touches it
    said = coarse.plan()
    assert said.code == 0, said.err
    assert 300 < len(plan_of(coarse).table) < 460


def test_two_plans_of_different_factors_differ_in_cells_and_time(coarse: Desk) -> None:
    assert coarse.plan().code == 0
    coarse.scan["sampling"]["coarse"]["factor"] = 8
    first, coarse.out = coarse.out, coarse.folder / "eight"
    assert coarse.plan().code == 0
    said = coarse.run("plan", "--diff", str(first), str(coarse.out))
    assert "cells: " in said.out
    assert "time: " in said.out


@pytest.mark.parametrize(
    ("sampling", "sentence"),
    [
        ({"coarse": {"factor": 1}}, "factor"),
        ({"coarse": {"factor": 65}}, "larger than the grid's 64 x 96 cells: give at most 64"),
        ({"coarse": {"factor": 4}, "rate": 0.2}, "coarse measures every block of cells, and rate chooses"),
        ({"coarse": {"factor": 4}, "mask": "grid"}, "coarse measures every block of cells, and mask chooses"),
        ({"coarse": {"factor": 4}, "time_s": 60.0}, "coarse measures every block of cells, and time_s chooses"),
        ({"coarse": {"factor": 4, "exposures": "squares"}}, "points"),
        (
            {"coarse": {"factor": 4, "exposures": "strokes"}, "dwell_s": 0.01},
            "strokes over 4 cells of 0.5 mm in sampling.dwell_s of 0.01 s are too fast for this instrument",
        ),
    ],
)
def test_a_raster_that_cannot_be_is_refused_in_a_sentence(coarse: Desk, sampling: dict, sentence: str) -> None:
    coarse.scan["sampling"] = sampling
    assert sentence in coarse.refused(USAGE)


def test_an_aim_has_no_use_for_a_raster_that_is_fixed(coarse: Desk) -> None:
    assert "sampling.coarse measures every block" in coarse.refused(USAGE, "--time", "10min")


def test_a_recorded_configuration_of_a_coarse_raster_is_read_again(coarse: Desk) -> None:
    coarse.write()
    config = load_scan_config(coarse.config)
    assert type(config).model_validate(config.model_dump(mode="json")).is_coarse
