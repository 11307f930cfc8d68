"""The mean adjustment is exact, and probabilities stay probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.density import adjust_mean, cells_for_rate, density_from_importance
from models.faults import UnusableRequest

importances = arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 1e6, allow_subnormal=False))


@given(importances, st.floats(0, 1))
@example(np.array([170581.0, *[159.0] * 18]), 1 - 2**-53)
def test_the_adjusted_sum_is_the_total_and_no_value_exceeds_one(importance: NDArray[np.float64], share: float) -> None:
    total = share * importance.size
    values = adjust_mean(importance, total)
    # n additions of values up to one, each rounded once
    assert values.sum() == pytest.approx(total, abs=4e-16 * importance.size**2 + 1e-12)
    assert values.min() >= 0
    assert values.max() <= 1


@given(importances, st.floats(0.01, 1))
def test_unsaturated_values_keep_the_proportions_of_the_importance(
    importance: NDArray[np.float64], share: float
) -> None:
    values = adjust_mean(importance, share * importance.size)
    free = (values > 0) & (values < 1) & (importance > 1e-9 * importance.max())
    if free.any() and np.count_nonzero(importance > 1e-12 * importance.max()) > share * importance.size:
        ratio = values[free] / importance[free]
        assert ratio == pytest.approx(ratio[0], rel=1e-9)


def test_the_published_single_clamp_loses_samples_that_the_exact_adjustment_keeps() -> None:
    importance = np.array([100.0, *[1.0] * 99])
    once = np.minimum(1, importance * 20 / importance.sum())
    assert once.sum() < 11
    assert adjust_mean(importance, 20).sum() == pytest.approx(20, abs=1e-12)


def test_a_constant_importance_gives_a_constant_density() -> None:
    assert adjust_mean(np.zeros(40), 10) == pytest.approx(0.25)
    assert adjust_mean(np.full(40, 7.0), 10) == pytest.approx(0.25)


def test_too_few_positive_cells_are_taken_whole_and_the_rest_is_shared() -> None:
    assert adjust_mean(np.array([5.0, 3.0, 0.0, 0.0]), 3) == pytest.approx([1, 1, 0.5, 0.5])


@pytest.mark.parametrize("bad", [np.array([1.0, np.nan]), np.array([1.0, -1.0]), np.array([1.0, np.inf])])
def test_an_importance_that_is_negative_or_not_finite_is_refused(bad: NDArray[np.float64]) -> None:
    with pytest.raises(UnusableRequest, match="negative or not finite"):
        adjust_mean(bad, 1)


def test_density_is_zero_where_no_cell_may_be_visited_and_its_mean_elsewhere_is_the_rate() -> None:
    allowed = np.arange(48).reshape(6, 8) % 3 > 0
    density = density_from_importance(np.ones((6, 8)) * np.arange(8), count=10, allowed=allowed, origin="ramp")
    assert not density.values[~allowed].any()
    # float32 resolves 6e-8 of each value
    assert density.values[allowed].mean() == pytest.approx(10 / allowed.sum(), rel=1e-6)
    assert density.rate == 10 / allowed.sum()
    assert density.values.min(where=allowed, initial=1) > 0


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_a_rate_outside_zero_to_one_is_refused(rate: float) -> None:
    with pytest.raises(UnusableRequest, match="rate"):
        cells_for_rate(rate, 100)


def test_the_smallest_rate_still_visits_one_cell() -> None:
    assert cells_for_rate(1e-9, 100) == 1
    assert cells_for_rate(0.037, 1000) == 37
    assert cells_for_rate(1, 1000) == 1000
