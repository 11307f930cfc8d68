"""The photograph at any alignment and of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import shift

from edge.reconstruct.photograph import Alignment, Photograph
from edge.reconstruct.wording import way_of


@settings(max_examples=40, deadline=None)
@given(
    down=st.floats(-3, 3), right=st.floats(-3, 3), rows=st.integers(1, 12), columns=st.integers(1, 12),
    seed=st.integers(0, 2**16),
)  # fmt: skip
def test_moved_by_parts_of_a_cell_it_is_interpolated_and_its_edges_repeat(
    down: float, right: float, rows: int, columns: int, seed: int
) -> None:
    photograph = Photograph(np.random.default_rng(seed).random((rows, columns, 3), dtype=np.float32))
    alignment = Alignment(down, right)
    expected = shift(photograph.blurred(0.7).astype(np.float64), (down, right, 0), order=1, mode="nearest")
    np.testing.assert_allclose(photograph.aligned(alignment), expected, atol=1e-5)
    y, x = np.indices((rows, columns)).reshape(2, -1)
    np.testing.assert_allclose(photograph.at(y, x, alignment), expected.reshape(-1, 3), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 40_000), (40_000, 2)])
def test_a_grid_longer_than_opencv_warps_is_moved_all_the_same(shape: tuple[int, int]) -> None:
    photograph = Photograph(np.random.default_rng(0).random((*shape, 3), dtype=np.float32))
    alignment = Alignment(1.0, -1.5)
    moved = photograph.aligned(alignment)
    last = np.array([shape[0] - 1]), np.array([shape[1] - 1])
    np.testing.assert_allclose(photograph.at(*last, alignment)[0], moved[-1, -1], atol=1e-6)


@pytest.mark.parametrize(
    ("down", "right", "way"),
    [(0.04, -2.43, "2.4 cells left"), (-1.0, 0.26, "1.0 cells up and 0.3 cells right"), (0.02, -0.03, "")],
)
def test_a_way_that_rounds_to_nothing_is_not_said(down: float, right: float, way: str) -> None:
    assert way_of(Alignment(down, right)) == way
