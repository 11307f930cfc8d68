"""The course of a plan: where the beam is when, as the stage's model predicts it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.motion.kinematics import ExposureTable, StageModel, predict_duration, run_starts, run_times
from edge.path.course import course_of

STAGE = StageModel(
    50, 500, settle_s=0.01, overhead_s=0.02, run_overhead_s=0.1, readout_s=0.005, lead_s=0.03, dwell_step_s=0.05
)


def run(x_mm: float, y_mm: float, cells: int, live_s: float = 0.1) -> ExposureTable:
    """Strokes of half a millimetre that are flown as one."""
    left = x_mm + 0.5 * np.arange(cells)
    y = np.full(cells, y_mm)
    return np.column_stack([left, y, left + 0.5, y, np.full(cells, live_s)])


def dwells(places: list[tuple[float, float]], live_s: float = 0.07) -> ExposureTable:
    at = np.array(places, float).reshape(-1, 2)
    return np.column_stack([at, at, np.full(len(at), live_s)])


MIXED = np.vstack([dwells([(0, 0), (3, 4)]), run(5, 5, 6), run(20, 8, 3, 0.2), dwells([(1, 1)])])

places = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=6)
parts = st.one_of(
    places.map(dwells),
    st.builds(run, st.integers(0, 90), st.integers(0, 90), st.integers(1, 9), st.floats(0.05, 0.5)),
)


@given(st.lists(parts, min_size=1, max_size=6))
def test_the_times_of_dwells_and_runs_end_with_the_predicted_duration(pieces: list[ExposureTable]) -> None:
    table = np.vstack(pieces)
    from_s, until_s, total_s = run_times(table, STAGE)
    assert len(from_s) == len(until_s) == run_starts(table, STAGE).sum()
    # sums of the same terms in another order
    assert total_s == pytest.approx(predict_duration(table, STAGE).total_s, rel=1e-9)
    assert (until_s > from_s).all()
    assert (from_s[1:] >= until_s[:-1]).all()


def test_a_dwell_counts_after_way_settling_and_overhead_and_is_read_before_the_next_way() -> None:
    stage = StageModel(50, 500, settle_s=0.01, overhead_s=0.02, readout_s=0.3)
    from_s, until_s, total_s = run_times(dwells([(0, 0), (5, 0)], 1.0), stage)
    # 5 mm is the shortest trapezoid, 0.2 s
    assert from_s == pytest.approx([0.03, 0.03 + 1.3 + 0.2 + 0.03])
    assert until_s - from_s == pytest.approx([1.0, 1.0])
    assert total_s == pytest.approx(until_s[-1] + 0.3)


def test_cells_flown_without_stopping_are_one_run_of_the_course() -> None:
    course = course_of(MIXED, STAGE)
    assert course.is_run.tolist() == [False, False, True, True, False]
    assert course.exposures.tolist() == [1, 2, 8, 11, 12]
    assert course.path_mm[2].tolist() == [5, 5, 8, 5]


def test_a_leg_with_the_shutter_closed_belongs_to_the_run_that_it_leads_to() -> None:
    is_closed: NDArray[np.bool_] = np.zeros(len(MIXED), np.bool_)
    is_closed[8] = True
    assert course_of(MIXED, STAGE, is_closed=is_closed).is_closed.tolist() == [False, False, False, True, False]


@given(st.integers(1, 400), st.integers(1, 50))
def test_a_thinned_course_keeps_its_end_and_says_what_share_it_holds(count: int, most: int) -> None:
    whole = course_of(dwells([(k % 20, k // 20) for k in range(count)]), STAGE)
    thin = whole.thinned(most)
    assert len(thin) <= most
    assert thin.every == -(-count // most)
    assert thin.total_s == whole.total_s
    assert (thin.path_mm[-1], thin.until_s[-1], thin.exposures[-1]) == (
        pytest.approx(whole.path_mm[-1]),
        whole.until_s[-1],
        count,
    )


def test_a_thinned_course_keeps_every_leg_with_the_shutter_closed() -> None:
    is_closed: NDArray[np.bool_] = np.zeros(100, np.bool_)
    is_closed[[3, 50]] = True
    whole = course_of(dwells([(k % 10, k // 10) for k in range(100)]), STAGE, is_closed=is_closed)
    thin = whole.thinned(25)
    assert thin.is_closed.sum() == 2
    assert all(thin.is_closed[int(np.searchsorted(thin.exposures, index + 1))] for index in (3, 50))
