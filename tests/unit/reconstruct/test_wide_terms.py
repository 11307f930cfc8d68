"""The objective without fields of channels: the same value, slope and way as with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.fusion.palm import Plan, Walk
from edge.reconstruct.fusion.problem import Problem, Unknowns, objective
from edge.reconstruct.fusion.projection import Allowed
from edge.reconstruct.fusion.terms import FieldTerms, Visible
from edge.reconstruct.fusion.wide import WideTerms, lowered
from tests.unit.reconstruct.test_fusion_objective import in_motion, random_problem

Floats = NDArray[np.float32]
ROUNDING = 5e-6
"""Of an objective that is the difference of larger sums in single precision."""


def three_parts(problem: Problem, seed: int, counts: tuple[int, int, int] = (5, 4, 3)) -> Unknowns:
    """Visible, hidden and colours alone, drawn at random and brought to what they may be."""
    rng = np.random.default_rng(seed)
    cells, channels = problem.shape[0] * problem.shape[1], problem.channels
    abundances = rng.normal(size=(cells, sum(counts))).astype(np.float32)
    Allowed(*counts[:2]).bring_back(abundances, np.zeros((cells, 2), np.float32))
    visible, hidden, colours = (
        rng.random((count, width), dtype=np.float32)
        for count, width in zip(counts, (channels + 3, channels, 3), strict=True)
    )
    return Unknowns(abundances, visible, hidden, colours)


def priced(seed: int, moving: bool) -> Problem:
    return replace(in_motion(seed) if moving else random_problem(seed), price=0.05)


@pytest.mark.parametrize("visible", ["all-terms", "photograph"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), moving=st.booleans(), momentum=st.sampled_from([0.0, 0.7]))
def test_both_forms_say_the_same_of_value_and_slope(visible: Visible, seed: int, moving: bool, momentum: float) -> None:
    problem = priced(seed, moving)
    now, before = three_parts(problem, seed), three_parts(problem, seed + 1)
    before = replace(now, abundances=before.abundances)
    block = slice(3, 20)
    slopes, values = [], []
    for terms in (FieldTerms(problem, visible, accelerated=True), WideTerms(problem, visible)):
        at_before, at = terms.judged(before), terms.judged(now)
        room: Floats = np.empty((17, now.abundances.shape[1]), np.float32)
        terms.slope(at, at_before, momentum, block, room)
        slopes.append(room)
        values.append(at.value)
    assert values[0] == pytest.approx(objective(problem, now), rel=1e-5)
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    np.testing.assert_allclose(slopes[1], slopes[0], atol=1e-4 * np.abs(slopes[0]).max())


@pytest.mark.parametrize("wide", [False, True], ids=["fields", "wide"])
@pytest.mark.parametrize("part", range(3), ids=["visible", "hidden", "colours"])
def test_the_slope_by_each_part_is_what_differences_say(part: int, wide: bool) -> None:
    problem = priced(part, moving=True)
    now = three_parts(problem, part)
    terms = WideTerms(problem, "all-terms") if wide else FieldTerms(problem, "all-terms", accelerated=True)
    at = terms.judged(now)
    slope: Floats = np.empty_like(now.abundances)
    terms.slope(at, at, 0.0, slice(None), slope)
    direction = np.zeros_like(slope)
    chosen = now.parts[part]
    direction[:, chosen] = np.random.default_rng(part).normal(size=direction[:, chosen].shape)
    there, back = (objective(problem, replace(now, abundances=now.abundances + way * direction)) for way in (1, -1))
    # exact but for rounding, since the objective is quadratic in each part
    assert np.vdot(slope.astype(np.float64), direction) == pytest.approx((there - back) / 2, abs=1e-5 * there)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), moving=st.booleans(), wide=st.booleans())
def test_no_step_raises_the_objective_of_three_parts(seed: int, moving: bool, wide: bool) -> None:
    problem = priced(seed, moving)
    terms = WideTerms(problem, "all-terms") if wide else FieldTerms(problem, "all-terms", accelerated=True)
    walk = Walk(problem, three_parts(problem, seed), Plan(), terms)
    before = walk.objective
    for done in range(16):
        (walk.step_dictionaries if done % 3 == 2 else walk.step_abundances)()
        assert walk.objective <= before * (1 + ROUNDING)
        assert walk.objective == pytest.approx(objective(problem, walk.unknowns), rel=1e-5)
        before = walk.objective


def test_where_the_photograph_moves_visible_abundances_nothing_else_does() -> None:
    """Eq. 15a: the slope of the colours' miss alone, by differences of that term."""
    problem = random_problem(2)
    now = three_parts(problem, 2, (5, 4, 0))
    terms = FieldTerms(problem, "photograph", accelerated=False)
    at = terms.judged(now)
    slope: Floats = np.empty_like(now.abundances)
    terms.slope(at, at, 0.0, slice(None), slope)
    direction = np.random.default_rng(0).normal(size=now.abundances[:, :5].shape).astype(np.float32)

    def miss(step: float) -> float:
        colours = (now.abundances[:, :5] + np.float32(step) * direction) @ now.visible[:, -3:]
        return float(np.square(colours - problem.photograph.reshape(-1, 3), dtype=np.float64).sum())

    assert np.vdot(slope[:, :5], direction) == pytest.approx((miss(1) - miss(-1)) / 2, rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), spread=st.floats(0.05, 10))
def test_each_image_is_whole_and_no_other_such_point_is_nearer(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    wanted = (spread * rng.normal(size=(4, 12))).astype(np.float32)
    found = wanted.copy()
    Allowed(5, 4).bring_back(found, np.zeros((4, 2), np.float32))
    assert (found >= 0).all()
    for first, last in (((0, 5), (5, 9)), ((0, 5), (9, 12))):
        total = found[:, slice(*first)].sum(axis=1) + found[:, slice(*last)].sum(axis=1)
        np.testing.assert_allclose(total, 1, atol=1e-3)
    # towards any other allowed point the squared distance rises: the inner product of the normal cone
    other = rng.normal(size=(4, 12)).astype(np.float32)
    Allowed(5, 4).bring_back(other, np.zeros((4, 2), np.float32))
    assert (np.einsum("ij,ij->i", wanted - found, other - found) <= 2e-3 * (1 + spread)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_dictionaries_only_go_down_their_own_quadratic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    used = rng.random((30, 6), dtype=np.float32)
    square, pull = used.T @ used, used.T @ rng.random((30, 9), dtype=np.float32)
    start = rng.random((6, 9), dtype=np.float32)

    def value(dictionary: Floats) -> float:
        return float(np.vdot(dictionary, square @ dictionary) - 2 * np.vdot(dictionary, pull))

    found = lowered(start, square, pull)
    assert ((found >= 0) & (found <= 1)).all()
    assert value(found) <= value(start) + 1e-4
