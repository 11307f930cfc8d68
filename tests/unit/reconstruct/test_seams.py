"""The standard error runs evenly from tile to tile."""

from __future__ import annotations

import numpy as np
import pytest

from edge.reconstruct.seams import even_out

TILE = 8


@pytest.mark.parametrize("shape", [(32, 40), (1, 30), (13, 7), (5, 5)])
def test_tiles_of_equal_deviation_are_left_alone(shape):
    tiles = (-(-shape[0] // TILE), -(-shape[1] // TILE))
    error = np.random.default_rng(1).uniform(1, 2, (*shape, 3)).astype(np.float32)
    before = error.copy()
    even_out(error, np.full((*tiles, 3), 0.7, np.float32), TILE)
    np.testing.assert_allclose(error, before, rtol=1e-6)


def test_a_step_between_two_tiles_becomes_a_ramp():
    deviation = np.array([[[1.0], [3.0]]], np.float32)
    error = np.repeat(np.repeat(deviation, TILE, axis=0), TILE, axis=1)
    even_out(error, deviation, TILE)
    row = error[0, :, 0]
    assert np.abs(np.diff(row)).max() == pytest.approx(2 / TILE, rel=1e-5)
    assert row[0] == pytest.approx(1)
    assert row[-1] == pytest.approx(3)


def test_an_element_that_does_not_vary_keeps_its_error():
    error = np.zeros((8, 8, 1), np.float32)
    even_out(error, np.zeros((1, 1, 1), np.float32), TILE)
    assert not error.any()
