"""Predicted durations are those of the motion itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel, predict_duration, predict_raster_s, run_starts
from firmware_bridge.messages import StagePose

speeds = st.floats(0.5, 500)
accelerations = st.floats(5, 20_000)
lengths = st.floats(0.001, 500)


def _integrated_s(length_mm: float, stage: StageModel, steps: int = 4_000) -> float:
    """Time over a line by integrating dx / v, with v the least that speeding up, slowing down and the limit allow."""
    # the square-root substitution at both ends removes the integrand's poles there
    angle = (np.arange(steps) + 0.5) * (math.pi / steps)
    x = length_mm * (1 - np.cos(angle)) / 2
    dx = length_mm * np.sin(angle) / 2 * (math.pi / steps)
    ramp = np.sqrt(2 * stage.acceleration_mm_s2 * np.minimum(x, length_mm - x))
    return float((dx / np.minimum(ramp, stage.speed_mm_s)).sum())


@given(lengths, speeds, accelerations)
def test_a_move_takes_as_long_as_the_integrated_motion(length_mm: float, speed: float, acceleration: float) -> None:
    stage = StageModel(speed, acceleration)
    # the midpoint rule errs by about one step, 1/4000, at the corners of the trapezoid
    assert stage.move_s(np.array([length_mm]))[0] == pytest.approx(_integrated_s(length_mm, stage), rel=2e-3)


def test_the_trapezoid_joins_the_triangle_where_full_speed_is_just_reached() -> None:
    stage = StageModel(50, 500)
    assert stage.ramp_mm == 5
    around = stage.move_s(np.array([5 - 1e-9, 5 + 1e-9]))
    assert around == pytest.approx([0.2, 0.2], abs=1e-9)


def test_dwells_cost_travel_counting_settling_and_overhead() -> None:
    table = np.array([[0, 0, 0, 0, 0.1], [3, 4, 3, 4, 0.2], [3, 54, 3, 54, 0.3]], float)
    predicted = predict_duration(table, StageModel(50, 500, settle_s=0.01, overhead_s=0.02))
    # 5 mm is the shortest trapezoid (0.2 s); 50 mm takes 1 s and 0.1 s of ramps
    assert predicted.travel_s == pytest.approx(0.2 + 1.1)
    assert predicted.beam_s == pytest.approx(0.6)
    assert predicted.waiting_s == pytest.approx(0.09)
    assert predicted.travel_mm == pytest.approx(55)
    assert predicted.longest_move_s == pytest.approx(1.1)
    assert predicted.total_s == pytest.approx(1.99)


def test_the_way_from_where_the_stage_stands_is_counted() -> None:
    table = np.array([[3, 4, 3, 4, 1.0]])
    assert predict_duration(table, StageModel(50, 500), start=StagePose(0, 0)).travel_s == pytest.approx(0.2)
    assert predict_duration(table, StageModel(50, 500)).travel_s == 0


def test_a_stroke_needs_a_run_up_and_a_run_out() -> None:
    # 20 mm in 1 s: 20 mm/s are reached in 0.04 s over 0.4 mm
    predicted = predict_duration(np.array([[0, 0, 20, 0, 1.0]]), StageModel(50, 500))
    assert predicted.total_s == pytest.approx(1.08)
    assert predicted.travel_mm == pytest.approx(0.8)


def _cells(start_mm: float, end_mm: float, cells: int, *, live_s: float, y_mm: float = 0.0) -> np.ndarray:
    edges = np.linspace(start_mm, end_mm, cells + 1)
    level = np.full(cells, y_mm)
    return np.column_stack([edges[:-1], level, edges[1:], level, np.full(cells, live_s)])


def test_strokes_end_to_end_are_flown_without_stopping() -> None:
    table = _cells(0, 20, 40, live_s=0.025)
    assert np.flatnonzero(run_starts(table)).tolist() == [0]
    stage = StageModel(50, 500, settle_s=0.1, overhead_s=0.2)
    # as one stroke of 20 mm in 1 s: a run-up and a run-out of 0.04 s each, and one stop
    assert predict_duration(table, stage).total_s == pytest.approx(1.08 + 0.3)


@pytest.mark.parametrize(
    ("what", "second"),
    [
        ("a gap", _cells(20.1, 30.1, 1, live_s=0.5)),
        ("another speed", _cells(20, 30, 1, live_s=0.4)),
        ("a turn", _cells(20, 10, 1, live_s=0.5)),
        ("another line", np.array([[20, 0, 20, 10, 0.5]], float)),
        ("a dwell", np.array([[20, 0, 20, 0, 0.5]], float)),
    ],
)
def test_the_stage_stops_at(what: str, second: np.ndarray) -> None:
    table = np.vstack([_cells(0, 20, 2, live_s=0.5), second])
    assert np.flatnonzero(run_starts(table)).tolist() == [0, 2], what


def test_a_run_that_the_controller_cannot_fly_whole_is_flown_in_pieces() -> None:
    table = np.vstack([_cells(0, 10, 10, live_s=0.1), _cells(10, 0, 10, live_s=0.1, y_mm=1)])
    few = StageModel(50, 500, most_run_cells=4)
    assert np.flatnonzero(run_starts(table, few)).tolist() == [0, 4, 8, 10, 14, 18]
    brief = StageModel(50, 500, longest_run_s=0.5)
    assert np.flatnonzero(run_starts(table, brief)).tolist() == [0, 5, 10, 15]
    assert predict_duration(table, few).total_s > predict_duration(table, brief).total_s


@given(lengths, speeds, accelerations, st.floats(1, 1e6))
def test_bounded_jerk_takes_longer_and_boundless_jerk_is_the_trapezoid(
    length_mm: float, speed: float, acceleration: float, jerk: float
) -> None:
    length = np.array([length_mm])
    trapezoid = StageModel(speed, acceleration).move_s(length)[0]
    rounded = StageModel(speed, acceleration, jerk_mm_s3=jerk).move_s(length)[0]
    assert rounded >= trapezoid * (1 - 1e-12)
    assert StageModel(speed, acceleration, jerk_mm_s3=1e18).move_s(length)[0] == pytest.approx(trapezoid, rel=1e-4)


@given(lengths, speeds, accelerations, st.floats(1, 1e6))
def test_a_move_of_bounded_jerk_is_as_long_as_its_phases(
    length_mm: float, speed: float, acceleration: float, jerk: float
) -> None:
    """Integrate the seven phases of the profile whose duration is claimed: they must cover the length."""
    stage = StageModel(speed, acceleration, jerk_mm_s3=jerk)
    duration_s = float(stage.move_s(np.array([length_mm]))[0])
    # the ramp that covers the length in that time is found by bisection on its top speed
    low, high = 0.0, speed
    for _ in range(200):
        top = (low + high) / 2
        ramp_s = 2 * math.sqrt(top / jerk) if top < acceleration**2 / jerk else top / acceleration + acceleration / jerk
        low, high = (low, top) if top * ramp_s > length_mm else (top, high)
    assert duration_s == pytest.approx(2 * ramp_s + (length_mm - top * ramp_s) / top, rel=1e-6)


def test_a_diagonal_is_as_fast_as_neither_axis_minds() -> None:
    stage = StageModel(50, 500, axis_speeds_mm_s=(50, 80), axis_accelerations_mm_s2=(500, 500))
    # 3-4-5: x at 0.6 of the way, y at 0.8; x would let the line run at 83.3 mm/s, y at 100; y sets 625 mm/s^2
    (diagonal_s, along_y_s) = stage.step_s(np.array([[30, 40], [0, 40]], float))
    assert diagonal_s == pytest.approx(50 / (50 / 0.6) + (50 / 0.6) / 625)
    assert along_y_s == pytest.approx(40 / 80 + 80 / 500)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 3), st.floats(1, 3), st.floats(10, 1e6))
def test_no_direction_is_slower_than_any_line(x: float, y: float, fast: float, quick: float, jerk: float) -> None:
    stage = StageModel(
        50, 500, axis_speeds_mm_s=(50, 50 * fast), axis_accelerations_mm_s2=(500 * quick, 500), jerk_mm_s3=jerk
    )
    step = np.array([[x, y]])
    assert stage.step_s(step)[0] <= stage.move_s(np.hypot(step[:, 0], step[:, 1]))[0] * (1 + 1e-9)


def test_a_run_costs_its_own_overhead_and_its_lead() -> None:
    stage = StageModel(50, 500, overhead_s=9, run_overhead_s=0.3, lead_s=0.5, margin_mm=1)
    # 20 mm/s: 0.04 s of ramp and 0.05 s of margin at either end, and half a second of way before the start
    predicted = predict_duration(_cells(0, 20, 10, live_s=0.1), stage)
    assert predicted.total_s == pytest.approx(1.0 + 0.08 + 0.1 + 0.5 + 0.3)
    assert predicted.travel_mm == pytest.approx(0.8 + 2 + 10)


def test_a_stage_that_stays_where_it_is_does_not_settle_again() -> None:
    table = np.array([[1, 0, 1, 0, 0.1], [1, 0, 1, 0, 0.1], [2, 0, 2, 0, 0.1]], float)
    predicted = predict_duration(table, StageModel(50, 500, settle_s=0.5, overhead_s=0.01))
    assert predicted.waiting_s == pytest.approx(3 * 0.01 + 2 * 0.5)


def test_dwells_are_rounded_up_to_the_step_of_the_instrument() -> None:
    table = np.array([[0, 0, 0, 0, 0.101], [0, 0, 0, 0, 0.15]])
    assert predict_duration(table, StageModel(50, 500, dwell_step_s=0.05)).beam_s == pytest.approx(0.3)


def test_what_the_detector_cannot_tell_apart_sets_the_pace_of_a_raster() -> None:
    grid = ScanGrid(0, 0, 0.5, 1, 100)
    slow = predict_raster_s(grid, 0.01, StageModel(50, 500, shortest_stroke_s=0.1))
    assert slow == pytest.approx(predict_raster_s(grid, 0.1, StageModel(50, 500)))


def test_a_raster_is_as_long_as_its_strokes() -> None:
    grid = ScanGrid(1, 2, 0.5, 5, 30)
    stage = StageModel(
        50, 500, settle_s=0.01, overhead_s=0.1, run_overhead_s=0.7, lead_s=0.2, margin_mm=0.3, most_run_cells=16
    )
    rows = []
    for row in range(5):
        left_to_right = _cells(1, 16, 30, live_s=0.05, y_mm=2 + (row + 0.5) * 0.5)
        rows.append(left_to_right if row % 2 == 0 else left_to_right[::-1][:, [2, 3, 0, 1, 4]])
    predicted = predict_duration(np.vstack(rows), stage).total_s
    assert predict_raster_s(grid, 0.05, stage) == pytest.approx(predicted, rel=1e-9)


def test_the_full_raster_flies_its_rows_at_the_pace_of_the_dwell() -> None:
    grid = ScanGrid(0, 0, 0.5, 4, 100)
    # 5 mm/s: 10 s a row, ramps of 0.01 s; turns of 0.5 mm, triangles of 2 sqrt(0.5 / 500)
    turns = 3 * 2 * math.sqrt(0.5 / 500)
    assert predict_raster_s(grid, 0.1, StageModel(50, 500)) == pytest.approx(40 + 4 * 0.02 + turns, rel=1e-6)


def test_the_stage_sets_the_pace_of_a_raster_whose_dwell_is_too_short_for_it() -> None:
    grid = ScanGrid(0, 0, 0.5, 1, 100)
    assert predict_raster_s(grid, 1e-6, StageModel(50, 500)) == pytest.approx(1.2)


def test_nothing_takes_no_time() -> None:
    assert predict_duration(np.empty((0, 5)), StageModel(50, 500)).total_s == 0


@pytest.mark.parametrize(
    "values",
    [
        (0, 500),
        (-1, 500),
        (1e-300, 500),
        (50, 1e-5),
        (50, 0),
        (math.nan, 500),
        (50, math.inf),
        (50, 500, -1),
        (50, 500, 0, math.nan),
    ],
)
def test_kinematics_of_nonsense_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"stage\.\w+ is"):
        StageModel(*values)


@pytest.mark.parametrize(
    "values",
    [
        {"jerk_mm_s3": 0},
        {"jerk_mm_s3": 1e-200},
        {"jerk_mm_s3": math.nan},
        {"axis_speeds_mm_s": (40, 60)},
        {"axis_accelerations_mm_s2": (500, math.nan)},
        {"lead_s": -1},
        {"dwell_step_s": math.inf},
        {"most_run_cells": 0},
        {"longest_run_s": -1},
        {"shutter_s": math.nan},
    ],
)
def test_further_kinematics_of_nonsense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"stage\.\w+ .*is"):
        StageModel(50, 500, **values)
