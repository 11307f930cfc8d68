"""Whatever comes nearer to a keep-out than the margin is told, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.planning.keep_outs import NOTHING, KeepOuts
from tests.unit.area.outlines import along, depth_mm, outlines

SQUARE = np.array([[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]])
_SINGLE_MM = 1e-4
"""OpenCV tells distances in single precision: of coordinates below 25 mm they are known to some 1e-5 mm."""
coordinate = st.floats(0.0, 20.0)


def one(outline, margin_mm=0.0) -> KeepOuts:
    return KeepOuts(("seal",), (np.asarray(outline, float),), margin_mm)


def way(x0, y0, x1, y1):
    return np.array([[x0, y0]], float), np.array([[x1, y1]], float)


@given(outlines(), st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30), st.floats(0, 2))
def test_a_beam_may_stand_exactly_where_the_margin_is_kept(outline, points, margin_mm):
    points = np.array(points)
    away_mm = -depth_mm(np.array(outline), points)
    clear = one(outline, margin_mm).clear(points)
    sure = np.abs(away_mm - margin_mm) > _SINGLE_MM
    assert np.array_equal(clear[sure], away_mm[sure] > margin_mm)


@given(outlines(), coordinate, coordinate, coordinate, coordinate, st.floats(0, 2))
def test_a_way_that_is_clear_keeps_the_margin_everywhere(outline, x0, y0, x1, y1, margin_mm):
    starts, ends = way(x0, y0, x1, y1)
    nearest_mm = -depth_mm(np.array(outline), along(starts, ends, 400)).max()
    if one(outline, margin_mm).touched(starts, ends)[0] == NOTHING:
        assert nearest_mm >= margin_mm - _SINGLE_MM
    else:
        # samples lie at most half of a 400th of the way, 28 mm at the most, from the nearest point
        assert nearest_mm < margin_mm + 28.3 / 399 / 2 + _SINGLE_MM


@given(outlines(), st.lists(st.tuples(coordinate, coordinate), min_size=4, max_size=4), st.integers(0, 2**32 - 1))
def test_what_lies_between_four_points_that_are_clear_holds_no_keep_out(outline, corners, seed):
    corners = np.array(corners)
    assume(one(outline, 0.1).touched_within(corners[None])[0] == NOTHING)
    shares = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), 300)
    assert depth_mm(np.array(outline), shares @ corners).max() < -0.1 + _SINGLE_MM


@pytest.mark.parametrize(
    ("ends", "is_touched"),
    [
        ((0, 5, 10, 5), True),
        ((4.5, 4.5, 5.5, 5.5), True),
        ((0, 3.4, 10, 3.4), False),
        ((0, 3.6, 10, 3.6), True),
        ((3.5, 0, 3.5, 10), False),
        ((5, 3.5, 5, 3.5), False),
        ((5, 5, 5, 5), True),
    ],
)
def test_a_square_is_met_across_inside_and_within_its_margin(ends, is_touched):
    assert (one(SQUARE, 0.5).touched(*way(*ends))[0] != NOTHING) == is_touched


def test_a_keep_out_that_lies_whole_between_four_points_is_met():
    around = np.array([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])
    # off the diagonals, so that no way between two corners comes near
    small = np.array([[4.8, 2.0], [5.2, 2.0], [5.0, 2.3]])
    assert one(small, 0.01).touched_within(around)[0] == 0


def test_the_keep_out_that_is_met_first_in_the_list_is_named():
    both = KeepOuts(("seal", "clip"), (SQUARE, SQUARE + 10), 0.1)
    starts, ends = np.array([[0.0, 5.0], [0.0, 15.0], [0.0, 0.0]]), np.array([[20.0, 5.0], [20.0, 15.0], [20.0, 0.0]])
    assert both.touched(starts, ends).tolist() == [0, 1, NOTHING]


@given(outlines(radius_mm=st.floats(2.0, 6.0)), st.floats(0, 2 * math.pi))
def test_every_way_into_a_keep_out_crosses_a_barrier(outline, direction):
    keep_outs = one(outline, 0.2)
    middle = np.mean(outline, axis=0)
    assume(depth_mm(np.array(outline), middle[None])[0] > 0.21)
    starts = (middle + 20 * np.array([math.cos(direction), math.sin(direction)]))[None]
    ends = middle[None]
    lines = keep_outs.barriers()
    a, b = starts[0], ends[0]

    def side(p, q, r):
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    c, d = lines[:, :2], lines[:, 2:]
    assert ((side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)).any()


def test_no_keep_outs_forbid_nothing():
    assert not KeepOuts()
    assert KeepOuts().clear(np.zeros((2, 2))).all()
    assert KeepOuts().barriers().shape == (0, 4)
