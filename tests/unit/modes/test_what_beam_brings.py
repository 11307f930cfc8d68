"""What more beam brings to a cell, and what points and runs make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.adaptive.gain import Gain, gain_of_cells
from edge.grid import ScanGrid
from edge.modes import competition
from edge.modes.counted import CountedObject
from edge.modes.course import carried_out
from edge.modes.pieces import Pieces
from edge.modes.points import Points, dwell_worth_its_way
from edge.modes.registry import MODES
from edge.modes.runs import Runs
from edge.modes.setting import Seen, Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.stage_model import StageModel

SHAPE = (24, 40)
STAGE = StageModel(50.0, 500.0, settle_s=0.004)
GRID = ScanGrid(5.0, 7.0, 0.5, *SHAPE)
DWELL_S = 0.1


def setting(**changes: object) -> Setting:
    return replace(Setting(GRID, STAGE, DWELL_S, np.ones(SHAPE, np.bool_)), **changes)  # type: ignore[arg-type]


def rates(bright: float) -> np.ndarray:
    """Two elements: a disc, and a ramp."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disc = np.hypot(y - 12, x - 20) < 8
    return bright * np.stack([np.where(disc, 1.0, 0.2), x / SHAPE[1]], axis=2)


def exposed(cell_s: np.ndarray, bright: float = 300.0) -> CountedObject:
    """Every cell for a time of its own, none where that is 0."""
    target = CountedObject(rates(bright), ("A", "B"), 1)
    where = np.argwhere(cell_s > 0)
    target.expose(Pieces(where, where, cell_s[cell_s > 0]))
    return target


def gain_of(target: CountedObject) -> Gain:
    seen = target.seen()
    return gain_of_cells(seen.cells, seen.planned_s, rgb=None)


def spread(share: float = 0.1) -> np.ndarray:
    return np.random.default_rng(4).random(SHAPE) < share


@settings(max_examples=40)
@given(st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0, 3), st.sampled_from([0.5, 1.0]), st.floats(0.001, 5))
def test_more_beam_never_takes_off_more_than_there_is_nor_less_than_less_beam(
    squared: float, second: float, planned_s: float, power: float, more_s: float
) -> None:
    one = np.ones((1, 1), np.float32)
    known = one / squared if planned_s == 0 else 0 * one
    gain = Gain(one * squared, known, one * second, power, one * planned_s, one)
    less, more = float(gain.of_more(more_s)[0, 0]), float(gain.of_more(2 * more_s)[0, 0])
    assert 0 <= less <= more <= squared


def test_a_measured_cell_that_stands_for_itself_keeps_what_counting_leaves() -> None:
    cell_s = np.where(spread(), DWELL_S, 0.0)
    cell_s[:12] *= 4
    gain = gain_of(exposed(cell_s))
    measured = cell_s > 0
    assert gain.power == 1
    assert gain.squared_error[measured] == pytest.approx(gain.of_a_second[measured] / cell_s[measured], rel=1e-5)
    # of four times the beam, another share of a quarter takes a quarter as often: 1/4 - 1/5 against 1 - 1/2
    share = gain.of_more(DWELL_S) / gain.of_a_second
    assert share[:12][measured[:12]].mean() == pytest.approx((1 / 4 - 1 / 5) / DWELL_S, rel=1e-4)
    assert share[12:][measured[12:]].mean() == pytest.approx((1 - 1 / 2) / DWELL_S, rel=1e-4)


def test_where_cells_are_estimated_together_those_of_less_beam_gain_more_by_another_second() -> None:
    cell_s = np.full(SHAPE, 0.02)
    cell_s[:, 20:] = 0.08
    gain = gain_of(exposed(cell_s, bright=100.0))
    assert gain.power < 1
    more = gain.of_more(0.02)
    assert more[:, :18].mean() > 1.5 * more[:, 22:].mean()


def test_beam_that_is_planned_counts_as_given() -> None:
    cell_s = np.full(SHAPE, 0.02)
    seen = exposed(cell_s, bright=100.0).seen()
    soon = seen.planned_s.copy()
    soon[:12] *= 5
    gain = gain_of_cells(seen.cells, soon, rgb=None)
    assert gain.of_more(0.02)[:11].mean() < 0.5 * gain.of_more(0.02)[13:].mean()


