"""The picture of a path: dwells, runs, legs and what the beam keeps off, each told from the other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable, StageModel
from edge.path.course import course_of
from edge.path.difference import A_RGB, B_RGB, BOTH_RGB, difference_picture
from edge.path.drawing import (
    CLOSED_RGB,
    KEEP_OUT_RGB,
    STRIP_PX,
    UNCONFINED,
    Confines,
    Image,
    ground_of,
    path_picture,
    shades,
    shades_of,
)

STAGE = StageModel(50, 500)
GRID = ScanGrid(10.0, 20.0, 0.5, 40, 60)
SCALE = 20
PHOTO = np.full((*GRID.shape, 3), 128, np.uint8)


def dwells(cells: list[tuple[int, int]]) -> ExposureTable:
    rows, columns = np.array(cells).T
    centres = GRID.centres_mm(rows, columns)
    return np.column_stack([centres, centres, np.full(len(centres), 0.1)])


def run(row: int, first: int, last: int) -> ExposureTable:
    """Cells of a row flown from left to right."""
    left = GRID.origin_x_mm + np.arange(first, last) * GRID.pitch_mm
    y = np.full(len(left), GRID.origin_y_mm + (row + 0.5) * GRID.pitch_mm)
    return np.column_stack([left, y, left + GRID.pitch_mm, y, np.full(len(left), 0.05)])


def drawn(table: ExposureTable, closed: list[int] | None = None, confines: Confines = UNCONFINED) -> Image:
    """The picture without its legend."""
    is_closed: NDArray[np.bool_] = np.zeros(len(table), np.bool_)
    is_closed[closed or []] = True
    ground = ground_of(PHOTO, GRID, longer_side_px=60 * SCALE, confines=confines)
    return path_picture(ground, course_of(table, STAGE, is_closed=is_closed))[:-STRIP_PX]


def at(picture: Image, row: float, column: float) -> tuple[int, ...]:
    """The colour of a place, in cells."""
    return tuple(picture[int(row * SCALE), int(column * SCALE)].tolist())


def has(picture: Image, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=-1).any())


def test_a_dwell_marks_its_cell_in_the_shade_of_its_time() -> None:
    table = dwells([(5, 5), (5, 20), (30, 40)])
    picture, course = drawn(table), course_of(table, STAGE)
    for k, (row, column) in enumerate([(5, 5), (5, 20), (30, 40)]):
        # beside the middle, where legs end
        assert at(picture, row + 0.3, column + 0.6) == tuple(shades()[shades_of(course)[k]].tolist())


def test_a_run_is_a_bar_and_the_leg_to_it_a_thin_line() -> None:
    picture = drawn(np.vstack([dwells([(10, 2)]), run(10, 20, 40)]))
    pale = tuple((PHOTO[0, 0] // 2 + 96).tolist())
    # a fifth of a cell beside the middle: within a bar, beside a line of one pixel
    assert at(picture, 10.5 - 0.2, 30) != pale
    assert at(picture, 10.5, 10) != pale
    assert at(picture, 10.5 - 0.2, 10) == pale


def test_the_strokes_of_a_run_leave_no_mark_between_them() -> None:
    bar = drawn(run(10, 20, 40))[10 * SCALE + SCALE // 2, 21 * SCALE : 39 * SCALE]
    assert (bar == bar[0]).all()


def test_a_leg_with_the_shutter_closed_is_dashed_in_a_colour_of_its_own() -> None:
    table = dwells([(5, 5), (5, 50), (30, 50)])
    line = drawn(table, [1])[int(5.5 * SCALE), 7 * SCALE : 49 * SCALE]
    on = (line == CLOSED_RGB).all(axis=-1)
    assert 0.3 < on.mean() < 0.7
    assert not has(drawn(table), CLOSED_RGB)


def test_a_keep_out_is_hatched_and_rimmed() -> None:
    corners = np.array([[14.0, 24.0], [18.0, 24.0], [18.0, 28.0], [14.0, 28.0]])
    picture = drawn(dwells([(1, 1), (2, 2)]), confines=Confines((corners,)))
    inside = picture[10 * SCALE : 14 * SCALE, 10 * SCALE : 14 * SCALE]
    share = (inside == KEEP_OUT_RGB).all(axis=-1).mean()
    assert 0.08 < share < 0.5
    assert at(picture, 8, 12) == KEEP_OUT_RGB
    assert not has(picture[: 7 * SCALE], KEEP_OUT_RGB)


def test_the_outline_of_an_area_that_is_no_rectangle_is_drawn() -> None:
    outline = np.array([[12.0, 22.0], [38.0, 22.0], [25.0, 38.0]])
    table = dwells([(10, 20), (11, 21)])
    assert (drawn(table) != drawn(table, confines=Confines((), outline))).any(axis=-1).sum() > 500


def test_a_grid_of_more_cells_than_pixels_is_shrunk() -> None:
    grid = ScanGrid(0, 0, 0.1, 300, 3_000)
    photo = np.full((*grid.shape, 3), 60, np.uint8)
    assert ground_of(photo, grid, longer_side_px=1_000).image.shape == (100, 1_000, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_a_path_of_one_or_two_dwells_can_be_drawn(count: int) -> None:
    assert drawn(dwells([(5, 5), (6, 7)][:count])).shape == (40 * SCALE, 60 * SCALE, 3)


def test_two_paths_are_told_apart_by_what_each_does_alone() -> None:
    first, second = dwells([(5, 5), (5, 20), (20, 20)]), dwells([(5, 5), (5, 20), (30, 50)])
    picture = difference_picture((GRID, first), (GRID, second), PHOTO)
    assert at(picture, 5.5, 5.5) == BOTH_RGB
    # a line's edges are blended with the ground
    assert at(picture, 5.5, 12) == pytest.approx(BOTH_RGB, abs=16)
    assert at(picture, 20.5, 20.5) == A_RGB
    assert at(picture, 30.5, 50.5) == B_RGB


def test_two_grids_share_one_picture() -> None:
    beside = ScanGrid(40.0, 20.0, 0.5, 40, 20)
    there = np.array([[49.75, 39.75, 49.75, 39.75, 0.1]])
    picture = difference_picture((GRID, dwells([(0, 0)])), (beside, there), None)[:-STRIP_PX]
    scale = picture.shape[0] // 40
    assert picture.shape == (40 * scale, 80 * scale, 3)
    # both lie in the middles of cells, of which these are the first and the last
    assert tuple(picture[scale // 2, scale // 2].tolist()) == A_RGB
    assert tuple(picture[-scale // 2, -scale // 2].tolist()) == B_RGB
