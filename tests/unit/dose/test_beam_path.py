"""Where the beam was and for how long, in cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dose.path import counted_s_per_cell, live_s_per_cell, measured_leg_s_per_cell, planned_leg_s_per_cell
from edge.grid import ScanGrid
from edge.motion.kinematics import predict_duration
from edge.motion.stage_model import StageModel

GRID = ScanGrid(0.0, 0.0, 1.0, rows=20, columns=20)
STAGE = StageModel(50.0, 500.0, settle_s=0.02)
cells = st.tuples(st.integers(0, 19), st.integers(0, 19))


def dwells(*at: tuple[int, int], live_s: float = 0.1) -> np.ndarray:
    centres = GRID.centres_mm(*np.array(at).T)
    return np.column_stack([centres, centres, np.full(len(at), live_s)])


def measured(table: np.ndarray, gaps_s: list[float], openings: list[int] | None = None) -> np.ndarray:
    opened_s = np.concatenate([[0.0], np.cumsum(table[:-1, 4] + gaps_s)])
    return measured_leg_s_per_cell(
        table[:, 0:2],
        table[:, 2:4],
        opened_s,
        opened_s + table[:, 4],
        np.zeros(len(table), np.int64) if openings is None else np.array(openings),
        stage=STAGE,
        grid=GRID,
    )


@given(st.lists(cells, min_size=2, max_size=12))
def test_planned_legs_take_as_long_as_the_plan_says(path: list[tuple[int, int]]) -> None:
    table = dwells(*path)
    duration = predict_duration(table, STAGE)
    # Of the waiting, only the first exposure's own comes before the beam is on its way.
    expected_s = duration.travel_s + duration.waiting_s - STAGE.stop_s
    assert planned_leg_s_per_cell(table, STAGE, GRID).sum() == pytest.approx(expected_s, rel=1e-9)


@given(st.lists(cells, min_size=2, max_size=12), st.floats(1e-3, 5.0))
def test_all_the_time_between_exposures_of_one_opening_is_placed(path: list[tuple[int, int]], gap_s: float) -> None:
    table = dwells(*path)
    gaps_s = [gap_s] * (len(path) - 1)
    assert measured(table, gaps_s).sum() == pytest.approx(sum(gaps_s), rel=1e-9)


def test_a_leg_sweeps_the_cells_on_its_way_and_waits_at_its_end() -> None:
    table = dwells((5, 2), (5, 17))
    move_s = float(STAGE.step_s(np.array([[15.0, 0.0]]))[0])
    seconds = measured(table, [move_s + 0.5])
    assert (seconds[5, 2:18] > 0).all()
    assert seconds[5].sum() == pytest.approx(seconds.sum())
    # In the middle the stage runs at 50 mm/s: a cell of 1 mm in 20 ms, to a quarter of a cell's piece.
    assert seconds[5, 9] == pytest.approx(0.02, rel=0.05)
    # It stops with 500 mm/s2: over the last half cell it takes sqrt(2 * 0.5 / 500) s, and then it waits.
    assert seconds[5, 17] == pytest.approx(0.5 + np.sqrt(0.002), rel=0.05)


def test_between_two_openings_the_beam_was_off() -> None:
    table = dwells((5, 2), (5, 17), (9, 17))
    seconds = measured(table, [1.0, 1.0], [0, 1, 1])
    assert seconds[5, 3:16].sum() == 0
    assert seconds.sum() == pytest.approx(1.0)


def test_a_controller_that_was_started_again_leaves_a_way_that_nobody_knows() -> None:
    table = dwells((5, 2), (5, 17))
    opened_s = np.array([100.0, 3.0])
    seconds = measured_leg_s_per_cell(
        table[:, 0:2], table[:, 2:4], opened_s, opened_s + 0.1, np.zeros(2, np.int64), stage=STAGE, grid=GRID
    )
    assert seconds.sum() == 0


def rows_of_strokes(rows: int, cell_s: float) -> np.ndarray:
    edges = np.arange(2.0, 19.0)
    table = []
    for row in range(rows):
        starts, ends = (edges[:-1], edges[1:]) if row % 2 == 0 else (edges[:0:-1], edges[-2::-1])
        table += [[a, row + 0.5, b, row + 0.5, cell_s] for a, b in zip(starts, ends, strict=True)]
    return np.array(table)


def test_runs_are_flown_through_and_turn_beyond_their_ends() -> None:
    table = rows_of_strokes(2, 0.05)
    seconds = planned_leg_s_per_cell(table, StageModel(50.0, 500.0), GRID)
    assert seconds[:, 3:17].sum() == 0, "nothing is added within a run"
    # At 20 mm/s the stage takes 0.4 mm to stop, within the next cell, and as much to come back.
    assert (seconds[:2, 18] > 0).all()
    assert seconds[:, :2].sum() == 0, "the beam goes off at the end of the last run"


def test_measured_runs_are_told_from_stops_by_their_time() -> None:
    table = rows_of_strokes(1, 0.05)
    assert measured(table, [1e-4] * 15).sum() == pytest.approx(15e-4, rel=1e-6)


def test_a_stroke_gives_its_time_evenly_and_what_lies_outside_is_left_out() -> None:
    starts, ends = np.array([[-2.0, 3.5]]), np.array([[4.0, 3.5]])
    seconds = counted_s_per_cell(starts, ends, np.array([6.0]), GRID)
    np.testing.assert_allclose(seconds[3, :4], 1.0, atol=1e-9)
    assert seconds.sum() == pytest.approx(4.0)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=10))
def test_live_time_is_neither_lost_nor_made(strokes: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    starts, ends = (GRID.centres_mm(*np.array([pair[i] for pair in strokes]).T) for i in (0, 1))
    table = np.column_stack([starts, ends, np.ones(len(strokes))])
    assert live_s_per_cell(table, GRID).sum() == pytest.approx(len(strokes))


def test_a_way_with_the_shutter_closed_gives_nothing_on_it() -> None:
    table = dwells((5, 2), (5, 17), (8, 17))
    seconds = planned_leg_s_per_cell(table, STAGE, GRID, closed=np.array([False, True, False]))
    assert not seconds[5, :17].any()
    assert seconds[5:9, 17].all()