def dwell_after(bright: float) -> float:
    return dwell_worth_its_way(setting(), gain_of(exposed(np.where(spread(), DWELL_S, 0.0), bright)))


def test_few_counts_make_points_stay_longer_and_many_make_them_move_on() -> None:
    assert dwell_after(20.0) > DWELL_S
    assert dwell_after(1e7) < DWELL_S
    assert DWELL_S / 8 <= dwell_after(1e8) <= dwell_after(0.01) <= 8 * DWELL_S


def test_points_come_back_to_cells_that_were_hardly_counted_before_they_split_hairs() -> None:
    """Every second cell is measured well, a few hardly: those are measured again rather than cells between."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    cell_s = np.where((x + y) % 2 == 0, 4.0, 0.0)
    hardly = (x % 10 == 4) & (y % 6 == 2)
    cell_s[hardly] = 0.002
    seen = exposed(cell_s, bright=2_000.0).seen()
    pieces = Points().next(setting(), seen, 4.0)
    assert len(pieces)
    assert hardly[pieces.first[:, 0], pieces.first[:, 1]].all()


@pytest.mark.parametrize("name", ["points", "runs", "rows"])
def test_no_cell_is_given_more_than_it_can_bear(name: str) -> None:
    bearable_s = np.full(SHAPE, 0.15)
    bearable_s[:, :10] = 0.1
    target = CountedObject(rates(50.0), ("A", "B"), 1)
    carried_out(MODES[name], setting(bearable_s=bearable_s), 120.0, target)
    assert (target.live_s <= bearable_s * (1 + 1e-6)).all()
    assert target.live_s.any()


def test_points_stay_no_longer_than_any_cell_can_bear_and_go_on() -> None:
    """Few counts want eight times the dwell; the limit is one and a half."""
    seen = exposed(np.where(spread(), DWELL_S, 0.0), bright=20.0).seen()
    pieces = Points().next(setting(bearable_s=np.full(SHAPE, 1.5 * DWELL_S)), seen, 6.0)
    assert len(pieces)
    assert pieces.cell_s.max() == pytest.approx(1.5 * DWELL_S)


def test_runs_go_elsewhere_where_cells_have_had_enough() -> None:
    seen = exposed(np.full(SHAPE, 0.02), bright=100.0).seen()
    bearable_s = np.full(SHAPE, 1.0)
    bearable_s[:12] = 0.025
    pieces = Runs().next(setting(bearable_s=bearable_s), seen, 8.0)
    assert len(pieces)
    assert not pieces.marked(SHAPE)[:12].any()


def test_a_mode_sees_nothing_of_cells_that_it_did_not_expose() -> None:
    """Rates of other cells may change without changing what is chosen."""
    one = CountedObject(rates(300.0), ("A", "B"), 1)
    first = Runs().first(setting(), 6.0)
    one.expose(first)
    changed = np.where(first.marked(SHAPE)[:, :, None], rates(300.0), 1e6)
    other = CountedObject(changed, ("A", "B"), 1)
    other.expose(first)
    chosen = [Runs().next(setting(), target.seen(), 3.0) for target in (one, other)]
    assert np.array_equal(chosen[0].first, chosen[1].first)
    assert np.array_equal(chosen[0].last, chosen[1].last)


def test_with_too_little_time_left_points_want_nothing() -> None:
    seen = exposed(np.where(spread(), DWELL_S, 0.0)).seen()
    assert not len(Points().next(setting(), Seen(seen.cells, seen.planned_s), 1e-3))


@pytest.mark.parametrize("name", ["points", "rows"])
def test_a_mode_is_tried_on_a_band_of_a_large_grid_within_what_its_cells_can_bear(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competition, "_MOST_CELLS", 10 * SHAPE[1])
    rgb = np.random.default_rng(6).random((*SHAPE, 3), np.float32)
    limited = setting(rgb=rgb, bearable_s=np.full(SHAPE, 2.0))
    assert not competition.predict(MODES[name], limited, ExpectedRates(), 60.0).reason
