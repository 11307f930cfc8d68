"""Non-negative least squares on the normal equations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from edge.spectra.least_squares import nonnegative_solution


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
def test_it_finds_what_the_reference_solver_finds(seed: int, unknowns: int) -> None:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(60, unknowns)) * 10.0 ** rng.uniform(-3, 3, unknowns)
    target = rng.normal(size=60)
    solution = nonnegative_solution(design.T @ design, design.T @ target)
    reference, residual = nnls(design, target)
    assert solution.min() >= 0
    # Squaring the problem costs half the digits; the residual decides, not the coordinates of a flat valley.
    assert np.linalg.norm(design @ solution - target) <= residual + 1e-6
    assert reference.shape == solution.shape


@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_guess_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design, target = rng.normal(size=(40, 12)), rng.normal(size=40)
    gram, right = design.T @ design, design.T @ target
    plain = nonnegative_solution(gram, right)
    for guess in (np.ones(12, dtype=bool), rng.random(12) < 0.5):
        np.testing.assert_allclose(nonnegative_solution(gram, right, guess), plain, atol=1e-8)
