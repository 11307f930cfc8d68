"""Fusion inpainting's objective: every gradient, every projection, and a bound below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import areas, joined, points, strokes
from edge.reconstruct.fusion.problem import (
    Problem,
    Unknowns,
    fields_of,
    gradient_by_abundances,
    gradient_by_colours,
    gradient_by_hidden,
    gradient_by_visible,
    objective,
    objective_and_gradient,
    problem_of_cells,
)
from edge.reconstruct.fusion.projection import Allowed
from edge.reconstruct.fusion.relaxation import relaxed
from edge.reconstruct.fusion.smoothness import even_steps, smoothness, steps_along_colour

Floats = NDArray[np.float32]
Gradient = Callable[[Unknowns, Problem], Floats]


def random_problem(seed: int, shape: tuple[int, int] = (6, 7), channels: int = 4) -> Problem:
    """Some cells of random maps, with a random photograph."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.4
    mask[0, 0] = True
    rows, columns = np.nonzero(mask)
    photograph = rng.random((*shape, 3), dtype=np.float32)
    return problem_of_cells(shape, rows, columns, rng.random((len(rows), channels), dtype=np.float32), photograph)


def in_motion(seed: int) -> Problem:
    """The same, but measured by points, strokes and areas."""
    problem, rng = random_problem(seed), np.random.default_rng(seed)
    shape = problem.shape
    start, end = (rng.uniform(-0.5, np.array(shape) - 0.51, (5, 2)) for _ in range(2))
    corner = np.array([0, 3]), np.array([2, 4])
    operator = joined(
        [
            points(shape, np.array([1, 5]), np.array([1, 6])),
            strokes(shape, start, end),
            areas(shape, *corner, height=3, width=3),
        ]
    )
    return replace(problem, operator=operator, measured=rng.random((len(operator), 4), dtype=np.float32))


def random_unknowns(problem: Problem, seed: int, atoms: int = 5) -> Unknowns:
    """What Eq. 14 allows, drawn at random."""
    rng = np.random.default_rng(seed)
    cells = problem.shape[0] * problem.shape[1]
    abundances = rng.dirichlet(np.full(2 * atoms, 0.5), cells).astype(np.float32)
    visible = rng.random((atoms, problem.channels + 3), dtype=np.float32)
    return Unknowns(abundances, visible, rng.random((atoms, problem.channels), dtype=np.float32))


def by_difference(problem: Problem, unknowns: Unknowns, name: str, direction: Floats) -> float:
    """Slope along a direction of one block: exact, since the objective is quadratic in each."""
    there = replace(unknowns, **{name: getattr(unknowns, name) + direction})
    back = replace(unknowns, **{name: getattr(unknowns, name) - direction})
    return (objective(problem, there) - objective(problem, back)) / 2


UNKNOWNS = [
    ("abundances", slice(0, 5), "A_v"),
    ("abundances", slice(5, 10), "A_nv"),
    ("visible", slice(0, 4), "D_v"),
    ("visible", slice(4, 7), "D_rgb"),
    ("hidden", slice(0, 4), "D_nv"),
]


@pytest.mark.parametrize("measured_by", [random_problem, in_motion], ids=["points", "strokes-and-areas"])
@pytest.mark.parametrize(("name", "part", "symbol"), UNKNOWNS, ids=[symbol for _, _, symbol in UNKNOWNS])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_by_each_unknown_is_what_differences_say(
    name: str, part: slice, symbol: str, seed: int, measured_by: Callable[[int], Problem]
) -> None:
    problem = measured_by(seed)
    unknowns = random_unknowns(problem, seed)
    _, by_fields = objective_and_gradient(problem, fields_of(unknowns, problem.shape))
    found = {
        "abundances": partial(gradient_by_abundances, problem),
        "visible": gradient_by_visible,
        "hidden": gradient_by_hidden,
        "colours": gradient_by_colours,
    }[name](unknowns, by_fields)
    direction = np.zeros_like(getattr(unknowns, name))
    direction[:, part] = np.random.default_rng(seed + 9).normal(size=direction[:, part].shape)
    expected = by_difference(problem, unknowns, name, direction)
    # each of the two objectives, some hundreds, is summed in single precision
    scale = objective(problem, replace(unknowns, **{name: getattr(unknowns, name) + direction}))
    assert np.vdot(found.astype(np.float64), direction) == pytest.approx(expected, abs=1e-5 * scale), symbol


def test_the_objective_is_what_the_paper_prints() -> None:
    problem = random_problem(3)
    unknowns = random_unknowns(problem, 4)
    fields = fields_of(unknowns, problem.shape)
    visible, hidden, photograph = fields.visible[:, :, :4], fields.hidden, problem.photograph
    expected = np.square(problem.operator.seen(visible + hidden) - problem.measured).sum()
    expected += np.square(fields.visible[:, :, 4:] - photograph).sum()
    for axis in (0, 1):
        weight = np.exp(-16 * np.square(np.diff(photograph, axis=axis)).sum(axis=2, keepdims=True))
        expected += 0.1 * (weight * np.square(np.diff(visible, axis=axis))).sum()
        expected += 0.1 * np.square(np.diff(hidden, axis=axis)).sum()
    assert objective(problem, unknowns) == pytest.approx(expected, rel=1e-5)


