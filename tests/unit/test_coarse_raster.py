"""A coarse raster sees one thing in each block of cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.coarse_raster import coarse_sights, middle_cells, middles
from edge.faults import UsageError
from edge.reconstruct.cells import merged

SHAPES = st.tuples(st.integers(3, 17), st.integers(3, 17))
AREAS = SHAPES.flatmap(lambda shape: arrays(np.bool_, shape)).filter(np.any)
FACTORS = st.integers(2, 3)


def blocks(shape: tuple[int, ...], factor: int) -> np.ndarray:
    """The block that each cell lies in, numbered."""
    rows, columns = np.indices(shape)
    return rows // factor * 100 + columns // factor


def test_blocks_at_the_rim_have_their_middle_within_what_there_is() -> None:
    assert middles(14, 4).tolist() == [2, 6, 10, 13]
    assert middles(13, 4).tolist() == [2, 6, 10, 12]
    assert middles(15, 5).tolist() == [2, 7, 12]


@given(AREAS, FACTORS)
def test_each_block_that_may_be_measured_has_one_point_and_that_may_be_measured(allowed, factor) -> None:
    chosen, block = middle_cells(allowed, factor), blocks(allowed.shape, factor)
    assert not (chosen & ~allowed).any()
    assert sorted(block[chosen]) == np.unique(block[allowed]).tolist()


@given(AREAS, FACTORS)
def test_areas_see_all_that_may_be_measured_and_each_its_own_block(allowed, factor) -> None:
    sights = coarse_sights(allowed, factor, "areas")
    block = blocks(allowed.shape, factor).ravel()[sights.operator.cell]
    assert np.array_equal(np.sort(sights.operator.cell), np.flatnonzero(allowed))
    for first, last in zip(sights.operator.first[:-1], sights.operator.first[1:], strict=True):
        assert len(set(block[first:last])) == 1
        assert sights.operator.weight[first:last].sum() == pytest.approx(1, abs=1e-6)


@given(SHAPES, FACTORS, st.integers(0, 1000))
def test_what_strokes_see_of_maps_comes_back_from_their_ends(shape, factor, seed) -> None:
    allowed = np.random.default_rng(seed).random(shape) < 0.8
    allowed[middles(shape[0], factor)[0], 0] = True
    maps = np.random.default_rng(seed).random((*shape, 2)).astype(np.float32)
    sights = coarse_sights(allowed, factor, "strokes")
    cells = merged(sights.samples(maps, np.ones_like(maps)), shape, ("Fe", "Pb"))
    # single precision of the weights
    assert np.allclose(cells.seen_by().seen(maps), cells.values, atol=1e-6)
    assert np.array_equal(np.sort(cells.seen_by().cell), np.sort(sights.operator.cell))


def test_the_noise_of_a_mean_over_four_cells_is_a_quarter_of_that_of_each() -> None:
    maps, variance = np.ones((8, 8, 1), np.float32), np.full((8, 8, 1), 4, np.float32)
    sights = coarse_sights(np.ones((8, 8), np.bool_), 4, "strokes")
    assert sights.samples(maps, variance).variance.ravel().tolist() == [1.0] * 4


def test_points_are_cells_and_need_no_operator() -> None:
    maps = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
    cells = coarse_sights(np.ones((8, 8), np.bool_), 4, "points").measured(maps, 0 * maps, ("Fe",))
    assert cells.operator is None
    assert cells.values.ravel().tolist() == [18, 22, 50, 54]


def test_an_area_whose_sides_the_factor_does_not_divide_is_counted_for_the_middle_of_what_there_is() -> None:
    sights = coarse_sights(np.ones((5, 6), np.bool_), 4, "areas")
    assert list(zip(sights.rows.tolist(), sights.columns.tolist(), strict=True)) == [(2, 2), (2, 5), (4, 2), (4, 5)]


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [(0, "no blocks of several cells"), (1, "no blocks of several cells"), (7, "larger than the grid's 6 x 9")],
)
def test_a_factor_that_leaves_no_blocks_is_refused(factor: int, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        coarse_sights(np.ones((6, 9), np.bool_), factor, "points")


def test_a_single_line_of_cells_is_refused_with_what_would_help() -> None:
    with pytest.raises(UsageError, match=r"1 x 9 cells has no blocks .*: scan a larger area, or give a finer pitch"):
        coarse_sights(np.ones((1, 9), np.bool_), 2, "points")


def test_an_area_without_a_cell_is_refused() -> None:
    with pytest.raises(UsageError, match="no cell that may be measured"):
        coarse_sights(np.zeros((6, 9), np.bool_), 2, "strokes")
