"""What exposures in motion saw of the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.maps import Samples, by_live_time
from edge.reconstruct import OF_MEANS, reconstruct
from edge.reconstruct.cells import merged
from edge.reconstruct.means import AS_CELLS
from edge.strokes import counted_cells, ends_in_cells

GRID = ScanGrid(10.0, 20.0, 0.5, 6, 12)


def _stroke(row: int, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """From the left border of a column to the right border of another, in mm."""
    y = GRID.origin_y_mm + (row + 0.5) * GRID.pitch_mm
    at = [GRID.origin_x_mm + column * GRID.pitch_mm for column in (first, last + 1)]
    return np.array([[at[0], y]]), np.array([[at[1], y]])


def test_a_stroke_over_four_cells_begins_and_ends_at_their_borders_whichever_way_it_went() -> None:
    start, end = _stroke(2, 4, 7)
    expected = np.array([[2, 3.5, 2, 7.5]], np.float32)
    assert np.array_equal(ends_in_cells(start, end, GRID), expected)
    assert np.array_equal(ends_in_cells(end, start, GRID), expected)


def test_exposures_of_one_cell_have_no_ends() -> None:
    start, end = _stroke(2, 4, 4)
    assert ends_in_cells(start, end, GRID) is None


def test_a_dwell_among_strokes_begins_and_ends_in_the_middle_of_its_cell() -> None:
    start, end = _stroke(2, 4, 7)
    place = np.array([[10.3, 20.7]])
    found = ends_in_cells(np.vstack([start, place]), np.vstack([end, place]), GRID)
    assert found is not None
    assert found[1].tolist() == [1, 0, 1, 0]


@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.booleans())
def test_a_stroke_is_counted_for_the_same_cell_however_finely_it_was_measured(
    first: float, last: float, backwards: bool
) -> None:
    # a twenty-fifth of a cell off at either end: less than half of the eighth that ends are told to
    start, end = _stroke(3, 0, 11)
    start[0, 0] += first
    end[0, 0] += last
    if backwards:
        start, end = end, start
    assert counted_cells(start, end, GRID).tolist() == [[3, 6]]
    found = ends_in_cells(start, end, GRID)
    assert found is not None
    assert found.tolist() == [[3, -0.5, 3, 11.5]]


def _samples(ends: list[list[float]], values: list[float]) -> Samples:
    at = np.array(ends, np.float32)
    middles = np.floor((at[:, :2] + at[:, 2:]) / 2 + 0.5).astype(np.intp)
    found = np.array(values, np.float32)[:, None]
    return Samples(middles[:, 0], middles[:, 1], found, np.full_like(found, 0.25), at)


ROW = [2, 3.5, 2, 7.5]


def test_strokes_over_the_same_cells_merge_and_others_stay_apart() -> None:
    # the third has the same middle cell as the first two, the fourth is of that cell alone
    cells = merged(_samples([ROW, ROW, [2, 4.5, 2, 6.5], [2, 6, 2, 6]], [1, 3, 7, 9]), GRID.shape, ("Fe",))
    assert sorted(cells.values[:, 0].tolist()) == [2, 7, 9]
    assert cells.rows.tolist() == [2, 2, 2]
    assert cells.columns.tolist() == [6, 6, 6]


def test_the_operator_gives_each_value_the_cells_that_it_is_the_mean_of() -> None:
    cells = merged(_samples([ROW, [2, 6, 2, 6]], [1, 9]), GRID.shape, ("Fe",))
    maps = np.arange(72, dtype=np.float32).reshape(6, 12, 1)
    seen = dict(zip(cells.values[:, 0].tolist(), cells.seen_by().seen(maps)[:, 0].tolist(), strict=True))
    assert seen == {1: maps[2, 4:8].mean(), 9: maps[2, 6, 0]}


def test_a_stroke_without_a_number_is_left_out_with_what_it_saw() -> None:
    cells = merged(_samples([ROW, [3, 3.5, 3, 7.5]], [np.nan, 9]), GRID.shape, ("Fe",))
    assert cells.values.tolist() == [[9]]
    assert cells.seen_by().cell.tolist() == [40, 41, 42, 43]


def test_strokes_of_which_none_has_a_number_are_refused() -> None:
    with pytest.raises(UsageError, match="no usable sample to reconstruct from"):
        merged(_samples([ROW], [np.nan]), GRID.shape, ("Fe",))


def test_a_stroke_to_the_far_rim_of_the_grid_stays_on_it() -> None:
    cells = merged(_samples([[5, 7.5, 5, 11.5]], [1]), GRID.shape, ("Fe",))
    assert cells.seen_by().cell.tolist() == [68, 69, 70, 71]
    assert cells.seen_by().weight.tolist() == [0.25] * 4


def test_cells_alone_have_no_operator_though_their_ends_are_known() -> None:
    assert merged(_samples([[2, 6, 2, 6], [1, 1, 1, 1]], [1, 2]), GRID.shape, ("Fe",)).operator is None


def test_exposures_of_the_same_cells_count_by_their_live_time() -> None:
    once, total_s = by_live_time(_samples([ROW, ROW, [2, 6, 2, 6]], [1, 5, 9]), np.array([3.0, 1.0, 1.0]), GRID.shape)
    assert once.ends is not None
    assert {
        tuple(end): (value, s) for end, value, s in zip(once.ends.tolist(), once.values[:, 0], total_s, strict=True)
    } == {
        tuple(ROW): (2, 4),
        (2, 6, 2, 6): (9, 1),
    }


def test_ends_that_do_not_belong_to_the_samples_are_refused() -> None:
    samples = Samples(np.array([1]), np.array([1]), np.ones((1, 1)), np.ones((1, 1)), np.zeros((2, 4), np.float32))
    with pytest.raises(UsageError, match="give row and column of both ends of each"):
        merged(samples, GRID.shape, ("Fe",))


def _striped(values: dict[int, float]) -> Samples:
    """Strokes over four cells each along some rows."""
    strokes = [[row, 4 * k - 0.5, row, 4 * k + 3.5] for row in values for k in range(3)]
    return _samples(strokes, [value for value in values.values() for _ in range(3)])


@pytest.mark.parametrize("method", ["nearest", "harmonic"])
def test_no_cell_of_a_stroke_passes_for_measured(method: str) -> None:
    maps = reconstruct(_striped({1: 1.0, 4: 5.0}), GRID.shape, elements=("Fe",), method=method)
    assert not maps.measured.any()


@pytest.mark.parametrize("method", ["nearest", "harmonic", "kriging"])
def test_a_cell_measured_by_itself_in_the_middle_of_a_stroke_shows_its_value(method: str) -> None:
    striped = _striped({1: 1.0, 4: 5.0})
    samples = Samples.joined([striped, _samples([[1, 6, 1, 6]], [9.0])])
    maps = reconstruct(samples, GRID.shape, elements=("Fe",), method=method)
    assert maps.measured.sum() == 1
    assert maps.maps[1, 6, 0] == 9
    assert maps.standard_error[1, 6, 0] == 0.5  # the root of its counting variance


def test_a_method_of_cells_says_that_it_took_means_for_cells_and_is_not_surer_of_these_than_around_them() -> None:
    assert "nearest" not in OF_MEANS
    maps = reconstruct(_striped({1: 1.0, 4: 5.0}), GRID.shape, elements=("Fe",), method="nearest")
    assert AS_CELLS in maps.remarks
    error = maps.standard_error[:, :, 0]
    assert error[1, 2] >= max(error[0, 2], error[2, 2], error[1, 1], error[1, 3])
