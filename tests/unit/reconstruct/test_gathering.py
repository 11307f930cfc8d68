"""Cells that are gathered while a scan runs are those that merging everything at the end would give."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct.cells import merged
from edge.reconstruct.gathering import GatheredCells

SHAPE, NAMES = (5, 7), ("Fe", "Pb")


def drawn(seed, count, *, unknown=0.3, unusable=0.1):
    random = np.random.default_rng(seed)
    values = random.normal(10, 3, (count, 2)).astype(np.float32)
    variance = random.uniform(0.5, 4, (count, 2)).astype(np.float32)
    variance[random.random((count, 2)) < unknown] = 0
    values[random.random(count) < unusable, 1] = np.nan
    return Samples(random.integers(0, SHAPE[0], count), random.integers(0, SHAPE[1], count), values, variance)


def part(samples, begin, end):
    one = slice(begin, end)
    return Samples(samples.rows[one], samples.columns[one], samples.values[one], samples.variance[one])


@given(seed=st.integers(0, 10_000), count=st.integers(1, 120), cuts=st.lists(st.integers(0, 120), max_size=6))
def test_parts_in_any_number_give_what_all_at_once_gives(seed, count, cuts):
    samples = drawn(seed, count)
    if not np.isfinite(samples.values).all(axis=1).any():
        return
    gathered = GatheredCells(SHAPE, NAMES)
    bounds = sorted({0, count, *(cut for cut in cuts if cut < count)})
    for begin, end in itertools.pairwise(bounds):
        gathered.add(part(samples, begin, end))
    ours, whole = gathered.in_rows(), merged(samples, SHAPE, NAMES)
    assert np.array_equal(ours.rows, whole.rows)
    assert np.array_equal(ours.columns, whole.columns)
    # the same sums in float64 in another order, rounded to float32 once
    np.testing.assert_allclose(ours.values, whole.values, rtol=1e-6)
    np.testing.assert_allclose(ours.variance, whole.variance, rtol=1e-6)


def test_an_addition_tells_the_places_that_changed():
    gathered = GatheredCells(SHAPE, NAMES)
    first = gathered.add(Samples(np.array([1, 2]), np.array([3, 4]), np.ones((2, 2)), np.ones((2, 2))))
    again = gathered.add(Samples(np.array([2, 0]), np.array([4, 0]), 3 * np.ones((2, 2)), np.ones((2, 2))))
    assert first.tolist() == [0, 1]
    assert sorted(again.tolist()) == [1, 2]
    assert gathered.cells().values[1].tolist() == [2, 2]
    assert gathered.slots[2, 4] == 1


def test_exposures_of_which_none_can_be_used_change_nothing():
    gathered = GatheredCells(SHAPE, NAMES)
    assert gathered.add(Samples(np.array([1]), np.array([1]), np.full((1, 2), np.nan), np.ones((1, 2)))).size == 0
    assert len(gathered) == 0


def test_a_cell_off_the_grid_is_refused_and_nothing_is_taken_in():
    gathered = GatheredCells(SHAPE, NAMES)
    with pytest.raises(UsageError, match="a sample lies outside the 5 x 7 grid"):
        gathered.add(Samples(np.array([1, 5]), np.array([1, 0]), np.ones((2, 2)), np.ones((2, 2))))
    assert len(gathered) == 0
