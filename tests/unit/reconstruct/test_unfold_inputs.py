"""What an unfolded network is told of cells, and the error that exposures left out tell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import areas, points
from edge.reconstruct.exposure_upsampling import bilinear
from edge.reconstruct.photograph_moved import moved
from edge.reconstruct.unfold.colour_steps import colour_steps
from edge.reconstruct.unfold.error import carried_noise, contrast_of, learned_law
from edge.reconstruct.unfold.inputs import RECIPES, refined
from edge.reconstruct.unfold.scaling import Span

SHAPE, FACTOR = (32, 40), 4
Floats = NDArray[np.float32]


def _photograph() -> Floats:
    random = np.random.default_rng(0)
    return random.random((*SHAPE, 3)).astype(np.float32)


def _blocks(maps: Floats) -> MeasuredCells:
    down, right = (FACTOR * axis.ravel() for axis in np.indices((SHAPE[0] // FACTOR, SHAPE[1] // FACTOR)))
    operator = areas(SHAPE, down, right, height=FACTOR, width=FACTOR)
    values = operator.seen(maps)
    names = tuple("abcdefgh"[: maps.shape[2]])
    return MeasuredCells(SHAPE, down + 2, right + 2, values, np.full_like(values, 0.01), names, operator=operator)


def test_maps_that_follow_the_photograph_are_stepped_as_it_is() -> None:
    rgb = _photograph()
    maps = np.stack([0.5 * rgb[:, :, 0], 1 - rgb[:, :, 2]], 2)
    cells = _blocks(maps)
    plain = bilinear(cells.seen_by(), cells.values)
    stepped = plain + colour_steps(cells, rgb, width=1.5, blur=0)
    inside = np.s_[4:-4, 4:-4]
    assert np.square(stepped - maps)[inside].mean() < 0.1 * np.square(plain - maps)[inside].mean()


def test_maps_that_are_even_are_not_stepped() -> None:
    cells = _blocks(np.full((*SHAPE, 1), 0.3, np.float32))
    np.testing.assert_allclose(colour_steps(cells, _photograph(), width=1, blur=1), 0, atol=1e-4)


def test_refined_maps_agree_with_the_exposures_exactly() -> None:
    random = np.random.default_rng(1)
    cells = _blocks(random.random((*SHAPE, 2)).astype(np.float32))
    found = refined(random.random((*SHAPE, 2)).astype(np.float32), cells.seen_by(), cells.values)
    np.testing.assert_allclose(cells.seen_by().seen(found), cells.values, atol=1e-6)


@pytest.mark.parametrize(("recipe", "count"), [("interpolated", 2 + 3), ("kriged", 2 * (1 + 3) + 3 + 3)])
def test_recipes_give_maps_first_and_then_what_else_they_know(recipe: str, count: int) -> None:
    rgb = _photograph()
    cells = _blocks(np.stack([rgb[:, :, 0], rgb.mean(axis=2)], 2))
    inputs = RECIPES[recipe](cells, rgb)
    assert inputs.shape == (*SHAPE, count)
    assert inputs.dtype == np.float32
    correlation = np.corrcoef(cells.seen_by().seen(inputs[:, :, :1])[:, 0], cells.values[:, 0])[0, 1]
    assert correlation > 0.9


def test_a_raster_with_a_few_exposures_missing_is_bilinear_where_none_is() -> None:
    rgb = _photograph()
    cells = _blocks(rgb)
    whole = bilinear(cells.seen_by(), cells.values)
    some = cells.without(np.array([33]))  # row 3, column 3 of blocks
    holed = bilinear(some.seen_by(), some.values)
    far = np.ones(SHAPE, np.bool_)
    far[8:24, 8:24] = False
    np.testing.assert_array_equal(holed[far], whole[far])
    assert not np.array_equal(holed, whole)


def test_exposures_picked_see_what_they_saw_among_all() -> None:
    cells = _blocks(_photograph())
    which = np.array([5, 60, 2])
    some = cells.picked(which)
    np.testing.assert_allclose(some.seen_by().seen(_photograph()), cells.values[which], atol=1e-6)


def test_values_scaled_and_back_are_the_same() -> None:
    random = np.random.default_rng(2)
    values = random.normal(1, 1, (20, 3)).astype(np.float32)
    values[:, 2] = 0.7
    place = np.divmod(np.arange(20), SHAPE[1])
    cells = MeasuredCells(SHAPE, *place, values, np.ones_like(values), ("a", "b", "c"))
    span = Span.of(cells)
    scaled = span.scaled(cells)
    assert scaled.values[:, :2].min() >= 0
    assert scaled.values[:, :2].max() == 1
    np.testing.assert_allclose(span.unscaled(scaled.values), values, atol=1e-6)


def test_maps_moved_there_and_back_are_nearly_the_same() -> None:
    row, column = np.indices(SHAPE)
    wave = (np.sin(row / 5) * np.cos(column / 6))[:, :, None].astype(np.float32)
    back = moved(moved(wave, 0.5, -0.5), -0.5, 0.5)
    np.testing.assert_allclose(back[3:-3, 3:-3], wave[3:-3, 3:-3], atol=5e-3)


def test_the_law_of_errors_covers_as_many_as_one_standard_error_should() -> None:
    random = np.random.default_rng(3)
    contrast = random.uniform(0, 1, (4000, 2)).astype(np.float32)
    noise = np.full_like(contrast, 0.02**2)
    spread = np.sqrt(0.05**2 + (0.3 * contrast) ** 2 + noise)
    law = learned_law((spread * random.normal(size=spread.shape)).astype(np.float32), contrast, noise)
    # the share of 4,000 normal errors within one strays by 0.7 %, and two parameters are fitted
    np.testing.assert_allclose(law.left_out.within_one, 0.683, atol=0.02)
    np.testing.assert_allclose(law.left_out.within_two, 0.954, atol=0.02)
    expected = np.sqrt(0.05**2 + (0.3 * contrast) ** 2)
    np.testing.assert_allclose(law.standard_error(contrast), expected, rtol=0.25)


def test_a_projection_hands_on_the_noise_that_it_makes() -> None:
    random = np.random.default_rng(4)
    operator = areas((4, 4), np.array([0, 2]), np.array([0, 0]), height=2, width=4)
    variance = np.array([[0.04], [0.25]], np.float32)
    from edge.reconstruct.exposure_projection import projected

    flat = np.zeros((4, 4, 1), np.float32)
    draws = [projected(flat, operator, np.sqrt(variance) * random.normal(size=(2, 1))) for _ in range(400)]
    # a variance of 400 draws strays by 7 %
    np.testing.assert_allclose(np.var(draws, axis=0), carried_noise(operator, variance), rtol=0.25)


def test_noise_of_points_is_handed_to_their_cells_alone() -> None:
    operator = points((3, 3), np.array([1]), np.array([2]))
    found = carried_noise(operator, np.full((1, 1), 0.5, np.float32))
    assert found[1, 2, 0] == pytest.approx(0.5)
    assert found.sum() == pytest.approx(0.5)


def test_contrast_is_high_at_an_edge_and_nothing_on_the_plain() -> None:
    maps = np.zeros((20, 40, 1), np.float32)
    maps[:, 20:] = 1
    found = contrast_of(maps, 50)
    assert found[10, 20, 0] > 0.4
    assert found[10, 2, 0] < 1e-3