def test_a_step_of_colour_loosens_the_step_there_alone() -> None:
    photograph = np.zeros((3, 4, 3), np.float32)
    photograph[:, 2:] = 0.25
    steps = steps_along_colour(photograph, 16.0)
    np.testing.assert_allclose(steps.across[:, 1], np.exp(-16 * 3 * 0.25**2), rtol=1e-6)
    np.testing.assert_array_equal(steps.across[:, [0, 2, 3]], [[1, 1, 0]] * 3)
    np.testing.assert_array_equal(steps.down, [[1] * 4] * 2 + [[0] * 4])


def test_the_degree_counts_a_cells_steps() -> None:
    np.testing.assert_array_equal(even_steps((3, 3)).degree, [[2, 3, 2], [3, 4, 3], [2, 3, 2]])


def test_smoothness_leaves_further_channels_alone() -> None:
    field = np.random.default_rng(0).random((5, 6, 3), dtype=np.float32)
    gradient = np.zeros_like(field)
    value = smoothness(field, 2, even_steps((5, 6)), 0.1, gradient)
    assert value == pytest.approx(
        smoothness(field[:, :, :2].copy(), 2, even_steps((5, 6)), 0.1, gradient[:, :, :2] * 0)
    )
    assert not gradient[:, :, 2].any()


def by_sorting(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean projection on the simplex by sorting: the plain reference."""
    ordered = np.sort(row)[::-1]
    excess = (np.cumsum(ordered) - 1) / np.arange(1, len(row) + 1)
    last = np.flatnonzero(ordered > excess)[-1]
    return np.maximum(row - excess[last], 0)


@settings(max_examples=100, deadline=None)
@given(entries=st.integers(1, 40), spread=st.floats(1e-3, 30), guess=st.floats(-100, 100), seed=st.integers(0, 2**16))
def test_the_projection_finds_the_nearest_point_of_the_simplex_from_any_guess(
    entries: int, spread: float, guess: float, seed: int
) -> None:
    rows = (spread * np.random.default_rng(seed).normal(size=(6, 2 * entries))).astype(np.float32)
    found, threshold = rows.copy(), np.full((6, 2), guess, np.float32)
    Allowed(entries, entries).bring_back(found, threshold)
    expected = np.stack([by_sorting(row) for row in rows.astype(np.float64)])
    # entries and threshold carry 6e-8 of their size
    np.testing.assert_allclose(found, expected, atol=1e-6 * (1 + 5 * spread))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_papers_projection_clips_and_scales() -> None:
    rows = np.array([[-1, 1, 3, 0], [-1, -2, -3, -4]], np.float32)
    Allowed(2, 2, "clip-and-scale").bring_back(rows, np.zeros((2, 2), np.float32))
    np.testing.assert_allclose(rows, [[0, 0.25, 0.75, 0], [0.25] * 4])


@settings(max_examples=50, deadline=None)
@given(atoms=st.integers(2, 20), seed=st.integers(0, 2**16), clip=st.booleans())
def test_a_cell_uses_no_more_atoms_than_asked(atoms: int, seed: int, clip: bool) -> None:
    rows = np.random.default_rng(seed).normal(size=(8, 2 * atoms)).astype(np.float32)
    sparsity = 1 + seed % atoms
    allowed = Allowed(atoms, atoms, "clip-and-scale" if clip else "simplex", sparsity)
    allowed.bring_back(rows, np.zeros((8, 2), np.float32))
    used = (rows[:, :atoms] + rows[:, atoms:]) > 0
    # where nothing is above zero the papers' projection shares equally
    assert (used.sum(axis=1) <= sparsity).all() or clip
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), moving=st.booleans())
def test_nothing_that_the_constraints_allow_is_below_the_bound(seed: int, moving: bool) -> None:
    problem = in_motion(seed) if moving else random_problem(seed)
    _, bound = relaxed(problem)
    assert bound <= objective(problem, random_unknowns(problem, seed))


def test_the_bound_is_a_least_value() -> None:
    problem = random_problem(5)
    fields, bound = relaxed(problem, tolerance=1e-6)
    _, slope = objective_and_gradient(problem, fields)
    at_zero = objective_and_gradient(problem, replace(fields, visible=fields.visible * 0, hidden=fields.hidden * 0))[1]
    assert np.abs(slope.hidden).max() < 1e-4 * np.abs(at_zero.hidden).max()
    rng = np.random.default_rng(0)
    for _ in range(20):
        visible = fields.visible.copy()
        visible[:, :, :4] += rng.normal(0, 0.01, visible[:, :, :4].shape).astype(np.float32)
        assert objective_and_gradient(problem, replace(fields, visible=visible))[0] > bound
