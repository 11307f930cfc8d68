"""Points and runs as pieces of a grid."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.grid import ScanGrid
from edge.modes.pieces import Pieces

_MARKED = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(_MARKED)
def test_runs_hold_just_the_cells_that_were_marked(marked: np.ndarray) -> None:
    pieces = Pieces.along_rows(marked, 0.01)
    where, cell_s = pieces.cells()
    assert np.array_equal(pieces.marked(marked.shape), marked)
    assert len(where) == marked.sum() == len(cell_s)
    assert len(np.unique(where, axis=0)) == len(where)


@given(_MARKED)
def test_no_two_runs_of_a_row_touch(marked: np.ndarray) -> None:
    pieces = Pieces.along_rows(marked, 0.01)
    same_row = pieces.first[1:, 0] == pieces.last[:-1, 0]
    assert (pieces.first[1:, 1] - pieces.last[:-1, 1])[same_row].min(initial=2) >= 2


@given(_MARKED)
def test_turned_runs_hold_the_cells_of_the_turned_grid(marked: np.ndarray) -> None:
    turned = Pieces.along_rows(marked, 0.01).turned()
    assert np.array_equal(turned.marked(marked.shape[::-1]), marked.T)


def test_a_run_goes_from_edge_to_edge_and_a_point_stays_at_its_centre() -> None:
    grid = ScanGrid(10.0, 20.0, 0.5, 4, 6)
    marked = np.zeros(grid.shape, np.bool_)
    marked[1, 2:5] = True
    assert np.allclose(Pieces.along_rows(marked, 0.01).segments_mm(grid), [[11.0, 20.75, 12.5, 20.75]])
    assert np.allclose(Pieces.points(marked, 0.1).segments_mm(grid)[0], [11.25, 20.75, 11.25, 20.75])
