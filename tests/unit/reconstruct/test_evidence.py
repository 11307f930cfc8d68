"""Regressions that learn what there is, and next to nothing from noise."""

from __future__ import annotations

import numpy as np

from edge.reconstruct.evidence import regress


def design(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2_000, 20))


def test_of_noise_alone_next_to_nothing_is_learned() -> None:
    shares = []
    for seed in range(10):
        x, y = design(seed), np.random.default_rng(100 + seed).standard_normal(2_000)
        (found,) = regress([x.T @ x], [x.T @ y], np.ones(1), 1.0)
        shares.append(np.square(found).sum() / np.square(np.linalg.lstsq(x, y, rcond=None)[0]).sum())
    # the evidence of 20 squares is itself noisy: their sum strays from its expectation by a third
    assert np.mean(shares) < 0.1


def test_coefficients_that_stand_out_of_the_noise_are_found() -> None:
    x = design(2)
    true = np.random.default_rng(3).standard_normal(20) * 0.4
    y = x @ true + np.random.default_rng(4).standard_normal(2_000)
    (found,) = regress([x.T @ x], [x.T @ y], np.ones(1), 1.0)
    np.testing.assert_allclose(found, true, atol=0.1)  # 1 / sqrt(2000), and four times that


def test_regressions_that_share_their_design_are_solved_as_each_alone() -> None:
    x, rng = design(5), np.random.default_rng(6)
    ys = [x[:, 0] + rng.standard_normal(2_000) for _ in range(3)]
    product = x.T @ x
    shared = regress([product] * 3, [x.T @ y for y in ys], np.ones(3), 1.0)
    apart = regress([product.copy() for _ in ys], [x.T @ y for y in ys], np.ones(3), 1.0)
    np.testing.assert_allclose(shared, apart, atol=1e-6)
