"""Kriging takes a mean over several cells for what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from edge.reconstruct import kriged_means
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Covariance
from edge.reconstruct.exposure_operator import areas, joined, points
from edge.reconstruct.kriged_means import REMARK, Footprint, at_centroids, lost_variance
from edge.reconstruct.kriging import kriging
from edge.reconstruct.means import by_middles
from edge.reconstruct.unfold.kriged_maps import kriged_maps

SHAPE, SIDE = (48, 60), 4


@pytest.fixture(scope="module")
def truth():
    random = np.random.default_rng(3)
    fields = [gaussian_filter(random.standard_normal(SHAPE), width) for width in (2.0, 2.5)]
    # two smooth maps with a sharp stripe each, as paint has
    maps = np.stack([field / field.std() for field in fields], axis=2) + 4
    maps[:, 20:27, 0] += 3
    maps[30:37, :, 1] += 2
    return maps.astype(np.float32)


def blocks_of(truth, noise=0.0):
    rows, columns = (at.ravel() * SIDE for at in np.indices((SHAPE[0] // SIDE, SHAPE[1] // SIDE)))
    operator = areas(SHAPE, rows, columns, height=SIDE, width=SIDE)
    values = operator.seen(truth)
    values += np.random.default_rng(4).normal(0, noise, values.shape).astype(np.float32)
    variance = np.full_like(values, noise**2)
    return MeasuredCells(SHAPE, rows + SIDE // 2, columns + SIDE // 2, values, variance, ("A", "B"), operator=operator)


def rms(values):
    return float(np.sqrt(np.square(values).mean()))


def test_maps_come_nearer_to_the_truth_and_to_what_was_measured_than_with_means_as_cells(truth):
    cells = blocks_of(truth)
    found, plain = kriging(cells), by_middles(kriging, cells, None)
    assert rms(found.maps - truth) < 0.9 * rms(plain.maps - truth)
    seen = cells.seen_by().seen
    assert rms(seen(found.maps) - cells.values) < 0.5 * rms(seen(plain.maps) - cells.values)
    assert REMARK in found.remarks


def test_the_standard_error_holds_what_a_mean_cannot_tell(truth):
    found = kriging(blocks_of(truth))
    error = np.abs(found.maps - truth)
    assert (error <= 2 * found.standard_error).mean() > 0.9
    # stripes are no part of the law that smooth fields teach: within a factor of two either way
    assert 0.5 < rms(error) / rms(found.standard_error) < 2


def test_a_difference_within_the_counting_error_corrects_nothing(truth, monkeypatch):
    noisy = blocks_of(truth, noise=2.0)
    found = kriging(noisy).maps
    monkeypatch.setattr(kriged_means, "ROUNDS", 0)
    np.testing.assert_array_equal(found, kriging(noisy).maps)


@settings(max_examples=15, deadline=None)
@given(
    down=st.floats(-1, 1),
    right=st.floats(-1, 1),
    height=st.integers(1, 5),
    width=st.integers(2, 5),
    rim=st.integers(0, 4),
)
def test_a_plane_measured_in_means_comes_back_where_it_was(down, right, height, width, rim):
    # a rim that no block fills, so that the last ones have other middles
    shape = 6 * height + min(rim, height - 1), 6 * width + min(rim, width - 1)
    at = np.indices(shape)
    plane = (down * at[0] + right * at[1] + 20)[:, :, None].astype(np.float32)
    sights = [
        areas(
            shape,
            np.array([row]),
            np.array([column]),
            height=min(height, shape[0] - row),
            width=min(width, shape[1] - column),
        )
        for row in range(0, shape[0], height)
        for column in range(0, shape[1], width)
    ]
    operator = joined(sights)
    rows, columns = np.floor(operator.centroids() + 0.5).astype(np.intp).T
    values = operator.seen(plane)
    cells = MeasuredCells(shape, rows, columns, values, np.zeros_like(values), ("A",), operator=operator)
    inside = np.s_[height : 5 * height, width : 5 * width]
    # before means are taken for what they are: that would hide a part of it
    maps, _ = kriged_maps(cells, np.zeros((*shape, 3), np.float32))
    off = (maps - plane)[inside].mean()
    # half a cell would be 0.5 along either slope
    assert abs(off) < 0.1 * (abs(down) + abs(right)) + 1e-3


def test_means_counted_for_one_cell_lie_between_what_they_saw():
    shape = (3, 8)
    operator = joined([areas(shape, np.array([1]), np.array([2]), height=1, width=4), points(shape, [1], [4])])
    values = np.array([[3], [5]], np.float32)
    cells = MeasuredCells(shape, [1, 1], [4, 4], values, np.ones_like(values), ("A",), operator=operator)
    once, slot = at_centroids(cells)
    assert slot.tolist() == [0, 0]
    assert [float(at) for (at,) in once.places()] == [1, (3.5 + 4) / 2]


def test_a_cell_measured_by_itself_shows_its_value(truth):
    cells = blocks_of(truth)
    alone = points(SHAPE, np.array([21]), np.array([33]))
    value = truth[21, 33][None]
    both = replace(
        cells,
        rows=np.append(cells.rows, 21),
        columns=np.append(cells.columns, 33),
        values=np.concatenate([cells.values, value]),
        variance=np.concatenate([cells.variance, np.full_like(value, 0.01)]),
        operator=joined([cells.seen_by(), alone]),
    )
    found = kriging(both)
    np.testing.assert_array_equal(found.maps[21, 33], value[0])
    np.testing.assert_allclose(found.standard_error[21, 33], 0.1, rtol=1e-6)
    assert both.measured().sum() == 1


def square(side):
    offsets = np.indices((side, side)).reshape(2, -1).T.astype(np.float64)
    return Footprint(offsets - offsets.mean(axis=0), np.full(side**2, 1 / side**2))


@settings(max_examples=20, deadline=None)
@given(st.floats(1.0, 30.0), st.floats(0.0, 0.9), st.integers(2, 5))
def test_what_a_mean_loses_grows_with_its_footprint_and_is_nothing_of_a_single_cell(reach, share, side):
    law = Covariance(reach=reach, share=share)
    assert lost_variance(law, square(1), float(side)) == pytest.approx(0, abs=1e-12)
    smaller, larger = (lost_variance(law, square(each), float(side)) for each in (side - 1, side))
    assert 0 <= smaller < larger
