"""Where a dwell test measures."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edge.configuration.area import AreaConfig
from edge.dwell_test.points import cells_at, cells_by_colour, points_of_cells
from edge.faults import UsageError
from edge.grid import ScanGrid
from models.photograph import photograph_lab

GRID = ScanGrid(10.0, 20.0, 0.5, rows=40, columns=60)
AREA = AreaConfig(x_mm=10.0, y_mm=20.0, width_mm=30.0, height_mm=20.0, pitch_mm=0.5)
EVERYWHERE = np.ones(GRID.shape, np.bool_)


def three_colours() -> np.ndarray:
    """Blue on the left half, red on the right, a green square in the red, all with a grain of 2 of 255."""
    rgb = np.zeros((*GRID.shape, 3))
    rgb[:, :30] = (30, 40, 150)
    rgb[:, 30:] = (170, 30, 30)
    rgb[10:22, 40:52] = (40, 150, 50)
    return np.clip(rgb + np.random.default_rng(1).normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


def test_every_colour_gets_a_point_in_its_middle() -> None:
    rgb = three_colours()
    cells = cells_by_colour(rgb, EVERYWHERE)
    assert len(cells) <= 6
    for row, column in cells:
        around = rgb[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].reshape(-1, 3).astype(float)
        assert around.std(axis=0).max() < 5, "no border of colours within two cells"
    seen = {tuple((rgb[row, column] > 100).tolist()) for row, column in cells}
    assert seen == {(False, False, True), (True, False, False), (False, True, False)}


def test_points_lie_where_the_beam_may_go() -> None:
    allowed = EVERYWHERE.copy()
    allowed[:, :30] = False
    cells = cells_by_colour(three_colours(), allowed)
    assert cells
    assert all(allowed[cell] for cell in cells)


def test_the_same_picture_gives_the_same_points() -> None:
    assert cells_by_colour(three_colours(), EVERYWHERE) == cells_by_colour(three_colours(), EVERYWHERE)


def test_a_picture_of_one_colour_gives_one_point_at_least() -> None:
    assert cells_by_colour(np.full((*GRID.shape, 3), 128, np.uint8), EVERYWHERE)


def test_points_stand_for_the_cells_of_their_colour() -> None:
    points = points_of_cells([(5, 55), (5, 5), (16, 46)], three_colours(), EVERYWHERE)
    assert [(point.row, point.column) for point in points] == [(5, 5), (5, 55), (16, 46)]
    # Half is blue; 144 of 2,400 cells are green.
    assert [point.share for point in points] == pytest.approx([0.5, 0.44, 0.06], abs=1e-9)


def test_many_points_beside_many_cells_take_little_memory() -> None:
    # 60 points beside all of a quarter of a million cells at once would take 0.4 GB
    rgb = np.random.default_rng(3).integers(0, 255, (500, 500, 3), dtype=np.uint8)
    allowed = np.ones(rgb.shape[:2], np.bool_)
    photograph_lab(rgb, allowed.shape)
    tracemalloc.start()
    points = points_of_cells([(k, k) for k in range(60)], rgb, allowed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(point.share for point in points) == pytest.approx(1)
    assert peak < 100e6


def test_a_named_place_is_the_cell_that_holds_it() -> None:
    assert cells_at(["10.1,20.1", "39.9,39.9"], EVERYWHERE, grid=GRID, area=AREA) == [(0, 0), (39, 59)]


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        (["10"], "--at 10: is not two numbers: give X,Y in stage mm"),
        (["a,b"], "--at a,b: is not two numbers"),
        (["nan,25"], "--at nan,25: is not two numbers"),
        (["9.9,25"], "--at 9.9,25 lies outside the area, x 10 to 40, y 20 to 40 mm: give a point within it"),
        (["25,40.2"], "--at 25,40.2 lies outside the area"),
        (["20,30"], "--at 20,30 lies outside area.polygon, in a keep-out, or so near to one"),
        (["11,21", "11.1,21.1"], "--at 11.1,21.1 and --at 11,21 lie in the same cell, which would be measured twice"),
        ([f"{10 + i % 50 / 2},21" for i in range(61)], "61 points are too many for a dwell test: give 60 at the most"),
    ],
)
def test_a_point_that_cannot_be_measured_is_refused(places: list[str], sentence: str) -> None:
    allowed = EVERYWHERE.copy()
    allowed[20, 20] = False
    with pytest.raises(UsageError) as refused:
        cells_at(places, allowed, grid=GRID, area=AREA)
    assert sentence in str(refused.value)
