"""Projected maps agree with the measurement exactly, whatever the exposures saw, and with torch's own projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reconstruct.exposure_operator import ExposureOperator, areas, joined, points, strokes
from edge.reconstruct.exposure_projection import are_disjoint, projected
from edge.reconstruct.exposure_upsampling import bilinear

SHAPE = (12, 15)


def _of_kind(kind: str, random: np.random.Generator) -> ExposureOperator:
    cells = random.permutation(SHAPE[0] * SHAPE[1])[:20]
    rows, columns = np.divmod(cells, SHAPE[1])
    if kind == "points":
        return points(SHAPE, rows, columns)
    if kind == "areas":
        top, left = np.divmod(np.arange(20), 5)
        return areas(SHAPE, top * 3, left * 3, height=3, width=3)
    if kind == "strokes":
        start = random.uniform(0, 1, (10, 2)) * (np.array(SHAPE) - 1)
        return strokes(SHAPE, start, random.uniform(0, 1, (10, 2)) * (np.array(SHAPE) - 1))
    return joined([_of_kind("strokes", random), _of_kind("points", random)])


@given(
    kind=st.sampled_from(["points", "areas", "strokes", "strokes and points"]),
    seed=st.integers(0, 10_000),
    channels=st.integers(1, 4),
)
def test_exposures_see_of_projected_maps_what_they_measured(kind: str, seed: int, channels: int) -> None:
    random = np.random.default_rng(seed)
    operator = _of_kind(kind, random)
    # of maps that there are: contradictory exposures cannot all be met
    measured = operator.seen(random.random((*SHAPE, channels)).astype(np.float32))
    found = projected(random.random((*SHAPE, channels)).astype(np.float32), operator, measured)
    # strokes that nearly see the same leave a matrix that float32 weights invert to four digits
    np.testing.assert_allclose(operator.seen(found), measured, atol=2e-3 if "strokes" in kind else 1e-6)


@given(kind=st.sampled_from(["points", "areas", "strokes"]), seed=st.integers(0, 10_000))
def test_no_cell_that_nobody_saw_is_changed(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    operator = _of_kind(kind, random)
    maps = random.random((*SHAPE, 2)).astype(np.float32)
    found = projected(maps, operator, random.random((len(operator), 2)).astype(np.float32))
    unseen = np.setdiff1d(np.arange(SHAPE[0] * SHAPE[1]), operator.cell)
    np.testing.assert_array_equal(found.reshape(-1, 2)[unseen], maps.reshape(-1, 2)[unseen])


def test_an_area_hands_its_residual_to_each_of_its_cells_whole() -> None:
    operator = areas((2, 2), np.array([0]), np.array([0]), height=2, width=2)
    found = projected(np.zeros((2, 2, 1), np.float32), operator, np.full((1, 1), 0.7, np.float32))
    np.testing.assert_allclose(found, 0.7, atol=1e-6)


def test_maps_that_agree_already_are_left_alone() -> None:
    random = np.random.default_rng(3)
    operator, maps = _of_kind("areas", random), random.random((*SHAPE, 2)).astype(np.float32)
    np.testing.assert_allclose(projected(maps, operator, operator.seen(maps)), maps, atol=1e-6)


@pytest.mark.parametrize("kind", ["points", "areas", "strokes"])
def test_the_training_projects_as_the_application_does(kind: str) -> None:
    torch = pytest.importorskip("torch")
    from models.training.unfolding.exposures import Exposures
    from models.training.unfolding.exposures import projected as in_training

    random = np.random.default_rng(5)
    operator = _of_kind(kind, random)
    maps = random.random((*SHAPE, 2)).astype(np.float32)
    measured = (
        random.random((len(operator), 2)).astype(np.float32)
        if are_disjoint(operator)
        else operator.seen(random.random((*SHAPE, 2)).astype(np.float32))
    )
    exposures = Exposures.of(operator.first, operator.cell, operator.weight)
    found = in_training(torch.from_numpy(maps.reshape(-1, 2)), exposures, torch.from_numpy(measured))
    np.testing.assert_allclose(found.numpy().reshape(maps.shape), projected(maps, operator, measured), atol=5e-3)


def test_the_middle_of_an_area_lies_between_cells_and_that_of_a_point_on_its_cell() -> None:
    block = areas((4, 4), np.array([0]), np.array([2]), height=2, width=2)
    np.testing.assert_allclose(block.centroids(), [[0.5, 2.5]])
    np.testing.assert_allclose(points((4, 4), np.array([3]), np.array([1])).centroids(), [[3, 1]])


def test_bilinear_values_are_those_of_a_plane_between_the_middles() -> None:
    operator = areas((8, 12), *(4 * axis.ravel() for axis in np.indices((2, 3))), height=4, width=4)
    row, column = np.indices((8, 12))
    plane = (0.1 * row + 0.2 * column)[:, :, None].astype(np.float32)
    found = bilinear(operator, operator.seen(plane))
    np.testing.assert_allclose(found[2:6, 2:10], plane[2:6, 2:10], atol=1e-5)
    np.testing.assert_array_equal(found[0], found[1])


def test_exposures_that_form_no_raster_are_joined_by_triangles() -> None:
    random = np.random.default_rng(2)
    operator = _of_kind("points", random)
    row, column = np.indices(SHAPE)
    plane = (1 + 0.1 * row - 0.05 * column)[:, :, None].astype(np.float32)
    found = bilinear(operator, operator.seen(plane))
    np.testing.assert_allclose(operator.seen(found), operator.seen(plane), atol=1e-5)
    assert np.isfinite(found).all()
