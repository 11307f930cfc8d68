"""Fusion inpainting: no step raises the objective, it ends where it should, and its parts mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.fusion import fusion, fusion_layers, method
from edge.reconstruct.fusion.dictionary import (
    chosen_pairs,
    coded,
    coupled_dictionary,
    fitted_abundances,
    improved_atoms,
    sparse_objective,
)
from edge.reconstruct.fusion.palm import Plan, begun, minimised
from edge.reconstruct.fusion.problem import (
    ALPHA,
    ATOMS,
    GAMMA,
    LAMBDA,
    fields_of,
    gradient_by_abundances,
    objective,
    objective_and_gradient,
)
from edge.reconstruct.fusion.relaxation import relaxed
from edge.reconstruct.reconstruction import Reconstruction
from tests.unit.reconstruct.scenes import measured, painted, portrait, psnr_db, random_mask
from tests.unit.reconstruct.test_fusion_objective import by_sorting, in_motion, random_problem, random_unknowns

ROUNDING = 2e-6
"""Of an objective that is a sum of some hundred terms in single precision."""


def test_the_published_parameters_are_the_defaults() -> None:
    assert (ALPHA, GAMMA, LAMBDA, ATOMS) == (16, 0.1, 0.1, 200)
    assert Plan().sparsity is None


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), moving=st.booleans(), accelerated=st.booleans())
def test_no_step_of_any_block_raises_the_objective(seed: int, moving: bool, accelerated: bool) -> None:
    problem = in_motion(seed) if moving else random_problem(seed)
    walk = begun(problem, random_unknowns(problem, seed), Plan(accelerated=accelerated))
    before = walk.objective
    for done in range(30):
        (walk.step_dictionaries if done % 3 == 2 else walk.step_abundances)()
        assert walk.objective <= before * (1 + ROUNDING)
        assert walk.objective == pytest.approx(objective(problem, walk.unknowns), rel=1e-5)
        before = walk.objective


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_unknowns_stay_within_their_constraints(seed: int) -> None:
    problem = random_problem(seed)
    found = minimised(problem, random_unknowns(problem, seed), Plan(most_iterations=25)).unknowns
    assert (found.abundances >= 0).all()
    np.testing.assert_allclose(found.abundances.sum(axis=1), 1, atol=1e-5)
    for dictionary in (found.visible, found.hidden):
        assert ((dictionary >= 0) & (dictionary <= 1)).all()


def test_a_step_of_abundances_is_a_projected_gradient_step() -> None:
    problem = random_problem(1)
    start = random_unknowns(problem, 1)
    _, by_fields = objective_and_gradient(problem, fields_of(start, problem.shape))
    slope = gradient_by_abundances(problem, start, by_fields)
    walk = begun(problem, random_unknowns(problem, 1), Plan())
    lengths = walk._step_lengths()[:, :1]
    walk.step_abundances()
    expected = np.stack([by_sorting(row) for row in (start.abundances - lengths * slope).astype(np.float64)])
    np.testing.assert_allclose(walk.unknowns.abundances, expected, atol=1e-5)


def test_momentum_gets_further_in_as_many_steps() -> None:
    problem = random_problem(2, (20, 20))
    ends = [
        minimised(problem, random_unknowns(problem, 2), Plan(accelerated=accelerated, most_iterations=60)).objectives[
            -1
        ]
        for accelerated in (False, True)
    ]
    _, bound = relaxed(problem)
    assert bound < ends[1] < ends[0]


def test_the_papers_projection_runs_and_ends_higher() -> None:
    problem = random_problem(2, (20, 20))
    ends = {}
    for projection in ("simplex", "clip-and-scale"):
        plan = Plan(projection=projection, accelerated=False, most_iterations=100, tolerance=0)
        ends[projection] = minimised(problem, random_unknowns(problem, 2), plan).objectives[-1]
    assert ends["simplex"] < ends["clip-and-scale"]


def test_sparsity_limits_the_atoms_of_each_cell() -> None:
    problem = random_problem(2, (12, 12))
    found = minimised(problem, random_unknowns(problem, 2), Plan(sparsity=2, most_iterations=20)).unknowns
    used = (found.abundances[:, :5] + found.abundances[:, 5:]) > 0
    assert used.sum(axis=1).max() <= 2


def test_every_step_of_the_coupled_dictionary_lowers_its_objective() -> None:
    rng = np.random.default_rng(0)
    training = (rng.dirichlet(np.full(6, 0.3), 300) @ rng.random((6, 8))).astype(np.float32)
    dictionary = chosen_pairs(training, 12) / np.float32(2)
    abundances = np.zeros((300, len(dictionary)), np.float32)
    value = sparse_objective(training, dictionary, abundances, 0.02)
    for _ in range(5):
        abundances = coded(training, dictionary, abundances, 0.02)
        assert (after := sparse_objective(training, dictionary, abundances, 0.02)) < value
        dictionary = improved_atoms(training, dictionary, abundances)
        value = sparse_objective(training, dictionary, abundances, 0.02)
        assert value < after
        assert (dictionary >= 0).all()
        for part in (dictionary[:, :-3], dictionary[:, -3:]):
            assert (np.linalg.norm(part, axis=1) <= 1 + 1e-6).all()


def test_the_coupled_dictionary_explains_what_pairs_alone_do_not() -> None:
    rng = np.random.default_rng(1)
    materials = rng.random((10, 9))
    training = (rng.dirichlet(np.full(10, 0.5), 500) @ materials).astype(np.float32)
    dictionary = coupled_dictionary(training, training[:100], atoms=12)
    assert dictionary.shape == (12, 9)
    missed = [
        np.square(fitted_abundances(training, atoms) @ atoms - training).mean()
        for atoms in (dictionary, chosen_pairs(training[:100], 12))
    ]
    assert missed[0] < missed[1]


def test_pairs_are_chosen_once_each() -> None:
    pairs = np.repeat(np.arange(12, dtype=np.float32).reshape(3, 4), 5, axis=0)
    assert len(np.unique(chosen_pairs(pairs, 8), axis=0)) == len(chosen_pairs(pairs, 8)) == 3


def test_visible_and_hidden_parts_add_up_to_the_measured_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "PLAN", Plan(most_iterations=50))
    maps, rgb = painted(24, 20)
    mask = random_mask(np.ones((24, 20), np.bool_), 0.3)
    layers = fusion_layers(measured(maps, mask), rgb)
    np.testing.assert_allclose((layers.visible + layers.hidden)[mask], maps[mask], atol=1e-5)
    assert (layers.visible >= 0).all()


def test_paint_that_the_photograph_does_not_show_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "PLAN", Plan(most_iterations=300))
    y, x = np.mgrid[:48, :48]
    disc = (np.hypot(y - 24, x - 24) < 12).astype(np.float32)
    stripes = ((x // 8) % 2).astype(np.float32)
    rgb = np.stack([0.2 + 0.5 * stripes] * 3, axis=2).astype(np.float32)
    maps = np.stack([0.2 + 0.6 * stripes, 0.8 * disc], axis=2).astype(np.float32)
    layers = fusion_layers(measured(maps, random_mask(np.ones((48, 48), np.bool_), 0.2)), rgb)
    inside, outside = disc > 0, disc == 0
    shown, kept = (part[inside, 1].mean() - part[outside, 1].mean() for part in (layers.visible, layers.hidden))
    assert kept > 2 * abs(shown)


@pytest.mark.campaign
def test_on_a_portrait_twice_the_iterations_change_little_and_the_bound_is_near(measurement_data: Path) -> None:
    part = slice(340, 364), slice(110, 134)
    maps, rgb, valid = (np.ascontiguousarray(array[part]) for array in portrait(measurement_data))
    cells = measured(maps, random_mask(valid, 0.1))
    scale = method.scale_of(cells)
    problem = method.problem_of(cells, rgb, scale)
    _, bound = relaxed(problem)
    ends = []
    most = Plan().most_iterations
    for tolerance in (Plan().tolerance, 0.0):
        plan = Plan(most_iterations=most, tolerance=tolerance)
        ends.append(minimised(problem, method.published_start(problem, cells, scale), plan))
        most = 2 * ends[0].iterations
    psnrs = [psnr_db(fields_of(end.unknowns, problem.shape).maps() * scale.span, maps, valid) for end in ends]
    assert ends[0].residual < Plan().tolerance
    assert abs(psnrs[1] - psnrs[0]) < 0.05
    assert ends[0].objectives[-1] < 1.1 * bound


def small_painting() -> tuple[NDArray[np.float32], NDArray[np.float32], MeasuredCells]:
    maps, rgb = painted(24, 24)
    return maps, rgb, measured(maps, random_mask(np.ones((24, 24), np.bool_), 0.15))


@pytest.fixture(scope="module")
def fused() -> Reconstruction:
    """The small painting, fused until little changes."""
    _, rgb, cells = small_painting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "PLAN", Plan(tolerance=5e-3))
        return fusion(cells, rgb)


def test_the_result_is_no_mere_copy_of_where_it_starts(fused: Reconstruction) -> None:
    maps, _, cells = small_painting()
    started = method.mumford_shah(cells).maps
    assert psnr_db(fused.maps, maps, np.ones((24, 24), np.bool_)) > psnr_db(started, maps, np.ones((24, 24), np.bool_))


def test_a_solve_that_was_stopped_early_says_so(fused: Reconstruction, monkeypatch: pytest.MonkeyPatch) -> None:
    _, rgb, cells = small_painting()
    assert fused.remarks == ()
    monkeypatch.setattr(method, "PLAN", Plan(most_iterations=3))
    (remark,) = fusion(cells, rgb).remarks
    assert remark.startswith("Fusion inpainting was stopped after 3 iterations")
