"""Exposures of one cell become one value."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.maps import Samples
from edge.reconstruct.cells import checked_photograph, merged


def twice(first: float, second: float, first_variance: float, second_variance: float) -> Samples:
    return Samples(
        np.array([2, 0, 2]),
        np.array([1, 3, 1]),
        np.array([[first], [7], [second]], np.float32),
        np.array([[first_variance], [1], [second_variance]], np.float32),
    )


def test_exposures_of_one_cell_are_weighted_by_inverse_variance() -> None:
    cells = merged(twice(10, 20, 1, 3), (4, 5), ("Fe",))
    assert list(zip(cells.rows, cells.columns, strict=True)) == [(0, 3), (2, 1)]
    np.testing.assert_allclose(cells.values[1], 12.5)
    np.testing.assert_allclose(cells.variance[1], 0.75)


def test_exposures_of_one_cell_with_an_unknown_variance_take_the_plain_mean() -> None:
    cells = merged(twice(10, 20, 0, 4), (4, 5), ("Fe",))
    np.testing.assert_allclose(cells.values[1], 15)
    np.testing.assert_allclose(cells.variance[1], 1)


@settings(max_examples=50, deadline=None)
@given(exposures=st.integers(1, 60), cells=st.integers(1, 12), seed=st.integers(0, 2**16))
def test_any_number_of_repeats_merges_as_cell_by_cell(exposures: int, cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, cells, exposures)
    values = rng.normal(10, 3, (exposures, 2)).astype(np.float32)
    variance = rng.choice([0, 1, 2.5], (exposures, 2), p=[0.1, 0.6, 0.3]).astype(np.float32)
    found = merged(Samples(np.zeros(exposures, np.intp), columns, values, variance), (1, cells), ("Fe", "Pb"))
    np.testing.assert_array_equal(found.columns, np.unique(columns))
    for i, column in enumerate(found.columns):
        here = columns == column
        for e in range(2):
            weight = 1 / variance[here, e] if (variance[here, e] > 0).all() else np.ones(here.sum())
            spread = 1 / weight.sum() if (variance[here, e] > 0).all() else variance[here, e].mean() / here.sum()
            np.testing.assert_allclose(found.values[i, e], weight @ values[here, e] / weight.sum(), rtol=1e-5)
            np.testing.assert_allclose(found.variance[i, e], spread, rtol=1e-5)


def test_a_photograph_in_bytes_is_scaled_to_one() -> None:
    assert checked_photograph(np.full((2, 3, 3), 255, np.uint8), (2, 3)).max() == 1
