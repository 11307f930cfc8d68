"""Means of pairs and their intervals, against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tools.reproduce.paired import CONFIDENCE, paired_difference

DECIBELS = st.lists(st.floats(-5, 60, allow_nan=False), min_size=2, max_size=30)


def named(values):
    return {f"{index:03}": value for index, value in enumerate(values)}


def test_the_interval_is_that_of_scipys_paired_test():
    random = np.random.default_rng(4)
    ours, theirs = random.normal(25, 3, 17), random.normal(24, 3, 17)
    found = paired_difference(named(ours), named(theirs))
    low, high = stats.ttest_rel(ours, theirs).confidence_interval(CONFIDENCE)
    # the same formula in another order: some rounding of float64
    assert found.mean_db - found.half_width_db == pytest.approx(low, abs=1e-10)
    assert found.mean_db + found.half_width_db == pytest.approx(high, abs=1e-10)
    assert found.pairs == 17


@given(DECIBELS, st.floats(-10, 10))
def test_what_both_masks_find_harder_changes_nothing(values, gain):
    ours = {name: value + gain for name, value in named(values).items()}
    found = paired_difference(ours, named(values))
    # sums of values up to 70 in float64 cancel to some 1e-14 each
    assert found.mean_db == pytest.approx(gain, abs=1e-10)
    assert found.half_width_db == pytest.approx(0, abs=1e-10)


def test_subjects_that_only_one_has_are_left_out():
    found = paired_difference({"a": 30.0, "b": 20.0, "only ours": 99.0}, {"b": 19.0, "a": 27.0, "only theirs": 0.0})
    assert (found.mean_db, found.pairs) == (2.0, 2)


def test_one_pair_has_no_interval_and_tells_nothing():
    found = paired_difference({"a": 30.0}, {"a": 29.0})
    assert math.isnan(found.half_width_db)
    assert not found.tells


def test_no_pair_gives_no_difference():
    assert paired_difference({"a": 30.0}, {"b": 29.0}) is None
