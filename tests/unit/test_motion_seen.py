"""Predictions are held against what was seen, way by way, and what a stage does shows in its times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.motion_legs import expected_s
from edge.folds.ledger import Ledger
from edge.motion.kinematics import StageModel, predict_stretches
from edge.motion.refit import Refit, refit, seen_in
from edge.motion.seen import (
    MotionSeen,
    dwell_step_s,
    held_against,
    legs_of,
    motion_of,
    reversal_mm,
    stage_with,
    stroke_factor,
)
from firmware_bridge.messages import ExposureFlag

STAGE = StageModel(
    40.0,
    400.0,
    0.01,
    0.03,
    axis_speeds_mm_s=(40.0, 55.0),
    axis_accelerations_mm_s2=(400.0, 450.0),
    jerk_mm_s3=9_000.0,
    run_overhead_s=0.2,
    lead_s=0.1,
    margin_mm=0.2,
)


def table_of(rng: np.random.Generator, *, dwells: int = 40, rows: int = 6, cells: int = 10) -> np.ndarray:
    """Dwells here and there, then rows to and fro, a stroke a cell."""
    places = np.round(rng.uniform(0, 40, (dwells, 2)), 3)
    table = [np.column_stack([places, places, rng.choice([0.02, 0.05, 0.1], dwells)])]
    edges = np.linspace(5, 25, cells + 1)
    for row in range(rows):
        along = edges if row % 2 == 0 else edges[::-1]
        level = np.full(cells, 10 + 0.5 * row)
        table.append(np.column_stack([along[:-1], level, along[1:], level, np.full(cells, 0.05 * (1 + row % 3))]))
    return np.vstack(table)


def seen_by(table: np.ndarray, stage: StageModel, *, dead: float = 0.0) -> MotionSeen:
    """What a stage that is exactly as modelled would show; dead time lengthens its dwells."""
    stretches = predict_stretches(table, stage)
    opened, closed = np.zeros(len(table)), np.zeros(len(table))
    ends = np.append(stretches.first[1:], len(table))
    now_s = 100.0
    real_s = np.where((table[:, 0:2] == table[:, 2:4]).all(axis=1), table[:, 4] * (1 + dead), table[:, 4])
    for number, (first, end) in enumerate(zip(stretches.first, ends, strict=True)):
        now_s += stretches.approach_s[number] + stretches.waiting_s[number]
        for place in range(first, end):
            opened[place], now_s = now_s, now_s + real_s[place]
            closed[place] = now_s
    live_s = np.where(real_s > table[:, 4], table[:, 4], real_s / (1 + dead))
    broken = np.zeros(len(table), np.bool_)
    broken[0] = True
    return MotionSeen(table, table[:, 0:2].copy(), real_s, live_s, opened, closed, broken)


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0, 0.5))
def test_a_stage_as_modelled_takes_as_long_as_predicted_whatever_the_dead_time(seed: int, dead: float) -> None:
    seen = seen_by(table_of(np.random.default_rng(seed)), STAGE, dead=dead)
    held = held_against(seen, STAGE)
    # all dwells and rows but the first, whose way nobody saw
    assert held.stretches == 40 + 6 - 1
    assert held.difference == pytest.approx(0, abs=1e-9)


def test_a_pause_is_left_out_on_both_sides() -> None:
    seen = seen_by(table_of(np.random.default_rng(0)), STAGE)
    late = np.arange(len(seen)) >= 20
    paused = replace(seen, opened_at_s=seen.opened_at_s + 500 * late, closed_at_s=seen.closed_at_s + 500 * late)
    held = held_against(paused, STAGE)
    assert (held.stretches, held.left_out) == (44, 1)
    assert held.difference == pytest.approx(0, abs=1e-9)


def test_a_short_break_is_left_out_because_the_journal_tells_of_it() -> None:
    seen = seen_by(table_of(np.random.default_rng(0)), STAGE)
    late = np.arange(len(seen)) >= 20
    broken = seen.is_broken | (np.arange(len(seen)) == 20)
    briefly = replace(
        seen, opened_at_s=seen.opened_at_s + 0.2 * late, closed_at_s=seen.closed_at_s + 0.2 * late, is_broken=broken
    )
    assert held_against(briefly, STAGE).difference == pytest.approx(0, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_the_fit_prices_a_way_as_the_planner_does(seed: int) -> None:
    seen = seen_by(table_of(np.random.default_rng(seed)), STAGE, dead=0.1)
    legs = legs_of(seen)
    assert expected_s(legs, motion_of(STAGE)) == pytest.approx(legs.took_s, abs=1e-9)


def test_a_stage_survives_being_turned_into_a_motion_and_back() -> None:
    assert stage_with(motion_of(STAGE), STAGE) == STAGE
    reading = replace(STAGE, readout_s=0.02)
    assert stage_with(motion_of(reading), reading).stop_s == pytest.approx(reading.stop_s)


def test_a_stop_within_a_run_counts_as_a_way_of_its_own() -> None:
    seen = seen_by(table_of(np.random.default_rng(0), dwells=2, rows=1, cells=4), STAGE)
    late = np.arange(len(seen)) >= 4
    stopped = replace(seen, opened_at_s=seen.opened_at_s + 0.3 * late, closed_at_s=seen.closed_at_s + 0.3 * late)
    assert len(legs_of(stopped)) == len(legs_of(seen)) + 1


@pytest.mark.parametrize("step_s", [0.05, 0.1, 0.002])
def test_the_step_of_dwells_shows(step_s: float) -> None:
    seen = seen_by(table_of(np.random.default_rng(0), rows=0), STAGE)
    asked = np.resize([0.02, 0.033, 0.05, 0.041], len(seen))
    given_s = np.ceil(asked / step_s - 1e-6) * step_s
    table = seen.table.copy()
    table[:, 4] = asked
    assert dwell_step_s(replace(seen, table=table, real_s=given_s * 1.1, live_s=given_s)) == pytest.approx(step_s)


def test_dwells_as_long_as_asked_have_no_step_and_odd_ones_are_not_explained() -> None:
    seen = seen_by(table_of(np.random.default_rng(0), rows=0), STAGE, dead=0.02)
    assert dwell_step_s(seen) == 0
    odd = seen.table[:, 4] * np.random.default_rng(1).uniform(1.1, 1.9, len(seen))
    assert dwell_step_s(replace(seen, real_s=odd, live_s=odd)) is None


def test_backlash_shows_in_measured_positions() -> None:
    rng = np.random.default_rng(3)
    seen = seen_by(table_of(rng, dwells=200, rows=0), STAGE)
    towards = np.sign(np.diff(seen.table[:, 0], prepend=0.0))
    starts = seen.starts_mm + rng.normal(0, 0.002, seen.starts_mm.shape)
    starts[:, 0] += 0.03 / 2 * towards
    backlash_mm, error_mm = reversal_mm(replace(seen, starts_mm=starts))
    assert backlash_mm is not None
    assert error_mm is not None
    # four standard errors of 2 um over some hundred dwells a side
    assert backlash_mm[0] == pytest.approx(0.03, abs=0.0015)
    assert abs(backlash_mm[1]) < 4 * error_mm[1]
    assert reversal_mm(seen_by(table_of(rng, dwells=3, rows=0), STAGE)) == (None, None)


def test_a_stage_that_flies_slower_than_told_is_seen() -> None:
    seen = seen_by(table_of(np.random.default_rng(0)), STAGE)
    assert stroke_factor(seen) == 1
    slow = np.where((seen.table[:, 0:2] == seen.table[:, 2:4]).all(axis=1), seen.real_s, 1.03 * seen.real_s)
    assert stroke_factor(replace(seen, real_s=slow)) == pytest.approx(1.03)


def _ledger(seen: MotionSeen, order: np.ndarray, flags: np.ndarray) -> Ledger:
    count = len(order)
    return Ledger(
        indices=order.astype(np.int64),
        flags=flags.astype(np.int64),
        cells=np.zeros((count, 2), np.intp),
        starts_mm=seen.starts_mm[order],
        ends_mm=seen.starts_mm[order],
        real_s=seen.real_s[order],
        live_s=seen.live_s[order],
        opened_at_s=seen.opened_at_s[order],
        closed_at_s=seen.closed_at_s[order],
        pose_uncertainty_mm=np.full(count, np.nan),
        counts=np.zeros(count, np.int64),
    )


def test_openings_and_cut_short_exposures_break_the_ways_to_and_from_them() -> None:
    seen = seen_by(table_of(np.random.default_rng(0), rows=0), STAGE)
    flags = np.zeros(40)
    flags[10] = int(ExposureFlag.TRUNCATED)
    found = seen_in(_ledger(seen, np.arange(40), flags), seen.table, (0, 25))
    assert np.flatnonzero(found.is_broken).tolist() == [0, 10, 11, 25]
    # exposures of a plan that is not this one are left out, and the way from them is broken
    short = seen_in(_ledger(seen, np.arange(40), np.zeros(40)), seen.table[:38], (0,))
    assert len(short) == 38


def test_a_scan_says_what_its_stage_was_where_the_plan_was_priced_otherwise() -> None:
    table = table_of(np.random.default_rng(1), dwells=80, rows=9)
    true = StageModel(36.0, 400.0, 0.0, 0.05, axis_speeds_mm_s=(36, 36), axis_accelerations_mm_s2=(400, 400))
    planned = StageModel(50.0, 500.0)
    found = refit(seen_by(table, true), planned)
    assert isinstance(found, Refit)
    assert {figure.name for figure in found.departing} >= {"speed", "acceleration", "stop for a dwell"}
    assert abs(found.held.difference) < 1e-3
    assert held_against(seen_by(table, true), planned).difference > 0.1


def test_a_scan_says_nothing_of_a_stage_that_was_as_planned() -> None:
    table = table_of(np.random.default_rng(1), dwells=80, rows=9)
    found = refit(seen_by(table, STAGE), STAGE)
    assert isinstance(found, Refit)
    assert not found.departing


def test_too_little_tells_nothing() -> None:
    assert not refit(seen_by(table_of(np.random.default_rng(1), dwells=5, rows=0), STAGE), STAGE)
