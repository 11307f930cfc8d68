"""Maps that follow the exposures: what is drawn part by part is what drawing everything at once gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct import reconstruct
from edge.reconstruct.progressive import ProgressiveMaps
from tools.bench.painted import painted_panel

SHAPE, NAMES = (76, 61), ("Fe", "Pb", "Hg")
MAPS, RGB = painted_panel(*SHAPE, len(NAMES))


def exposures(seed, count):
    """Cells at random, some more than once, with counting noise."""
    random = np.random.default_rng(seed)
    rows, columns = random.integers(0, SHAPE[0], count), random.integers(0, SHAPE[1], count)
    values = MAPS[rows, columns]
    variance = (0.01 + 0.02 * values).astype(np.float32)
    return Samples(rows, columns, values + np.sqrt(variance) * random.standard_normal(values.shape), variance)


def parts_of(samples, count):
    for part in np.array_split(np.arange(len(samples)), count):
        yield Samples(samples.rows[part], samples.columns[part], samples.values[part], samples.variance[part])


def drawn_until_current(maps):
    for _ in range(1000):
        if maps.refresh(0.0).is_current:
            return maps.current()
    raise AssertionError("the maps never became current")


@pytest.mark.parametrize("rgb", [None, RGB])
def test_once_caught_up_the_maps_are_those_of_the_whole(rgb):
    samples = exposures(1, 900)
    with ProgressiveMaps(SHAPE, NAMES, rgb) as maps:
        for part in parts_of(samples, 7):
            maps.add(part)
            maps.refresh(0.0)
        ours = maps.catch_up()
    whole = reconstruct(samples, SHAPE, elements=NAMES, rgb=rgb)
    # the same operations on the same numbers; repeated exposures are added up in another order
    np.testing.assert_allclose(ours.maps, whole.maps, atol=1e-4 * float(MAPS.max()))
    np.testing.assert_allclose(ours.standard_error, whole.standard_error, rtol=1e-3, atol=1e-5)
    assert np.array_equal(ours.measured, whole.measured)
    assert ours.remarks == whole.remarks
    np.testing.assert_allclose(ours.left_out.within_one, whole.left_out.within_one, atol=0.01)
    np.testing.assert_allclose(ours.left_out.rms, whole.left_out.rms, rtol=1e-3)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), parts=st.integers(1, 12))
def test_updates_of_a_neighbourhood_leave_nothing_behind(seed, parts):
    samples = exposures(seed, 120)
    with ProgressiveMaps(SHAPE, NAMES) as slowly, ProgressiveMaps(SHAPE, NAMES) as at_once:
        first, *rest = parts_of(samples, parts)
        for maps in (slowly, at_once):
            # under the parameters of so few samples from here on: learning would come when it pleases
            maps.add(first)
            maps.refresh(np.inf)
            maps._learned_from = 10**9
            maps._learning = None
        for part in rest:
            slowly.add(part)
            slowly.refresh(0.0)
            at_once.add(part)
        ours, whole = drawn_until_current(slowly), drawn_until_current(at_once)
    # of samples equally far the one that was found first counts, and the buckets differ with their number
    np.testing.assert_allclose(ours.maps, whole.maps, atol=1e-4 * float(MAPS.max()))


def test_a_first_answer_is_there_at_once_and_everywhere():
    with ProgressiveMaps(SHAPE, NAMES) as maps:
        maps._order = maps._order[:1]
        maps.add(exposures(0, 40))
        maps.refresh(0.0)
        found = maps.current()
    assert np.isfinite(found.maps).all()
    assert (found.standard_error > 0).all()
    assert found.remarks == ("99% of the map is not drawn yet and shows what is nearby.",)
    assert found.maps.std() > 0


def test_what_arrives_in_one_place_changes_nothing_far_away():
    samples = exposures(3, 900)
    with ProgressiveMaps(SHAPE, NAMES) as maps:
        maps.add(samples)
        before = maps.catch_up()
        maps.add(Samples(np.array([5]), np.array([5]), 9 * np.ones((1, 3)), np.ones((1, 3))))
        freshness = maps.refresh(np.inf)
        after = maps.current()
    assert freshness.is_current
    changed = (after.maps != before.maps).any(axis=2)
    assert changed[5, 5]
    assert not changed[40:].any()


def test_a_measured_cell_shows_its_value_before_anything_is_drawn_around_it():
    with ProgressiveMaps(SHAPE, NAMES) as maps:
        maps.add(exposures(2, 300))
        row, column = np.argwhere(~maps.catch_up().measured)[0]
        maps.add(Samples(np.array([row]), np.array([column]), np.full((1, 3), 5.0), np.full((1, 3), 0.04)))
        found = maps.current()
    assert found.measured[row, column]
    assert found.maps[row, column].tolist() == [5, 5, 5]
    assert found.standard_error[row, column] == pytest.approx(0.2)


def test_without_a_usable_exposure_it_says_so():
    with ProgressiveMaps(SHAPE, NAMES) as maps:
        maps.add(Samples(np.array([1]), np.array([1]), np.full((1, 3), np.nan), np.ones((1, 3))))
        with pytest.raises(UsageError, match="no usable sample"):
            maps.refresh()
