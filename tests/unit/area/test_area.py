"""Cells that may be visited lie in the area's polygon, and all of each stays clear of every keep-out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.configuration.area import AreaConfig
from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.planning.area import allowed_cells, allowed_count, cells_clear_of, keep_outs_in, middle_of
from edge.prepare import budget_of, grid_of
from firmware_bridge.messages import StagePose
from tests.unit.area.outlines import along, depth_mm, outlines

_SINGLE_MM = 1e-4
"""As in test_keep_outs."""
PITCH_MM = 0.5
GRID = ScanGrid(0.0, 0.0, PITCH_MM, 40, 40)


def area(**keys) -> AreaConfig:
    return AreaConfig.model_validate(
        {"x_mm": 0.0, "y_mm": 0.0, "width_mm": 20.0, "height_mm": 20.0, "pitch_mm": PITCH_MM} | keys
    )


def config(fwhm_mm=None, rate=0.1, **keys) -> ScanConfig:
    return ScanConfig.model_validate(
        {
            "instrument": {
                "controller": {"kind": "native", "port": "p"},
                "camera": {"kind": "file", "path": "f.png"},
                "beam": {} if fwhm_mm is None else {"fwhm_mm": fwhm_mm},
            },
            "area": area(**keys).model_dump(),
            "sampling": {"rate": rate},
        }
    )


def keep_out(outline, name="seal") -> dict:
    return {"name": name, "polygon": outline}


@settings(max_examples=10)
@given(outlines(radius_mm=st.floats(0.3, 4.0)), st.floats(0.25, 1.5))
def test_all_of_an_allowed_cell_stays_out_and_every_other_one_comes_too_near(outline, margin_mm):
    stated = area(keep_out=[keep_out(outline)])
    allowed = cells_clear_of(keep_outs_in(stated, margin_mm), GRID, stated)
    rows, columns = np.nonzero(allowed)
    centres = GRID.centres_mm(rows, columns)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * PITCH_MM / 2
    near = np.flatnonzero((np.abs(centres - np.mean(outline, axis=0)) < 8).all(axis=1))
    edges = np.concatenate(
        [along(centres[near] + corners[k], centres[near] + corners[(k + 1) % 4], 6) for k in range(4)]
    )
    assert depth_mm(np.array(outline), edges).max(initial=-1) < _SINGLE_MM
    assert depth_mm(np.array(outline), centres[near]).max(initial=-9) < -margin_mm + _SINGLE_MM
    for row, column in np.argwhere(~allowed):
        centre = GRID.centres_mm(np.array([row]), np.array([column]))
        is_near = depth_mm(np.array(outline), centre)[0] > -margin_mm - _SINGLE_MM
        square = (centre + corners).reshape(4, 2)
        inner = along(np.linspace(square[0], square[1], 12), np.linspace(square[3], square[2], 12), 12)
        reaches_in = depth_mm(np.array(outline), inner).max() > -PITCH_MM / 11
        corner_within = (np.abs(np.array(outline) - centre) < PITCH_MM / 2).all(axis=1).any()
        assert is_near or reaches_in or corner_within


@given(outlines(radius_mm=st.floats(1.0, 4.0)))
def test_the_polygon_takes_exactly_the_cells_whose_centre_lies_in_it(outline):
    stated = area(polygon=outline)
    try:
        allowed = cells_clear_of(keep_outs_in(stated, 0.25), GRID, stated)
    except UsageError:
        allowed = np.zeros(GRID.shape, np.bool_)
    depth = depth_mm(np.array(outline), GRID.centres_mm(*np.indices(GRID.shape).reshape(2, -1))).reshape(GRID.shape)
    sure = np.abs(depth) > _SINGLE_MM
    assert np.array_equal(allowed[sure], depth[sure] > 0)


def test_a_keep_out_along_the_lines_of_the_grid_costs_its_own_cells_alone():
    square = [[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]]
    allowed = allowed_cells(config(keep_out=[keep_out(square)]), GRID)
    expected = np.ones(GRID.shape, np.bool_)
    expected[8:12, 8:12] = False
    assert np.array_equal(allowed, expected)
    assert not allowed.flags.writeable


def test_a_beam_that_is_stated_keeps_its_full_width_away():
    square = [[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]]
    allowed = allowed_cells(config(fwhm_mm=0.8, keep_out=[keep_out(square)]), GRID)
    # centres of the first and the second row above lie 0.25 and 0.75 mm away, of the third 1.25
    assert allowed[:, 9].nonzero()[0].tolist() == [*range(6), *range(14, 40)]


def test_the_rate_is_of_the_cells_that_may_be_visited():
    half = [[0.0, 0.0], [10.0, 0.0], [10.0, 20.0], [0.0, 20.0]]
    stated = config(polygon=half)
    grid = grid_of(stated.area)
    assert allowed_count(stated, grid) == 800
    assert budget_of(stated, grid) == 80


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"keep_out": [keep_out([[-1.0, -1.0], [21.0, -1.0], [21.0, 21.0], [-1.0, 21.0]])]}, "leaves none of the 1600"),
        ({"polygon": [[1.0, 1.0], [1.1, 1.0], [1.0, 1.1]]}, "holds the centre of no cell"),
        (
            {
                "polygon": [[1.0, 1.0], [3.0, 1.0], [1.0, 3.0]],
                "keep_out": [keep_out([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])],
            },
            "area.keep_out leaves none of the",
        ),
    ],
)
def test_an_area_with_nothing_left_to_scan_is_refused(keys, words):
    with pytest.raises(UsageError, match=words):
        allowed_cells(config(**keys), GRID)


def test_the_middle_of_an_area_is_where_the_beam_may_go_that_is_nearest():
    assert middle_of(config(), GRID) == StagePose(10.0, 10.0)
    square = [[8.0, 7.0], [12.0, 7.0], [12.0, 10.5], [8.0, 10.5]]
    middle = middle_of(config(keep_out=[keep_out(square)]), GRID)
    assert (middle.x_mm, middle.y_mm) in {(9.75, 10.75), (10.25, 10.75)}


def test_a_whole_rectangle_costs_no_array():
    assert allowed_count(config(), ScanGrid(0.0, 0.0, 0.5, 4_000, 5_000)) == 20_000_000
