"""What an image shows between the middles of its cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.reconstruct.reading import read_off

SHAPE = (6, 9)
SLOPES = np.array([[1.0, -2.0], [0.5, 3.0]])
PLANES = (np.moveaxis(np.indices(SHAPE), 0, 2) @ SLOPES).astype(np.float32)


@given(st.floats(-3, 9), st.floats(-3, 12))
def test_planes_are_read_off_as_they_are_and_go_on_level_beyond_the_rim(row, column):
    found = read_off(PLANES, np.array([row]), np.array([column]))
    inside = [np.clip(row, 0, SHAPE[0] - 1), np.clip(column, 0, SHAPE[1] - 1)]
    # single precision of values up to 30
    np.testing.assert_allclose(found, [inside @ SLOPES], atol=1e-5)


def test_at_the_middle_of_a_cell_the_cell_itself_is_read_off():
    row, column = np.indices(SHAPE).reshape(2, -1)
    np.testing.assert_array_equal(read_off(PLANES, row, column), PLANES.reshape(-1, 2))
