"""Looks at a sparse scan: what a network of a mask is told, and what it may not be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import areas
from edge.reconstruct.kriging import kriging
from edge.reconstruct.unfold.error import rescaled_law
from edge.reconstruct.unfold.looks import look_count, looks, require_mask, standard_error_of
from tests.unit.reconstruct.scenes import measured, painted, random_mask

SHAPE = (32, 28)


@pytest.fixture(scope="module")
def scene() -> tuple[MeasuredCells, np.ndarray]:
    maps, photograph = painted(*SHAPE)
    return measured(maps, random_mask(np.ones(SHAPE, np.bool_), 0.15)), photograph


def test_inputs_begin_with_krigings_maps_and_end_with_its_standard_error_and_steepness(scene):
    cells, photograph = scene
    inputs, found = looks(cells, photograph), kriging(cells, photograph)
    assert inputs.shape[2] == cells.elements * (look_count(inputs.shape[2], cells.elements) + 2) + 3
    np.testing.assert_array_equal(inputs[:, :, :3], found.maps)
    np.testing.assert_array_equal(inputs[:, :, 3:6], photograph)
    np.testing.assert_array_equal(standard_error_of(inputs, 3), found.standard_error)
    down, across = np.gradient(found.maps, axis=(0, 1))
    np.testing.assert_allclose(inputs[:, :, -3:], np.hypot(down, across), rtol=1e-6)


def test_a_photograph_of_one_colour_is_taken_for_none_and_leaves_one_look_less(scene):
    cells, photograph = scene
    counts = [look_count(looks(cells, rgb).shape[2], 3) for rgb in (photograph, np.full_like(photograph, 0.5))]
    assert counts == [7, 6]


def test_an_element_that_does_not_vary_has_finite_inputs(scene):
    cells, photograph = scene
    values = cells.values.copy()
    values[:, 1] = 0.25
    assert np.isfinite(looks(replace(cells, values=values), photograph)).all()


def test_too_few_cells_are_refused(scene):
    cells, _ = scene
    few = [array[:63] for array in (cells.rows, cells.columns, cells.values, cells.variance)]
    with pytest.raises(UsageError, match=r"63 measured cells are too few .* needs 64: measure more, or take kriging"):
        require_mask(MeasuredCells(cells.shape, *few, cells.names))


def test_means_of_several_cells_are_refused(scene):
    cells, _ = scene
    means = replace(cells, operator=areas(cells.shape, cells.rows * 0, cells.columns * 0, height=2, width=2))
    with pytest.raises(UsageError, match=r"saw more than one cell.*: take the plan for a coarse raster"):
        require_mask(means)


def test_a_network_that_halves_the_errors_halves_the_standard_error_until_it_is_not_believed():
    error = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    stated, noise = np.ones_like(error), np.zeros_like(error)
    assert rescaled_law(error, 0.8 * error, stated, noise).share[0] == pytest.approx(0.8, rel=1e-3)
    assert rescaled_law(error, 0.1 * error, stated, noise).share[0] == pytest.approx(0.7)
    assert rescaled_law(error, 0.8 * error, stated, noise).standard_error(stated)[0, 0] == pytest.approx(0.8, rel=1e-3)
