"""Predicted durations are those of the motion itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.kinematics import StageModel, predict_duration, predict_raster_s
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
    "values", [(0, 500), (-1, 500), (50, 0), (math.nan, 500), (50, math.inf), (50, 500, -1), (50, 500, 0, math.nan)]
)
def test_kinematics_of_nonsense_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"stage\.\w+ is"):
        StageModel(*values)
