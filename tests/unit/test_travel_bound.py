"""No order beats the lower bound, and moves cost the search what they cost the plan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import squareform

from edge.motion.kinematics import StageModel
from edge.motion.move_price import leg_s, price_of
from edge.travel.bound import travel_bound_s
from edge.travel.ordering import travel_s

STAGE = StageModel(50, 500)
coordinates = st.integers(0, 30).map(lambda n: n * 0.35)
ends_of_few = st.integers(2, 4).flatmap(lambda n: arrays(np.float64, (n, 4), elements=coordinates))
limits = st.floats(1, 500)
stages = st.builds(StageModel, limits, st.floats(10, 9_000), jerk_mm_s3=st.just(np.inf) | st.floats(10, 1e6))


@st.composite
def stages_with_axes(draw: st.DrawFn) -> StageModel:
    speeds, accelerations = draw(st.tuples(limits, limits)), draw(st.tuples(limits, limits))
    jerk = draw(st.just(np.inf) | st.floats(10, 1e6))
    return StageModel(
        min(speeds),
        min(accelerations),
        axis_speeds_mm_s=speeds,
        axis_accelerations_mm_s2=accelerations,
        jerk_mm_s3=jerk,
    )


@given(ends_of_few, stages | stages_with_axes(), st.sampled_from([0, 15]))
def test_no_order_and_directions_of_few_pieces_beat_the_bound(
    ends: NDArray[np.float64], stage: StageModel, ascents: int
) -> None:
    shortest = np.inf
    for order in itertools.permutations(range(len(ends))):
        for turned in itertools.product([False, True], repeat=len(ends)):
            flown = np.where(np.array(turned)[:, None], ends[list(order)][:, [2, 3, 0, 1]], ends[list(order)])
            shortest = min(shortest, float(stage.step_s(flown[1:, 0:2] - flown[:-1, 2:4]).sum()))
    assert travel_bound_s(ends, stage, ascents=ascents) <= shortest + 1e-9


def test_leaving_far_pairs_out_hardly_shortens_the_tree_of_points_by_chance() -> None:
    points = np.random.default_rng(1).uniform(0, 40, (1_500, 2))
    assert 0.99 * _whole_tree_s(points) < travel_bound_s(points, STAGE) <= _whole_tree_s(points) + 1e-9


def test_leaving_far_pairs_out_never_lengthens_the_tree_of_clusters() -> None:
    rng = np.random.default_rng(2)
    points = (rng.uniform(0, 5, (12, 80, 2)) + rng.uniform(0, 200, (12, 1, 2))).reshape(-1, 2)
    assert travel_bound_s(points, STAGE) <= _whole_tree_s(points) + 1e-9


def test_the_tree_of_few_clusters_is_the_whole_one() -> None:
    rng = np.random.default_rng(3)
    points = (rng.uniform(0, 5, (6, 40, 2)) + rng.uniform(0, 200, (6, 1, 2))).reshape(-1, 2)
    assert travel_bound_s(points, STAGE) == pytest.approx(_whole_tree_s(points))


def _whole_tree_s(points: NDArray[np.float64]) -> float:
    steps = (points[:, None] - points[None])[np.triu_indices(len(points), 1)]
    return float(minimum_spanning_tree(squareform(STAGE.step_s(steps))).sum())


def test_fees_raise_the_bound_and_leave_it_below_a_good_order() -> None:
    points = np.random.default_rng(2).uniform(0, 30, (400, 2))
    tree, raised = travel_bound_s(points, STAGE), travel_bound_s(points, STAGE, ascents=20)
    rows = np.lexsort((points[:, 0], points[:, 1] // 3))
    assert tree < raised < travel_s(points, rows, STAGE)


def test_the_bound_of_points_on_a_line_is_the_way_along_it() -> None:
    points = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    assert travel_bound_s(points, STAGE) == pytest.approx(travel_s(points, np.arange(5), STAGE))


def test_a_single_piece_needs_no_way() -> None:
    assert travel_bound_s(np.array([[0.0, 0, 5, 0]]), STAGE) == 0


@given(arrays(np.float64, 4, elements=st.floats(-200, 200) | coordinates), stages | stages_with_axes())
def test_the_search_prices_a_move_as_the_plan_does(way: NDArray[np.float64], stage: StageModel) -> None:
    planned = float(stage.step_s(way[None, 2:4] - way[None, 0:2])[0])
    assert leg_s(price_of(stage), *way) == pytest.approx(planned, rel=1e-9, abs=1e-12)


def test_a_way_across_a_barrier_costs_more_by_what_a_crossing_takes() -> None:
    price = price_of(STAGE, np.array([[5.0, -1, 5, 1], [6, -1, 6, 1]]), 3.0)
    free = float(STAGE.move_s(np.array(10.0)))
    assert leg_s(price, 0, 0, 10, 0) == pytest.approx(free + 3)
    assert leg_s(price, 0, 2, 10, 2) == pytest.approx(free)
    assert leg_s(price, 0, 0, 4, 0) == pytest.approx(float(STAGE.move_s(np.array(4.0))))
