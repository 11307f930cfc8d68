"""The measurement model: points, strokes and areas as one linear operator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.reconstruct.exposure_operator import ExposureOperator, areas, counting_weight, joined, points, strokes

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


def mixed(shape: tuple[int, int], seed: int) -> ExposureOperator:
    """A few points, strokes and areas anywhere on the grid."""
    rng = np.random.default_rng(seed)
    low, high = -0.5, np.array(shape) - 0.5
    start, end = (np.clip(rng.uniform(low, high, (4, 2)), low, np.nextafter(high, low)) for _ in range(2))
    height, width = int(rng.integers(1, shape[0] + 1)), int(rng.integers(1, shape[1] + 1))
    corner = rng.integers(0, shape[0] - height + 1, 3), rng.integers(0, shape[1] - width + 1, 3)
    return joined(
        [
            points(shape, rng.integers(0, shape[0], 5), rng.integers(0, shape[1], 5)),
            strokes(shape, start, end),
            areas(shape, *corner, height=height, width=width),
        ]
    )


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, channels=st.integers(1, 5), seed=st.integers(0, 2**16))
def test_what_exposures_see_and_what_they_hand_back_have_the_same_inner_product(
    shape: tuple[int, int], channels: int, seed: int
) -> None:
    rng, operator = np.random.default_rng(seed), mixed(shape, seed)
    maps = rng.normal(size=(*shape, channels)).astype(np.float32)
    values = rng.normal(size=(len(operator), channels)).astype(np.float32)
    there = np.vdot(operator.seen(maps).astype(np.float64), values)
    back = np.vdot(maps.astype(np.float64), operator.adjoint(values))
    # float32 keeps 6e-8 of each of the products, which are of order 1
    assert there == pytest.approx(back, abs=6e-8 * 50 * maps.size)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_every_exposure_sees_a_mean_of_cells(shape: tuple[int, int], seed: int) -> None:
    operator = mixed(shape, seed)
    assert (operator.weight > 0).all()
    flat = np.full((*shape, 1), 3, np.float32)
    np.testing.assert_allclose(operator.seen(flat), 3, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_a_point_selects_its_cell(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, shape[0], 7), rng.integers(0, shape[1], 7)
    maps = rng.random((*shape, 3), dtype=np.float32)
    np.testing.assert_array_equal(points(shape, rows, columns).seen(maps), maps[rows, columns])


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_a_stroke_sees_what_many_points_along_it_see(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    high = np.array(shape) - 0.5 - 1e-9
    start, end = rng.uniform(-0.5, high), rng.uniform(-0.5, high)
    maps = rng.random((*shape, 2), dtype=np.float32)
    along = (np.arange(4000)[:, None] + 0.5) / 4000 * (end - start) + start
    rows, columns = np.floor(along + 0.5).astype(np.intp).T
    seen = strokes(shape, start[None], end[None]).seen(maps)[0]
    # at each of at most 24 borders up to half a point counts for the wrong cell
    np.testing.assert_allclose(seen, maps[rows, columns].mean(axis=0), atol=24 * 0.5 / 4000 + 1e-5)


def test_a_stroke_that_stands_still_is_a_point() -> None:
    place = np.array([[2.2, 3.4]])
    still, point = strokes((5, 6), place, place), points((5, 6), np.array([2]), np.array([3]))
    np.testing.assert_array_equal(still.cell, point.cell)
    np.testing.assert_array_equal(still.weight, point.weight)


def test_a_stroke_along_a_row_sees_cells_by_the_length_in_each() -> None:
    operator = strokes((3, 6), np.array([[1, 0.25]]), np.array([[1, 4.25]]))
    np.testing.assert_array_equal(operator.cell, 6 + np.arange(5))
    np.testing.assert_allclose(operator.weight, np.array([0.25, 1, 1, 1, 0.75]) / 4)


def test_an_area_averages_its_rectangle() -> None:
    maps = np.random.default_rng(0).random((7, 8, 3), dtype=np.float32)
    seen = areas((7, 8), np.array([1, 4]), np.array([2, 0]), height=3, width=4).seen(maps)
    np.testing.assert_allclose(seen[0], maps[1:4, 2:6].mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(seen[1], maps[4:7, 0:4].mean(axis=(0, 1)), rtol=1e-6)


def test_memory_goes_with_the_cells_seen_and_not_with_the_grid() -> None:
    operator = points((2000, 2000), np.array([1999]), np.array([1999]))
    assert operator.first.nbytes + operator.cell.nbytes + operator.weight.nbytes < 100


def test_weights_are_the_inverse_variance_of_the_rate() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(400.0, (20000, 1)).astype(np.float32)
    live_s = np.full(20000, 0.5, np.float32)
    rates = counts / live_s[:, None]
    # 20,000 draws tell a variance to 1 %; 400 counts and 401 differ by less
    assert 1 / counting_weight(counts, live_s).mean() == pytest.approx(rates.var(), rel=0.03)


def test_an_exposure_without_a_count_has_a_finite_weight() -> None:
    assert counting_weight(np.zeros((1, 2)), np.array([0.1])).tolist() == [[pytest.approx(0.01)] * 2]


@pytest.mark.parametrize(
    ("start", "end"), [((0, 0), (0, 6)), ((-0.6, 0), (1, 1)), ((0, 0), (np.nan, 1)), ((0, 0), (0, np.inf))]
)
def test_an_exposure_that_leaves_the_grid_is_refused_by_its_number(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    with pytest.raises(UsageError, match="exposure 1 lies outside the 5 x 6 grid"):
        strokes((5, 6), np.array([(1, 1), start]), np.array([(1, 1), end]))


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (5, 0), (0, -1), (0, 6)])
def test_a_point_outside_the_grid_is_refused(row: int, column: int) -> None:
    with pytest.raises(UsageError, match="exposure 0 lies outside"):
        points((5, 6), np.array([row]), np.array([column]))


def test_an_area_that_leaves_the_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="exposure 0 lies outside"):
        areas((5, 6), np.array([3]), np.array([0]), height=3, width=1)


def test_maps_of_another_grid_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(4, 6, 1\) are not on the exposures' grid of 5 x 6"):
        points((5, 6), np.array([0]), np.array([0])).seen(np.zeros((4, 6, 1), np.float32))


def test_values_that_do_not_belong_to_the_exposures_are_refused() -> None:
    with pytest.raises(UsageError, match="1 exposures"):
        points((5, 6), np.array([0]), np.array([0])).adjoint(np.zeros((2, 1), np.float32))


@pytest.mark.parametrize(("counts", "live_s"), [(-1.0, 1.0), (1.0, 0.0), (np.nan, 1.0)])
def test_counts_and_live_times_that_cannot_be_are_refused(counts: float, live_s: float) -> None:
    with pytest.raises(UsageError, match="at least 0"):
        counting_weight(np.array([[counts]]), np.array([live_s]))


def test_exposures_of_two_grids_are_not_joined() -> None:
    one = points((5, 6), np.array([0]), np.array([0]))
    other = points((5, 7), np.array([0]), np.array([0]))
    with pytest.raises(UsageError, match="one grid"):
        joined([one, other])


@pytest.mark.parametrize(("start", "end"), [((2, 2), (-0.5, -0.5)), ((-0.5, 2), (2, -0.5)), ((0.5, 0.5), (-0.5, 0.5))])
def test_a_stroke_that_ends_on_a_border_stays_on_the_grid(start: tuple[float, float], end: tuple[float, float]) -> None:
    operator = strokes((3, 3), np.array([start]), np.array([end]))
    assert ((operator.cell >= 0) & (operator.cell < 9)).all()
    assert operator.weight.sum() == pytest.approx(1)
