"""The first look that guides the second: its metric, and that no guide is tried on what it has seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.reconstruct.guide import Guide, components_of, look, unguided
from edge.reconstruct.held_out import hold_out
from edge.reconstruct.kriging import kriging
from edge.reconstruct.normalised import NormalisedSamples
from edge.reconstruct.tiling import in_shares
from tests.unit.reconstruct.scenes import measured, painted, psnr_db, random_mask

EVERYWHERE = np.ones((60, 60), np.bool_)


@settings(max_examples=60, deadline=None)
@given(gradients=arrays(np.float32, (5, 2, 3), elements=st.floats(-100, 100, width=32)))
def test_no_metric_changes_the_area_of_a_neighbourhood(gradients: NDArray[np.float32]) -> None:
    down, right = gradients[:, 0], gradients[:, 1]
    structure = np.stack([(down * down).sum(1), (down * right).sum(1), (right * right).sum(1)], axis=1)[None]
    guide = Guide(np.zeros((1, 5, 3), np.float32), structure.astype(np.float32))
    a, b, c = guide.metric(np.zeros(5, np.intp), np.arange(5)).T
    # float32, entries of at most two
    np.testing.assert_allclose(a * c - b * b, 1, atol=1e-4)


def test_distances_grow_across_an_edge_and_shrink_along_it() -> None:
    structure = np.zeros((4, 4, 3), np.float32)
    structure[:2, :, 2] = 1  # in the upper half values change to the right
    guide = Guide(np.zeros((4, 4, 3), np.float32), structure)
    (down, both, right), flat = guide.metric(np.array([0, 3]), np.array([0, 0]))
    assert right > 1 > down
    assert both == 0
    np.testing.assert_array_equal(flat, unguided(1)[0])


def test_components_hold_a_difference_in_all_elements_at_one() -> None:
    pattern = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    values = np.column_stack([pattern, pattern, -pattern, np.zeros(200, np.float32)])
    weights = components_of(values)
    assert weights.shape == (4, 3)
    assert np.linalg.norm(np.array([1, 1, -1, 0], np.float32) @ weights) == pytest.approx(1, abs=1e-5)


def test_a_first_look_tells_apart_what_lies_on_either_side_of_an_edge() -> None:
    rows, columns = np.nonzero(random_mask(EVERYWHERE, 0.1))
    values = np.where(columns < 30, -1, 1).astype(np.float32)[:, None]
    features = np.zeros((len(rows), 8), np.float32)
    features[:, 0], features[:, 1] = rows, columns
    law = np.array([0.01, 4, 0, 0.1, 20], np.float32)
    guide = look(features, values, np.ones(len(rows), np.float32), np.zeros((1, 1, 3), np.float32), law, shape=(60, 60))
    assert np.ptp(guide.colours[:, :25, 0]) < 0.5
    assert guide.colours[:, 35:, 0].min() - guide.colours[:, :25, 0].max() > 1
    down, _, right = guide.metric(np.arange(10, 50), np.full(40, 30)).T
    assert (right > down).all()


@pytest.mark.parametrize("count", [70, 900, 12000])
def test_no_guide_has_seen_what_it_is_tried_on(count: int) -> None:
    rng = np.random.default_rng(0)
    side = 120
    rows, columns = np.divmod(rng.choice(side * side, count, replace=False), side)
    values = rng.standard_normal((count, 2)).astype(np.float32)
    seen: list[NDArray[np.intp]] = []
    blank = Guide(np.zeros((side, side, 3), np.float32), np.zeros((side, side, 3), np.float32))

    def first_look(which: NDArray[np.intp]) -> Guide:
        seen.append(which)
        return blank

    ones = np.ones(count, np.float32)
    held_out = hold_out(NormalisedSamples(rows, columns, values, ones, values, None), neighbours=16, look=first_look)
    tried = []
    for trial, which in zip(held_out.trials, seen, strict=True):
        middle = trial.neighbours[:, 0]
        cells = trial.samples.rows[middle] * side + trial.samples.columns[middle]
        assert not np.isin(cells, rows[which] * side + columns[which]).any()
        assert len(which) >= 0.79 * count
        tried.append(cells)
    together = np.concatenate(tried)
    assert len(np.unique(together)) == len(together) == min(count, 2000)


def test_edges_that_all_elements_share_are_kept_better_than_by_each_elements_distance_alone() -> None:
    maps, _ = painted(72, 72)
    rng = np.random.default_rng(0)
    mixed = maps @ rng.uniform(0.2, 1, (3, 6)).astype(np.float32)
    noisy = (mixed + rng.normal(0, 0.1, mixed.shape)).astype(np.float32)
    mask = random_mask(np.ones((72, 72), np.bool_), 0.15)
    together = kriging(measured(noisy, mask)).maps
    alone = np.concatenate([kriging(measured(noisy[:, :, e : e + 1], mask)).maps for e in range(6)], axis=2)
    assert psnr_db(together, mixed, ~mask) > psnr_db(alone, mixed, ~mask) + 0.2


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 3000))
def test_every_piece_of_work_is_done_once(count: int) -> None:
    times = np.zeros(count, np.intp)

    def work(part: slice) -> None:
        times[part] += 1

    in_shares(work, count)
    assert (times == 1).all()
