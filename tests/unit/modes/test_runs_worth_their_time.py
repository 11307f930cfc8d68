"""Which stretches of rows are flown over."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.adaptive.runs import RunCost, _stretches, chosen_runs
from edge.modes.pieces import Pieces


def _net(gain: np.ndarray, marked: np.ndarray, price: float, cost: RunCost) -> float:
    runs = len(Pieces.along_rows(marked[None], 1.0))
    return float(gain[marked].sum()) - price * (runs * cost.start_s + int(marked.sum()) * cost.cell_s)


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=9),
    st.floats(0.1, 5),
    st.floats(0, 3),
)
def test_stretches_of_a_row_are_the_best_of_all_choices(gains: list[float], price: float, start_s: float) -> None:
    gain, cost = np.array(gains, np.float32), RunCost(start_s, 1.0)
    state = np.empty(len(gain), np.bool_)
    _stretches(gain, np.float32(price), np.float32(start_s), np.float32(1), state)
    cells = range(len(gain))
    choices = [np.isin(cells, some) for n in range(len(gain) + 1) for some in combinations(cells, n)]
    best = max(_net(gain, choice, price, cost) for choice in choices)
    # sums of single precision over at most nine cells
    assert _net(gain, state, price, cost) == pytest.approx(best, abs=1e-4)


def test_a_stretch_is_cut_where_the_beam_may_not_go() -> None:
    gain = np.ones((1, 9), np.float32)
    gain[0, 4] = 0
    marked = chosen_runs(gain, np.ones_like(gain), RunCost(0.1, 1.0), 100)
    assert marked[0].tolist() == [True] * 4 + [False] + [True] * 4


@pytest.mark.parametrize("budget_s", [3.0, 10.0, 40.0])
def test_runs_take_the_time_given_and_no_more(budget_s: float) -> None:
    chance = np.random.default_rng(3)
    gain = chance.gamma(1, size=(60, 80)).astype(np.float32)
    cost = RunCost(0.2, 0.01)
    marked = chosen_runs(gain, np.full(gain.shape, 2, np.float32), cost, budget_s)
    seconds = len(Pieces.along_rows(marked, 0.01)) * cost.start_s + marked.sum() * cost.cell_s
    # a price between two rows' worth may leave the time of one more row, here at most 1 s
    assert budget_s - 1.0 <= seconds <= budget_s


def test_a_start_that_costs_more_makes_longer_stretches() -> None:
    chance = np.random.default_rng(5)
    gain = chance.gamma(0.5, size=(40, 200)).astype(np.float32)
    distance = np.full(gain.shape, 2, np.float32)

    def mean_length(start_s: float) -> float:
        return float(Pieces.along_rows(chosen_runs(gain, distance, RunCost(start_s, 0.01), 10), 1.0).lengths.mean())

    assert mean_length(1.0) > 2 * mean_length(0.02)


def test_rows_that_tell_of_the_same_cells_are_not_chosen_together() -> None:
    gain, distance = np.ones((20, 30), np.float32), np.full((20, 30), 8, np.float32)
    marked = chosen_runs(gain, distance, RunCost(0.1, 0.01), 2 * (0.1 + 30 * 0.01))
    rows = np.flatnonzero(marked.any(axis=1))
    # each tells of cells up to three quarters of the distance, here 6 rows
    assert len(rows) == 2
    assert np.diff(rows)[0] >= 6
