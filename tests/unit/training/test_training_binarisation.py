"""Density and mask as a training sees them: exact mean, real cells, a gradient through both."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import density
from models.training.binarisation import BINARISATIONS, adjust_mean, coverage_penalty


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def spread(seed: int, shape: tuple[int, ...], decades: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Importance over so many decades."""
    return torch.from_numpy(10 ** np.random.default_rng(seed).uniform(-decades, 0, shape)).to(dtype)


shapes = st.tuples(st.integers(1, 3), st.just(1), st.integers(1, 20), st.integers(1, 20))


@settings(max_examples=60)
@given(st.integers(0, 10_000), shapes, st.floats(0, 8), st.floats(0.01, 1))
def test_the_mean_is_exactly_the_rate_and_nothing_exceeds_one(
    seed: int, shape: tuple[int, ...], decades: float, rate: float
) -> None:
    adjusted = adjust_mean(spread(seed, shape, decades), torch.full((shape[0],), rate))
    # each value is rounded once to float32, as the rate is
    assert adjusted.double().mean((1, 2, 3)).numpy() == pytest.approx(rate, rel=1.2e-7)
    assert float(adjusted.min()) >= 0
    assert float(adjusted.max()) <= 1


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 300), st.floats(0, 8), st.floats(0.01, 1))
def test_it_equals_the_adjustment_that_a_scan_uses(seed: int, cells: int, decades: float, rate: float) -> None:
    importance = spread(seed, (1, 1, 1, cells), decades, torch.float64)
    ours = adjust_mean(importance, torch.tensor([rate], dtype=torch.float64)).flatten().numpy()
    # the same arithmetic in double precision, summed in another order
    np.testing.assert_allclose(ours, density.adjust_mean(importance.flatten().numpy(), rate * cells), rtol=1e-9)


def test_cells_without_importance_share_what_the_others_cannot_take() -> None:
    importance = torch.tensor([5.0, 3.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    assert adjust_mean(importance, torch.tensor([0.75])).flatten().tolist() == pytest.approx([1, 1, 0.5, 0.5])


def test_the_gradient_of_the_adjustment_equals_finite_differences() -> None:
    importance = spread(3, (2, 1, 4, 5), 2, torch.float64).requires_grad_(True)
    rate = torch.tensor([0.3, 0.6], dtype=torch.float64)
    assert float(adjust_mean(importance, rate).detach().max()) == 1.0, "some cell is to be saturated"
    assert torch.autograd.gradcheck(lambda x: adjust_mean(x, rate), (importance,), atol=1e-6)


@pytest.mark.parametrize("name", ["bernoulli", "error-diffusion"])
def test_a_hard_binarisation_gives_cells_and_hands_its_gradient_to_the_density(name: str) -> None:
    wanted = torch.full((3, 1, 24, 24), 0.1, requires_grad=True)
    mask = BINARISATIONS[name](wanted, np.random.default_rng(0))
    slope = torch.rand(mask.shape, generator=torch.Generator().manual_seed(0))
    mask.backward(slope)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert wanted.grad is not None
    torch.testing.assert_close(wanted.grad, slope, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["bernoulli", "error-diffusion"])
def test_an_image_that_draws_no_cell_takes_its_densest(name: str) -> None:
    wanted = torch.full((1, 1, 4, 4), 1e-6)
    wanted[0, 0, 2, 1] = 2e-6
    mask = BINARISATIONS[name](wanted, np.random.default_rng(0))
    assert mask.nonzero().tolist() == [[0, 0, 2, 1]]


def test_error_diffusion_keeps_the_mean_of_every_image() -> None:
    wanted = adjust_mean(spread(1, (4, 1, 64, 64), 1), torch.tensor([0.05, 0.1, 0.2, 0.4]))
    mask = BINARISATIONS["error-diffusion"](wanted, np.random.default_rng(0))
    # what the last row and the borders strand is at most about half a cell per column
    assert mask.sum((1, 2, 3)).numpy() == pytest.approx(wanted.sum((1, 2, 3)).numpy(), abs=32)


def test_relaxed_draws_are_right_on_average_where_they_are_sure() -> None:
    wanted = torch.full((1, 1, 200, 200), 0.1)
    drawn = BINARISATIONS["relaxed"](wanted, np.random.default_rng(0))
    share = float((drawn > 0.5).float().mean())
    # a draw is above one half just when the Bernoulli draw would be one: 40,000 of them have a deviation of 0.0015
    assert share == pytest.approx(0.1, abs=5 * 0.0015)


def test_a_density_that_abandons_a_region_is_penalised_and_an_even_one_is_not() -> None:
    rate = torch.tensor([0.1])
    even = torch.full((1, 1, 40, 40), 0.1)
    collapsed = torch.zeros(1, 1, 40, 40)
    collapsed[..., :4] = 1.0
    assert float(coverage_penalty(even, rate, share=0.2, radius=8)) == 0
    assert float(coverage_penalty(collapsed, rate, share=0.2, radius=8)) > 0.01
