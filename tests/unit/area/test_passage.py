"""The open beam never comes too near to a keep-out: counting, moving, running up, or taken up anywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.beam.itinerary import Itinerary
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel, predict_duration, run_starts
from edge.planning.area import cells_clear_of, keep_outs_in
from edge.planning.keep_outs import KeepOuts
from edge.planning.passage import Passage
from edge.planning.plan import extended, make_plan
from edge.planning.scan_plan import Exposures
from edge.travel.ordering import order_points
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.native.kinematics import Axes
from models.sampling import SamplingMask
from tests.unit.area.outlines import along, depth_mm, outlines
from tests.unit.area.test_area import area, keep_out

_SINGLE_MM = 1e-4
GRID = ScanGrid(0.0, 0.0, 0.5, 40, 40)
MARGIN_MM = 0.25
STAGE = StageModel(50.0, 500.0, shutter_s=0.5)
SQUARE = [[8.0, 8.0], [12.0, 8.0], [12.0, 12.0], [8.0, 12.0]]


def passage(*outlines_mm, stage=STAGE) -> Passage:
    stated = area(keep_out=[keep_out(outline, f"{k}") for k, outline in enumerate(outlines_mm)])
    return Passage(keep_outs_in(stated, MARGIN_MM), stage)


def allowed_near(*outlines_mm):
    stated = area(keep_out=[keep_out(outline, f"{k}") for k, outline in enumerate(outlines_mm)])
    try:
        return cells_clear_of(keep_outs_in(stated, MARGIN_MM), GRID, stated)
    except UsageError:
        return np.zeros(GRID.shape, np.bool_)


def dwells(poses, live_s=0.01):
    return np.column_stack([poses, poses, np.full(len(poses), live_s)])


def rows_of_strokes(cells, live_s=0.02):
    """Every row of the marked cells flown, every other one backwards, a stroke a cell."""
    parts = []
    for row in range(len(cells)):
        columns = np.flatnonzero(cells[row])
        y = np.full(len(columns), (row + 0.5) * GRID.pitch_mm)
        x0, x1 = columns * GRID.pitch_mm, (columns + 1) * GRID.pitch_mm
        part = np.column_stack([x0, y, x1, y, np.full(len(columns), live_s)])
        parts.append(part[::-1][:, [2, 1, 0, 3, 4]] if row % 2 else part)
    return np.vstack(parts)


def open_way(table, stage, done_by_itinerary):
    """Where an open beam goes: openings as the itinerary allows them, the stage's own ramps at each run's ends."""
    starts, ends = [], []
    for opening in done_by_itinerary:
        part = table[opening]
        first = np.flatnonzero(run_starts(part))
        last = np.append(first[1:], len(part)) - 1
        for low, high in zip(first, last, strict=True):
            run = part[high, 2:4] - part[low, 0:2]
            length = np.hypot(*run)
            speed = np.hypot(*(part[low, 2:4] - part[low, 0:2])) / part[low, 4]
            ramp = speed**2 / (2 * stage.acceleration_mm_s2) * (run / length if length else run)
            ends_here = [part[low, 0:2], part[low, 0:2] - ramp, part[high, 2:4] + ramp]
            if low == 0:
                starts.append(ends_here[0])
            ends.append(ends_here[1])
            starts += [ends_here[1]]
            ends += [ends_here[2]]
            if high != len(part) - 1:
                starts.append(ends_here[2])
    return np.array(starts), np.array(ends)


def openings(table, allowed_way) -> list[list[int]]:
    """Which exposures are made in each opening, submitted eight at a time and finished one by one."""
    exposures = list(Exposures(table))
    lacking = {exposure.index: exposure for exposure in exposures}
    itinerary = Itinerary(exposures, allowed_way)
    made: list[list[int]] = [[]]
    under_way: list[int] = []
    while lacking:
        upcoming = itinerary.upcoming(lacking, 8)
        itinerary.took(len(upcoming))
        under_way += [exposure.index for exposure in upcoming]
        if itinerary.is_held:
            itinerary.begin_again(lacking.values())
            made.append([])
            continue
        index = under_way.pop(0)
        del lacking[index]
        itinerary.done(index)
        made[-1].append(index)
    return made


def worst_depth_mm(outlines_mm, starts, ends):
    points = along(starts, ends, 60)
    worst = -np.inf
    for outline in outlines_mm:
        low, high = np.min(outline, axis=0) - 1, np.max(outline, axis=0) + 1
        near = points[((points >= low) & (points <= high)).all(axis=1)]
        worst = max(worst, depth_mm(np.array(outline), near).max(initial=-np.inf))
    return worst


small = outlines(radius_mm=st.floats(0.3, 3.0))


@settings(max_examples=12)
@given(st.lists(small, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_no_open_beam_meets_a_keep_out_between_dwells_in_whatever_order(polygons, seed):
    random = np.random.default_rng(seed)
    cells = allowed_near(*polygons) & (random.random(GRID.shape) < 0.05)
    centres = random.permutation(GRID.centres_mm(*np.nonzero(cells)))
    way = passage(*polygons)
    table = dwells(centres)
    assert way.trespass(table) is None
    made = openings(table, way)
    assert [index for opening in made for index in opening] == list(range(len(table)))
    starts, ends = open_way(table, STAGE, made)
    if len(starts):
        assert worst_depth_mm(polygons, starts, ends) < -MARGIN_MM + _SINGLE_MM


@settings(max_examples=10)
@given(st.lists(small, min_size=1, max_size=2), st.floats(0.005, 0.1), st.floats(100, 2_000), st.sets(st.integers(0)))
def test_no_open_beam_meets_a_keep_out_on_runs_and_their_ramps(polygons, live_s, acceleration, left_out):
    stage = StageModel(100.0, acceleration)
    way = passage(*polygons, stage=stage)
    concerned = np.zeros(GRID.shape, np.bool_)
    for polygon in polygons:
        low, high = (np.clip(extreme(polygon, axis=0)[1] / 0.5, 0, 40) for extreme in (np.min, np.max))
        concerned[max(int(low) - 1, 0) : int(high) + 2 : 2] = True
    cells = allowed_near(*polygons) & concerned
    if not cells.any():
        return
    table = way.kept_off(rows_of_strokes(cells, live_s))
    assert way.trespass(table) is None
    # taken up again after an interruption, some of it is done already
    rest = np.delete(table, [index % len(table) for index in left_out if len(table) > len(left_out)], axis=0)
    starts, ends = open_way(rest, stage, openings(rest, way))
    assert worst_depth_mm(polygons, starts, ends) < -MARGIN_MM + _SINGLE_MM


@pytest.mark.parametrize(
    ("stage", "longest_at_rest"),
    [
        # a run-out of 0.9375 mm, half as much again as the ramp, leaves 0.25 mm to the keep-out at 8 mm
        (replace(STAGE, are_ramps_measured=True), [13, 14, 15]),
        # one of 1.875 mm: twice the ramp, and 50 ms more in which the acceleration may set in
        (STAGE, [11, 12, 13, 14, 15]),
    ],
)
def test_a_run_that_ends_at_a_keep_out_is_dwelled_on_there_alone(stage, longest_at_rest):
    # 0.5 mm in 0.02 s are 25 mm/s, with 500 mm/s2 a ramp of 0.625 mm
    cells = np.zeros(GRID.shape, np.bool_)
    cells[20, :16] = True
    way = passage(SQUARE, stage=stage)
    kept = way.kept_off(rows_of_strokes(cells))
    at_rest = (kept[:, 0] == kept[:, 2]).nonzero()[0].tolist()
    assert at_rest == longest_at_rest
    assert kept[15].tolist() == [7.75, 10.25, 7.75, 10.25, 0.02]
    assert way.kept_off(kept).tolist() == kept.tolist()


def test_runs_that_no_keep_out_concerns_stay_as_they_are():
    cells = np.zeros(GRID.shape, np.bool_)
    cells[:14] = True
    table = rows_of_strokes(cells)
    assert passage(SQUARE).kept_off(table) is not None
    assert np.array_equal(passage(SQUARE).kept_off(table), table)


def test_each_way_across_is_priced_with_the_shutter_closed():
    table = dwells(np.array([[2.0, 10.0], [18.0, 10.0], [2.0, 10.0], [2.0, 2.0]]))
    way = passage(SQUARE)
    assert way.closed_legs(table).tolist() == [False, True, True, False]
    assert way.closing_s(table) == 1.0
    mask = SamplingMask(_cells([20, 3], [20, 36]), 2 / 1600, "random", "none", 0)
    plan = make_plan(grid=GRID, mask=mask, dwell_s=0.1, stage=STAGE, registration_digest="", passage=way)
    assert plan.predicted_s == pytest.approx(predict_duration(plan.table, STAGE).total_s + 0.5)
    grown = extended(plan, _cells([20, 4]), passage=way)
    assert grown.predicted_s > plan.predicted_s
    assert grown.mask.rate == 3 / 1600


@pytest.mark.parametrize("speed_mm_s", [1.0, 5.0, 10.0, 20.0, 25.0, 39.0])
def test_a_stage_far_worse_than_announced_runs_out_no_further_than_was_looked_at(speed_mm_s):
    # the perturbed stage of ADR 14, which announces 50 mm/s and 500 mm/s2, and says nothing of its jerk
    true_mm = Axes(39.0, 305.0, 9_000.0).ramp(speed_mm_s).length_mm
    beside = [[1 + true_mm, 9.0], [3 + true_mm, 9.0], [3 + true_mm, 11.0], [1 + true_mm, 11.0]]
    stroke = np.array([[0.0, 10.0, 1.0, 10.0, 1.0 / speed_mm_s]])
    bare = Passage(replace(passage(beside).keep_outs, margin_mm=0.0), STAGE)
    assert bare.trespass(stroke) is not None


def test_a_stroke_that_runs_out_over_a_keep_out_is_named():
    table = np.array([[1.0, 10.0, 2.0, 10.0, 0.1], [5.0, 10.0, 7.0, 10.0, 0.04]])
    assert passage(SQUARE).trespass(table) == (1, "0")


@pytest.mark.parametrize(("x_mm", "is_held"), [(7.0, True), (7.9, True), (8.1, False), (10.0, False)])
def test_a_stage_that_stands_in_a_keep_out_is_told_give_or_take_its_uncertainty(x_mm, is_held):
    assert passage(SQUARE).holds(StagePose(x_mm, 10.0), slack_mm=0.25) is is_held


def test_without_keep_outs_no_way_is_closed():
    way = Passage(KeepOuts(), STAGE)
    table = dwells(np.random.default_rng(0).random((50, 2)) * 20)
    table = table[order_points(table[:, :2], STAGE)]
    assert not way
    assert not way.closed_legs(table).any()
    assert way.trespass(table) is None
    assert way.kept_off(table) is table
    assert openings(table, way) == [list(range(50))]
    assert openings(table, None) == [list(range(50))]


def test_what_is_done_already_is_passed_over_by_a_way_that_is_looked_at_anew():
    # 0 and 2 lie on opposite sides of the keep-out, and 1 beside it makes the way round
    table = dwells(np.array([[2.0, 10.0], [10.0, 2.0], [18.0, 10.0], [18.0, 12.0]]))
    exposures = list(Exposures(table))
    itinerary = Itinerary(exposures, passage(SQUARE))
    assert [each.index for each in itinerary.upcoming({0, 1, 2, 3}, 8)] == [0, 1, 2, 3]
    itinerary.took(1)
    assert itinerary.upcoming({0, 2, 3}, 8) == []
    assert not itinerary.is_held
    itinerary.done(0)
    assert itinerary.is_held


def _cells(*places):
    cells = np.zeros(GRID.shape, np.bool_)
    for row, column in places:
        cells[row, column] = True
    return cells
