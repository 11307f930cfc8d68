"""Exposures of one cell become one value."""

from __future__ import annotations

import numpy as np

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


def test_a_photograph_in_bytes_is_scaled_to_one() -> None:
    assert checked_photograph(np.full((2, 3, 3), 255, np.uint8), (2, 3)).max() == 1
