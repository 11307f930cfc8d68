"""Cells chosen together are those of most worth, allowed, new, and apart from each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from scipy.spatial.distance import pdist

from edge.adaptive.choice import chosen_cells
from edge.adaptive.worth import Worth


def worth_around(measured, value):
    return Worth(value.astype(np.float32), distance_transform_edt(~measured).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(1, 30), columns=st.integers(1, 30), count=st.integers(0, 400))
def test_exactly_as_many_new_allowed_cells_are_chosen_as_there_are(seed, rows, columns, count):
    random = np.random.default_rng(seed)
    measured = random.random((rows, columns)) < 0.1
    measured[0, 0] = True
    allowed = random.random((rows, columns)) < 0.8
    chosen = chosen_cells(worth_around(measured, random.random((rows, columns))), allowed, count)
    assert not (chosen & (measured | ~allowed)).any()
    assert chosen.sum() == min(count, int((allowed & ~measured).sum()))


def test_where_all_is_worth_the_same_the_batch_spreads():
    measured = np.zeros((40, 40), np.bool_)
    measured[::10, ::10] = True
    chosen = chosen_cells(worth_around(measured, np.ones((40, 40))), np.ones((40, 40), np.bool_), 16)
    # the middles of the gaps are 7 cells from what was measured and keep others 5.3 away
    assert pdist(np.argwhere(chosen)).min() >= 5


def test_of_two_places_equally_far_the_one_of_more_worth_is_measured_first():
    measured = np.zeros((21, 41), np.bool_)
    measured[:, 20] = True
    value = np.ones((21, 41))
    value[:, 21:] = 3
    chosen = chosen_cells(worth_around(measured, value), np.ones((21, 41), np.bool_), 1)
    assert not chosen[:, :20].any()
