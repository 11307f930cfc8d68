"""Super-resolution: each recipe finds what its terms say, from any exposures, and says what it cannot do."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct import METHODS
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import areas, joined, points, strokes
from edge.reconstruct.fusion.palm import Plan
from edge.reconstruct.super_resolution import recipes, solving
from edge.reconstruct.super_resolution.extension import extension_standard_error
from edge.reconstruct.super_resolution.raster import cubic_weights, raster_of, spread
from edge.reconstruct.super_resolution.recipes import Recipe
from edge.reconstruct.super_resolution.solving import sharpened
from edge.reconstruct.super_resolution.start import degradation

Floats = NDArray[np.float32]
SIDE, FACTOR = 40, 4
ALL = (recipes.SSR, recipes.SSR_ALL_TERMS, recipes.BASELINE_1, recipes.BASELINE_2, recipes.CSUSR, recipes.SSRCU)
EVERY_RECIPE = pytest.mark.parametrize("recipe", ALL, ids=lambda one: one.name)
BRIEF = Plan(most_iterations=60)


def striped(channels: int = 3) -> tuple[Floats, Floats]:
    """Maps of stripes that the photograph shows and a disc that it does not, and the photograph."""
    y, x = np.mgrid[:SIDE, :SIDE]
    stripes = ((x // 5) % 2).astype(np.float32)
    disc = np.exp(-((y - 20) ** 2 + (x - 18) ** 2) / 120).astype(np.float32)
    rng = np.random.default_rng(0)
    first, second, third = rng.random((3, channels), dtype=np.float32)
    maps = stripes[:, :, None] * first + (1 - stripes)[:, :, None] * second + disc[:, :, None] * third
    photograph = stripes[:, :, None] * np.float32([0.9, 0.8, 0.1]) + (1 - stripes)[:, :, None] * np.float32(
        [0.1, 0.2, 0.6]
    )
    return maps.astype(np.float32), photograph.astype(np.float32)


def averaged(maps: Floats, factor: int = FACTOR) -> MeasuredCells:
    """Means of blocks."""
    rows, columns = np.mgrid[: maps.shape[0] : factor, : maps.shape[1] : factor]
    shape = (maps.shape[0], maps.shape[1])
    operator = areas(shape, rows.ravel(), columns.ravel(), height=factor, width=factor)
    values = operator.seen(maps)
    middle = factor // 2
    names = tuple(f"E{e}" for e in range(maps.shape[2]))
    return MeasuredCells(
        shape, rows.ravel() + middle, columns.ravel() + middle, values, np.zeros_like(values), names, None, operator
    )


def rmse(found: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.square(found - truth).mean()))


@EVERY_RECIPE
@pytest.mark.parametrize("channels", [3, 60], ids=["fields", "wide"])
def test_every_recipe_sees_what_was_measured_and_keeps_its_constraints(recipe: Recipe, channels: int) -> None:
    maps, photograph = striped(channels)
    cells = averaged(maps)
    found = sharpened(cells, photograph, recipe, atoms=8, lambda_=0.001, plan=BRIEF)
    unknowns = found.unknowns
    assert unknowns is not None
    visible, hidden, colours = unknowns.parts
    assert (unknowns.abundances >= 0).all()
    for parts in ((visible, hidden), (visible, colours))[: 1 + recipe.has_colours]:
        total = sum(unknowns.abundances[:, part].sum(axis=1) for part in parts)
        np.testing.assert_allclose(total, 1, atol=1e-4)
    for dictionary in (unknowns.visible[:, :-3], unknowns.hidden, unknowns.colours):
        assert ((dictionary >= 0) & (dictionary <= 1)).all()
    seen = cells.seen_by().seen(found.maps())
    np.testing.assert_allclose(seen, found.seen(cells.seen_by()), atol=1e-5)
    # colours that are sums of a few channels leave little to choose from
    assert rmse(seen, cells.values) < (0.5 if recipe.is_linear else 0.1) * cells.values.std()


def test_a_photograph_sharpens_what_it_shows() -> None:
    maps, photograph = striped()
    cells = averaged(maps)
    with_it = sharpened(cells, photograph, recipes.SSR, atoms=8, lambda_=0.01, plan=BRIEF).maps()
    without = sharpened(cells, None, recipes.BASELINE_1, atoms=8, lambda_=0.01, plan=BRIEF).maps()
    assert rmse(with_it, maps) < 0.7 * rmse(without, maps)


def test_a_hidden_part_finds_what_one_to_one_colours_miss() -> None:
    maps, photograph = striped(40)
    cells = averaged(maps)
    plan = Plan(most_iterations=150)
    ours = sharpened(
        cells, photograph, replace(recipes.SSR_ALL_TERMS, start="photograph"), atoms=12, lambda_=0.001, plan=plan
    )
    theirs = sharpened(cells, photograph, recipes.BASELINE_2, atoms=12, plan=plan)
    assert rmse(ours.maps(), maps) < 0.85 * rmse(theirs.maps(), maps)


def test_sparsity_limits_the_atoms_of_each_cell() -> None:
    maps, photograph = striped()
    found = sharpened(averaged(maps), photograph, recipes.BASELINE_2, atoms=8, plan=replace(BRIEF, sparsity=2))
    assert found.unknowns is not None
    assert (found.unknowns.abundances > 0).sum(axis=1).max() <= 2


@pytest.mark.parametrize("name", ["ssr", "ssr-baseline-2", "ssrcu", "csusr"])
def test_without_a_photograph_the_first_baseline_is_made_and_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "PLAN", Plan(most_iterations=5))
    found = METHODS[name](averaged(striped()[0]), None)
    assert found.method == "ssr-baseline-1"
    assert "had no photograph" in found.remarks[0]


def test_points_strokes_and_areas_are_solved_together() -> None:
    maps, photograph = striped()
    shape = (SIDE, SIDE)
    lines = np.arange(1, SIDE, 4)
    ends = np.stack([lines, np.zeros_like(lines)], 1), np.stack([lines, np.full_like(lines, 6)], 1)
    rows, columns = np.mgrid[0:SIDE:5, 10:SIDE:5]
    operator = joined(
        [
            points(shape, rows.ravel(), columns.ravel()),
            strokes(shape, *ends),
            areas(shape, np.array([0, 20]), np.array([20, 30]), height=4, width=4),
        ]
    )
    place = np.round(operator.centroids()).astype(np.intp)
    values = operator.seen(maps)
    cells = MeasuredCells(shape, *place.T, values, np.zeros_like(values), ("a", "b", "c"), None, operator)
    found = sharpened(cells, photograph, recipes.SSR, atoms=8, lambda_=0.01, plan=BRIEF)
    assert rmse(operator.seen(found.maps()), values) < 0.1 * values.std()


def test_a_photograph_of_another_grid_is_refused() -> None:
    maps, photograph = striped()
    with pytest.raises(UsageError, match=r"photograph has shape \(39, 40, 3\), the grid needs \(40, 40, 3\)"):
        sharpened(averaged(maps), photograph[1:], recipes.SSR)


def test_a_missing_photograph_is_refused_where_a_recipe_is_asked_for_itself() -> None:
    with pytest.raises(UsageError, match="SSR needs a photograph"):
        sharpened(averaged(striped()[0]), None, recipes.SSR)


def test_values_and_photographs_that_are_not_finite_are_refused() -> None:
    maps, photograph = striped()
    cells = averaged(maps)
    cells.values[3, 1] = np.nan
    with pytest.raises(UsageError, match="an exposure has a value that is not finite"):
        sharpened(cells, photograph, recipes.SSR)
    photograph[2, 2] = np.nan
    with pytest.raises(UsageError, match="the photograph has values that are not finite"):
        sharpened(averaged(maps), photograph, recipes.SSR)


def test_no_atoms_are_refused() -> None:
    with pytest.raises(UsageError, match="dictionary of 0 atoms"):
        sharpened(averaged(striped()[0]), None, recipes.BASELINE_1, atoms=0)


def test_a_grid_that_the_factor_does_not_divide_is_refused_by_the_exposures() -> None:
    with pytest.raises(UsageError, match="lies outside the 40 x 40 grid"):
        averaged(striped()[0], factor=7)


def test_cubic_convolution_gives_back_lines_and_the_exposures_themselves() -> None:
    places = np.array([2.0, 7, 12, 17])
    weights = cubic_weights(places, 20)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights[[2, 7, 12, 17]], np.eye(4), atol=1e-6)
    inside = np.arange(7, 13)
    np.testing.assert_allclose(weights[inside] @ places, inside, atol=1e-5)


def test_a_raster_is_known_as_one_in_any_order_and_with_a_hole_no_longer() -> None:
    cells = averaged(striped()[0])
    order = np.random.default_rng(0).permutation(len(cells))
    raster = raster_of(cells.seen_by().centroids()[order])
    assert raster is not None
    np.testing.assert_allclose(raster.rows, np.arange(1.5, SIDE, 4))
    np.testing.assert_array_equal(np.argsort(order), raster.order)
    assert raster_of(cells.seen_by().centroids()[1:]) is None


def test_exposures_that_form_no_raster_are_still_read_off_between() -> None:
    cells = averaged(striped()[0])
    fewer = cells.without(np.array([17, 50]))
    linear = fewer.seen_by().centroids().astype(np.float32)
    found = spread(linear, fewer).reshape(SIDE, SIDE, 2)
    assert np.abs(found[:, :, 0] - np.arange(SIDE)[:, None]).max() < FACTOR


def test_the_degradation_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    spectra, wanted = rng.random((50, 6), dtype=np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    np.testing.assert_allclose(degradation(spectra, spectra @ wanted), wanted, atol=1e-3)


def test_the_extension_variance_of_points_is_their_distance() -> None:
    """Exposures of one cell, of which one is a mean over two, so that the general way is taken."""
    shape = (9, 9)
    operator = joined(
        [points(shape, np.array([4]), np.array([0])), areas(shape, np.array([0]), np.array([7]), height=1, width=2)]
    )
    values = np.array([[0.0], [1.0]], np.float32)
    cells = MeasuredCells(shape, np.array([4, 0]), np.array([0, 7]), values, values * 0, ("a",), None, operator)
    nothing = np.empty(0, np.intp), np.empty((0, 1), np.float32)
    error, left_out = extension_standard_error(cells, None, *nothing, lambda fewer, _: spread(fewer.values, fewer))
    assert left_out is None
    # the samples' standard deviation is 0.5, and 3 cells are between
    np.testing.assert_allclose(error[4, :4, 0], 0.5 * np.sqrt(np.arange(4)), atol=1e-6)


def test_the_error_of_cells_between_means_covers_what_it_says() -> None:
    """A field of which the linear variogram is true, by its definition as a sum of random steps, seen in means."""
    rng = np.random.default_rng(3)
    walk = rng.normal(size=(60, 1)).cumsum(axis=0)[:, None, :] + rng.normal(size=(1, 60, 1)).cumsum(axis=1)
    maps = walk.astype(np.float32)
    cells = averaged(maps, 5)
    held = np.random.default_rng(0).permutation(len(cells))[:40]
    fewer = cells.without(held)
    between = spread(fewer.values, fewer).reshape(maps.shape)
    residual = cells.values[held] - cells.seen_by().seen(between)[held]

    def read_off(some: MeasuredCells, rgb: Floats | None) -> Floats:
        del rgb
        return spread(some.values, some).reshape(*some.shape, 1)

    error, left_out = extension_standard_error(cells, None, held, residual, read_off)
    miss = np.abs(spread(cells.values, cells).reshape(maps.shape) - maps)
    assert left_out is not None
    # one field is one draw: steps of a row are shared by all of its cells
    assert 0.5 < (miss <= error).mean() < 0.95
    assert (miss <= 2 * error).mean() > 0.85


def test_nothing_but_the_result_has_cells_times_channels() -> None:
    """Cells x 1,024 channels are 26 MB here, abundances of 2 x 8 atoms 0.4 MB."""
    maps, photograph = striped(1024)
    rng = np.random.default_rng(0)
    big = np.tile(maps[:, :, :8], (2, 2, 1))
    cells = averaged(big)
    values = (cells.values @ rng.random((8, 1024), dtype=np.float32)).astype(np.float32)
    cells = replace(cells, values=values, variance=np.zeros_like(values), names=tuple(map(str, range(1024))))
    photograph = np.tile(photograph, (2, 2, 1))
    plan = Plan(most_iterations=6)
    sharpened(cells, photograph, recipes.SSR, kind="spectra", atoms=8, plan=plan)
    tracemalloc.start()
    found = sharpened(cells, photograph, recipes.SSR, kind="spectra", atoms=8, plan=plan)
    solving_peak = tracemalloc.get_traced_memory()[1]
    result = found.maps()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # besides pixels there are exposures, a sixteenth as many, in a few copies with as many channels
    assert solving_peak < 0.8 * result.nbytes
    assert peak < 1.5 * result.nbytes
