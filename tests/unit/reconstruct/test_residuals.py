"""Residuals of measured cells are what leaving each out says."""

from __future__ import annotations

import numpy as np

from edge.reconstruct.kriging import learn_parameters
from edge.reconstruct.residuals import residuals
from tests.unit.reconstruct.scenes import measured, painted, random_mask


def test_a_cell_that_differs_from_all_around_it_has_the_largest_residual():
    maps, _ = painted(60, 50)
    smooth = np.broadcast_to(np.linspace(0, 1, 50, dtype=np.float32)[None, :, None], (60, 50, 2)).copy()
    cells = measured(smooth, random_mask(np.ones(maps.shape[:2], np.bool_), 0.2))
    odd = len(cells) // 2
    cells.values[odd, 1] += 0.5
    found = residuals(cells, learn_parameters(cells, None), None)
    assert np.abs(found[:, 1]).argmax() == odd
    # in standard deviations of the element; its neighbours are misled by a part of it only
    assert found[odd, 1] > 0.4 / cells.values[:, 1].std()
    assert np.abs(found[odd, 0]) < 0.1


def test_every_cell_has_one_in_the_order_of_the_cells():
    maps, _ = painted(40, 40)
    cells = measured(maps, random_mask(np.ones((40, 40), np.bool_), 0.3))
    found = residuals(cells, learn_parameters(cells, None), None)
    assert found.shape == cells.values.shape
    assert np.isfinite(found).all()
    assert (found.std(axis=0) < 1).all()
