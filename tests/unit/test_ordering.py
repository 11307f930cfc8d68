"""Orders visit every point once and travel little."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.kinematics import StageModel
from edge.ordering import order_points, serpentine, travel_bound_s, travel_s
from models.masks import MaskRequest, make_mask

STAGE = StageModel(50, 500)
stages = st.builds(StageModel, st.floats(1, 500), st.floats(10, 10_000))
coordinates = st.integers(0, 30).map(lambda n: n * 0.35) | st.floats(-100, 100)
point_sets = st.integers(0, 60).flatmap(lambda n: arrays(np.float64, (n, 2), elements=coordinates))


@given(point_sets, stages)
def test_the_order_is_a_permutation_between_the_bound_and_the_serpentine(
    points: NDArray[np.float64], stage: StageModel
) -> None:
    order = order_points(points, stage)
    assert sorted(order) == list(range(len(points)))
    travelled = travel_s(points, order, stage)
    assert travelled <= travel_s(points, serpentine(points), stage) + 1e-9
    assert travelled >= travel_bound_s(points, stage) - 1e-9
    assert (order_points(points, stage) == order).all()


@given(arrays(np.float64, (6, 2), elements=st.floats(0, 20)))
def test_no_single_segment_move_or_reversal_shortens_a_small_order(points: NDArray[np.float64]) -> None:
    # with six points every other one is a near neighbour: the search must end in a true local minimum
    order = list(order_points(points, STAGE))
    travelled = travel_s(points, np.array(order), STAGE)
    for i, j in itertools.combinations(range(7), 2):
        reversed_part = [*order[:i], *reversed(order[i:j]), *order[j:]]
        rest = [*order[:i], *order[j:]]
        moved = [[*rest[:k], *order[i:j], *rest[k:]] for k in range(len(rest) + 1)] if j - i <= 3 else []
        for other in [reversed_part, *moved]:
            assert travelled <= travel_s(points, np.array(other), STAGE) + 1e-8


def test_a_full_grid_is_visited_at_the_bound() -> None:
    points = np.argwhere(np.ones((30, 40)))[:, ::-1].astype(np.float64) * 0.5
    assert travel_s(points, order_points(points, STAGE), STAGE) == pytest.approx(travel_bound_s(points, STAGE))


@pytest.mark.parametrize("name", ["random", "blue-noise", "grid"])
def test_large_masks_are_visited_within_a_tenth_of_the_bound(name: str) -> None:
    cells = make_mask(name, MaskRequest((340, 290), 10_000)).mask.cells
    points = np.argwhere(cells)[:, ::-1].astype(np.float64) * 0.5
    travelled = travel_s(points, order_points(points, STAGE), STAGE)
    assert travelled <= 1.1 * travel_bound_s(points, STAGE)
    assert travelled < travel_s(points, serpentine(points), STAGE)


def test_the_bound_of_points_on_a_line_is_the_way_along_it() -> None:
    points = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    assert travel_bound_s(points, STAGE) == pytest.approx(travel_s(points, np.arange(5), STAGE))


def test_coinciding_points_are_each_visited() -> None:
    points = np.zeros((12, 2))
    assert sorted(order_points(points, STAGE)) == list(range(12))
