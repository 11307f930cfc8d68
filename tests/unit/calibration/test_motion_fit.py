"""A stage's motion is found from the times of its moves, and no more is claimed than they tell."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.motion_fit import LEAST_LEGS, MotionFit, fit_motion
from calibration.motion_legs import Legs, Motion, expected_s

STATED = Motion((50.0, 50.0), (500.0, 500.0))
NONE = np.zeros((0, 2))


def ways(
    rng: np.random.Generator, *, moves: int = 60, still: int = 6, runs: int = 12, longest_mm: float = 40.0
) -> Legs:
    """Moves of many lengths in eight directions, dwells at one place, rows to and fro at three speeds."""
    angle = rng.integers(0, 8, moves) * math.pi / 4
    length = np.exp(rng.uniform(math.log(0.2), math.log(longest_mm), moves))
    way = np.column_stack([length * np.cos(angle), length * np.sin(angle)])
    speed = np.resize([2.0, 6.0, 15.0], runs) * np.where(np.arange(runs) % 2, -1.0, 1.0)
    entered = np.column_stack([speed, np.zeros(runs)])
    left = np.vstack([NONE, np.zeros((1, 2)), entered[:-1]])[:runs]
    return Legs(
        way_mm=np.vstack([way, np.zeros((still, 2)), np.tile([0.0, 0.5], (runs, 1))]),
        left_mm_s=np.vstack([np.zeros((moves + still, 2)), left]),
        entered_mm_s=np.vstack([np.zeros((moves + still, 2)), entered]),
        took_s=np.zeros(moves + still + runs),
    )


def timed(legs: Legs, motion: Motion, rng: np.random.Generator, *, noise_s: float, pauses: float = 0.0) -> Legs:
    took_s = expected_s(legs, motion) + rng.normal(0, noise_s, len(legs))
    took_s += np.where(rng.random(len(legs)) < pauses, rng.exponential(0.5, len(legs)), 0.0)
    return replace(legs, took_s=np.maximum(took_s, 0.0))


motions = st.builds(
    lambda speed, acceleration, of_speed, of_acceleration, settle, overhead, run: Motion(
        (speed, speed), (acceleration, acceleration), of_speed, of_acceleration, math.inf, settle, overhead, run
    ),
    # full speed after 0.7 to 6.4 mm, so that a fair part of the moves tells of speed and of acceleration
    st.floats(20, 40),
    st.floats(250, 600),
    st.booleans(),
    st.booleans(),
    st.floats(0, 0.05),
    st.floats(0, 0.2),
    st.floats(0, 0.4),
)


@settings(max_examples=2, deadline=None)
@given(motions, st.integers(0, 2**31))
def test_a_stage_is_found_from_its_moves_whatever_it_was_stated_to_be(motion: Motion, seed: int) -> None:
    rng = np.random.default_rng(seed)
    legs = timed(ways(rng), motion, rng, noise_s=3e-4, pauses=0.03)
    fit = fit_motion(legs, STATED)
    assert isinstance(fit, MotionFit)
    found = fit.motion
    # a tenth of a millisecond in 0.1 s of ramp, from some fifty moves of 0.3 ms each: five standard errors are 1 %
    assert found.speeds_mm_s == pytest.approx(motion.speeds_mm_s, rel=0.02)
    assert found.accelerations_mm_s2 == pytest.approx(motion.accelerations_mm_s2, rel=0.03)
    assert found.is_speed_of_axes == motion.is_speed_of_axes
    assert found.stop_s == pytest.approx(motion.stop_s, abs=2e-3)
    assert found.run_stop_s == pytest.approx(motion.run_stop_s, abs=3e-3)
    # what counts in the end: how long all moves take together, pauses left out on both sides
    whole = expected_s(legs, motion).sum()
    assert expected_s(legs, found).sum() == pytest.approx(whole, rel=4e-3)


@settings(max_examples=1, deadline=None)
@given(st.floats(3_000, 12_000), st.floats(0.1, 0.6), st.floats(0.1, 0.5), st.integers(0, 2**31))
def test_jerk_lead_and_margins_are_found_where_there_are_any(
    jerk: float, lead: float, margin: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    motion = Motion((40.0, 40.0), (400.0, 400.0), True, True, jerk, 0.01, 0.02, 0.1, lead, margin)
    legs = timed(ways(rng, runs=24), motion, rng, noise_s=2e-4)
    fit = fit_motion(legs, STATED)
    assert isinstance(fit, MotionFit)
    assert {"jerk", "lead", "margin"} <= set(fit.errors)
    assert fit.motion.jerk_mm_s3 == pytest.approx(jerk, rel=0.05)
    assert fit.motion.lead_s == pytest.approx(lead, abs=0.01)
    assert fit.motion.margin_mm == pytest.approx(margin, abs=0.02)


def test_nothing_is_found_that_is_not_there() -> None:
    rng = np.random.default_rng(1)
    fit = fit_motion(timed(ways(rng), replace(STATED, overhead_s=0.03), rng, noise_s=1e-3), STATED)
    assert isinstance(fit, MotionFit)
    assert not {"jerk", "lead", "margin", "speed_y", "acceleration_y"} & set(fit.errors)
    assert not fit.motion.is_speed_of_axes
    assert not fit.motion.is_acceleration_of_axes


def test_axes_that_differ_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    motion = Motion((30.0, 45.0), (500.0, 300.0), True, True)
    fit = fit_motion(timed(ways(rng, moves=120), motion, rng, noise_s=3e-4), STATED)
    assert isinstance(fit, MotionFit)
    assert fit.motion.speeds_mm_s == pytest.approx((30.0, 45.0), rel=0.02)
    assert fit.motion.accelerations_mm_s2 == pytest.approx((500.0, 300.0), rel=0.03)


def test_a_speed_that_no_move_reaches_stays_as_stated() -> None:
    rng = np.random.default_rng(3)
    # 2 mm at 300 mm/s^2 reach 24 mm/s
    legs = timed(ways(rng, longest_mm=2.0, runs=0), Motion((40.0, 40.0), (300.0, 300.0)), rng, noise_s=3e-4)
    fit = fit_motion(legs, STATED)
    assert isinstance(fit, MotionFit)
    assert "speed" not in fit.errors
    assert fit.motion.speeds_mm_s == pytest.approx(STATED.speeds_mm_s, rel=1e-9)
    assert fit.motion.accelerations_mm_s2[0] == pytest.approx(300.0, rel=0.03)


def test_settling_is_as_stated_where_no_dwell_was_made_twice() -> None:
    rng = np.random.default_rng(4)
    motion = replace(STATED, settle_s=0.02, overhead_s=0.05)
    fit = fit_motion(timed(ways(rng, still=0, runs=0), motion, rng, noise_s=3e-4), replace(STATED, settle_s=0.03))
    assert isinstance(fit, MotionFit)
    assert fit.motion.settle_s == 0.03
    assert fit.motion.stop_s == pytest.approx(0.07, abs=1e-3)


@pytest.mark.campaign
def test_standard_errors_are_those_of_many_runs() -> None:
    errors, off = [], []
    motion = replace(STATED, overhead_s=0.04, run_overhead_s=0.1)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        fit = fit_motion(timed(ways(np.random.default_rng(5)), motion, rng, noise_s=1e-3), STATED)
        assert isinstance(fit, MotionFit)
        off.append(fit.motion.speeds_mm_s[0] - 50.0)
        errors.append(fit.errors["speed"])
    # the root of 8 squares is known to a quarter; twice that and more either way
    assert 0.5 < np.std(off) / np.mean(errors) < 1.7


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        (ways(np.random.default_rng(0), moves=LEAST_LEGS - 1, runs=0), "too few"),
        (
            Legs(np.tile([0.5, 0.0], (40, 1)), np.zeros((40, 2)), np.zeros((40, 2)), np.full(40, 0.1)),
            "all of one length",
        ),
        (replace(ways(np.random.default_rng(0)), took_s=np.full(78, math.nan)), "0 moves are too few"),
    ],
)
def test_moves_that_tell_nothing_give_no_fit_but_the_reason(legs: Legs, reason: str) -> None:
    fit = fit_motion(legs, STATED)
    assert not fit
    assert reason in fit.reason  # type: ignore[union-attr]


def test_very_many_moves_are_thinned_out() -> None:
    rng = np.random.default_rng(6)
    legs = timed(ways(rng, moves=5_000, runs=0), replace(STATED, overhead_s=0.02), rng, noise_s=1e-3)
    fit = fit_motion(legs, STATED)
    assert isinstance(fit, MotionFit)
    assert fit.legs == len(legs)
    assert fit.motion.overhead_s == pytest.approx(0.02, abs=1e-3)
