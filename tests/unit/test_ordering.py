"""Orders visit every point and run once and travel little."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge.motion.kinematics import StageModel, predict_duration, predict_stretches, run_starts
from edge.travel.bound import travel_bound_s
from edge.travel.ordering import order_pieces, order_points, rests_mm, serpentine, travel_s
from firmware_bridge.messages import StagePose
from models.masks import MaskRequest, make_mask

STAGE = StageModel(50, 500)
UNEVEN = StageModel(
    50, 500, axis_speeds_mm_s=(50, 90), axis_accelerations_mm_s2=(500, 800), jerk_mm_s3=9_000, margin_mm=0.2
)
plain_stages = st.builds(StageModel, st.floats(1, 500), st.floats(10, 10_000))
stages = plain_stages | st.just(UNEVEN)
coordinates = st.integers(0, 30).map(lambda n: n * 0.35) | st.floats(-100, 100)
point_sets = st.integers(0, 60).flatmap(lambda n: arrays(np.float64, (n, 2), elements=coordinates))
starts = st.none() | st.builds(StagePose, st.floats(-20, 20), st.floats(-20, 20))
RUN_MM_S = 20.0


@st.composite
def piece_sets(draw: st.DrawFn, most: int = 40) -> NDArray[np.float64]:
    """Points and runs, some of which touch."""
    count = draw(st.integers(1, most))
    begin = draw(arrays(np.float64, (count, 2), elements=st.integers(0, 30).map(lambda n: n * 0.35)))
    way = draw(arrays(np.float64, (count, 2), elements=st.sampled_from([0.0, 0.0, 0.0, 1.05, 4.2, -2.1])))
    return np.hstack([begin, begin + way])


def table_of(
    pieces: NDArray[np.float64], order: NDArray[np.intp], is_reversed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    flown = np.where(is_reversed[:, None], pieces[order][:, [2, 3, 0, 1]], pieces[order])
    length = np.hypot(flown[:, 2] - flown[:, 0], flown[:, 3] - flown[:, 1])
    return np.column_stack([flown, np.where(length > 0, length / RUN_MM_S, 0.1)])


def speeds(pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where((pieces[:, 0:2] == pieces[:, 2:4]).all(axis=1), 0.0, RUN_MM_S)


@given(point_sets, stages, starts)
def test_the_order_is_a_permutation_between_the_bound_and_the_serpentine(
    points: NDArray[np.float64], stage: StageModel, start: StagePose | None
) -> None:
    order = order_points(points, stage, start=start)
    assert sorted(order) == list(range(len(points)))
    before = np.empty((0, 2)) if start is None else np.array([[start.x_mm, start.y_mm]])

    def taken_s(chosen: NDArray[np.intp]) -> float:
        path = np.vstack([before, points[chosen]])
        return travel_s(path, np.arange(len(path)), stage)

    assert taken_s(order) <= taken_s(serpentine(points)) + 1e-9
    assert travel_s(points, order, stage) >= travel_bound_s(points, stage, ascents=10) - 1e-9
    assert (order_points(points, stage, start=start) == order).all()


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


@given(piece_sets(), stages, starts)
def test_every_piece_comes_once_and_no_sooner_than_the_bound(
    pieces: NDArray[np.float64], stage: StageModel, start: StagePose | None
) -> None:
    order, is_reversed = order_pieces(pieces, stage, start=start, speeds_mm_s=speeds(pieces))
    assert sorted(order) == list(range(len(pieces)))
    assert not is_reversed[speeds(pieces)[order] == 0].any()
    rests = rests_mm(pieces, stage, speeds(pieces))
    flown = np.where(is_reversed[:, None], rests[order][:, [2, 3, 0, 1]], rests[order])
    between_s = float(stage.step_s(flown[1:, 0:2] - flown[:-1, 2:4]).sum())
    assert between_s >= travel_bound_s(rests, stage, ascents=10) - 1e-9


@given(piece_sets(most=5), st.sampled_from([STAGE, UNEVEN]), starts)
def test_no_exchange_shortens_an_order_of_few_pieces(
    pieces: NDArray[np.float64], stage: StageModel, start: StagePose | None
) -> None:
    # with five pieces every end of another one is a near neighbour
    order, is_reversed = order_pieces(pieces, stage, start=start, speeds_mm_s=speeds(pieces))
    rests = rests_mm(pieces, stage, speeds(pieces))
    way = [(int(piece), bool(turned)) for piece, turned in zip(order, is_reversed, strict=True)]

    def taken_s(way: list[tuple[int, bool]]) -> float:
        path = np.array([rests[piece][[2, 3, 0, 1]] if turned else rests[piece] for piece, turned in way])
        before = path[:1, 0:2] if start is None else np.array([[start.x_mm, start.y_mm]])
        return float(stage.step_s(path[:, 0:2] - np.vstack([before, path[:-1, 2:4]])).sum())

    def backwards(part: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
        return [(piece, not turned) for piece, turned in reversed(part)]

    for i, j in itertools.combinations(range(len(way) + 1), 2):
        part, rest = way[i:j], [*way[:i], *way[j:]]
        others = [[*way[:i], *backwards(part), *way[j:]]]
        if j - i <= 3:
            for k in range(len(rest) + 1):
                others += [[*rest[:k], *part, *rest[k:]], [*rest[:k], *backwards(part), *rest[k:]]]
        for other in others:
            assert taken_s(way) <= taken_s(other) + 1e-8


@given(piece_sets(), st.sampled_from([STAGE, UNEVEN]), starts)
def test_the_ways_that_are_shortened_are_those_that_are_predicted(
    pieces: NDArray[np.float64], stage: StageModel, start: StagePose | None
) -> None:
    order, is_reversed = order_pieces(pieces, stage, start=start, speeds_mm_s=speeds(pieces))
    table = table_of(pieces, order, is_reversed)
    # each piece by itself, for runs that touch at one speed are flown on
    stretches = [predict_stretches(table[k : k + 1], stage) for k in range(len(table))]
    ramps_s = sum(float(each.run_up_s[0] + each.run_out_s[0]) for each in stretches)
    rests = rests_mm(pieces, stage, speeds(pieces))
    flown = np.where(is_reversed[:, None], rests[order][:, [2, 3, 0, 1]], rests[order])
    before = flown[:1, 0:2] if start is None else np.array([[start.x_mm, start.y_mm]])
    ways_s = float(stage.step_s(flown[:, 0:2] - np.vstack([before, flown[:-1, 2:4]])).sum())
    predicted_s = predict_duration(table, stage, start=start).travel_s
    if run_starts(table, stage).all():
        assert predicted_s == pytest.approx(ramps_s + ways_s, abs=1e-9)
    else:
        assert predicted_s <= ramps_s + ways_s


def test_runs_one_above_the_other_are_flown_to_and_fro() -> None:
    pieces = np.array([[0.0, y, 10.0, y] for y in range(5)])
    order, is_reversed = order_pieces(pieces, STAGE, speeds_mm_s=speeds(pieces))
    assert order.tolist() in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
    assert (is_reversed[1:] != is_reversed[:-1]).all()


def test_the_way_from_where_the_stage_stands_is_part_of_what_is_shortened() -> None:
    # from between the two, first one way and then all the way back is shorter than the nearer end of the line first
    points = np.array([[0.0, 0], [1, 0], [2, 0], [30, 0]])
    assert order_points(points, STAGE, start=StagePose(29, 0)).tolist() == [3, 2, 1, 0]
    assert order_points(points, STAGE, start=StagePose(-1, 0)).tolist() == [0, 1, 2, 3]


def test_a_barrier_that_costs_much_is_crossed_once() -> None:
    rng = np.random.default_rng(5)
    points = np.round(rng.uniform(0, 10, (80, 2)), 1)
    points = points[np.abs(points[:, 0] - 5) > 0.1]
    barriers = np.array([[5.0, -100, 5, 100]])

    def crossings(order: NDArray[np.intp]) -> int:
        return int(np.count_nonzero(np.diff(points[order, 0] > 5)))

    assert crossings(order_points(points, STAGE)) > 1
    assert crossings(order_points(points, STAGE, barriers=barriers, crossing_s=5.0)) == 1


def test_barriers_that_cost_nothing_change_nothing() -> None:
    points = np.random.default_rng(6).uniform(0, 10, (50, 2))
    barriers = np.array([[5.0, -100, 5, 100]])
    assert (order_points(points, STAGE, barriers=barriers) == order_points(points, STAGE)).all()


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


@pytest.mark.parametrize("span_mm", [1.0, 1_000.0, 1e6])
def test_ways_whose_times_are_rounded_coarsely_are_ordered_all_the_same(span_mm: float) -> None:
    # legs of up to 1e10 s, whose sums are true to no better than a microsecond
    points = np.random.default_rng(7).uniform(0, span_mm, (300, 2))
    slow = StageModel(1e-4, 1e-4, axis_speeds_mm_s=(1e-4, 2e-4), axis_accelerations_mm_s2=(1e-4, 3e-4))
    order = order_points(points, slow)
    assert sorted(order) == list(range(300))
    assert travel_s(points, order, slow) < travel_s(points, serpentine(points), slow)


def test_coinciding_points_are_each_visited() -> None:
    points = np.zeros((12, 2))
    assert sorted(order_points(points, STAGE)) == list(range(12))
