"""Modes compared at the desk: what is chosen, and what is said where nothing can be."""

from __future__ import annotations

import numpy as np
import pytest

from edge.faults import UsageError
from edge.modes.comparison import Comparison, frontier_svg, table
from edge.modes.competition import Predicted
from edge.modes.registry import AUTOMATIC
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.planning import desk_comparison
from edge.planning.desk_comparison import Aim, Compared, aim_of, compared
from tests.unit.desk.panel import Desk
from tests.unit.stopping.scans import GRID, STAGE, config_of


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time": "soon"}, "is no duration"),
        ({"rate": 0.0}, "--rate 0 is no fraction"),
        ({"error": 2.0}, "--error 2: give a part"),
        ({"time": "1h", "rate": 0.1}, "--time and --rate ask for different things"),
        ({"mode": "sideways"}, "--mode: there is no 'sideways': choose one of automatic, grid"),
        ({"mode": "rows"}, "--mode rows needs a time to spend"),
    ],
)
def test_an_aim_that_cannot_be_is_refused_by_its_option(options: dict[str, object], says: str) -> None:
    given = {"time": None, "rate": None, "error": None, "mode": "automatic"} | options
    with pytest.raises(UsageError, match=says):
        aim_of(**given)  # type: ignore[arg-type]


def test_without_an_aim_nothing_is_compared() -> None:
    assert aim_of(time=None, rate=None, error=None, mode="automatic") is None


def test_the_table_marks_the_best_of_each_time_and_what_cannot_be() -> None:
    predicted = (
        Predicted("rows", 60.0, 59.0, 0.08),
        Predicted("rows", 120.0, 119.0, 0.04),
        Predicted("raster", 60.0, float("nan"), float("nan"), "too short"),
        Predicted("raster", 120.0, 119.0, 0.03),
    )
    header, rows, raster, _ = table(Comparison(predicted, predicted[3], 500.0))
    assert header.split() == ["mode", "1", "min", "00", "s", "2", "min", "00", "s"]
    assert rows.split() == ["rows", "0.0800*", "0.0400"]
    assert raster.split() == ["raster", "-", "0.0300*"]
    assert frontier_svg(Comparison(predicted, None, 500.0)).count("<polyline") == 4


NO = float("nan")
PREDICTED = (
    Predicted("rows", 60.0, 59.0, 0.08),
    Predicted("rows", 120.0, 119.0, 0.04),
    Predicted("grid", 60.0, 58.0, 0.2),
    Predicted("grid", 120.0, 117.0, 0.1),
    Predicted("raster", 60.0, NO, NO, "a raster of every cell takes 100 s on this stage: give that much, or skip rows"),
    Predicted("raster", 120.0, 118.0, 0.03),
)


class Quiet:
    """A console that is only listened to."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch):
    """What is chosen of these predictions: by an error, or in the first of their times."""
    rgb = np.random.default_rng(0).integers(0, 256, (*GRID.shape, 3)).astype(np.uint8)
    setting = Setting(GRID, STAGE, 0.1, np.ones(GRID.shape, np.bool_), rgb=rgb)
    monkeypatch.setattr(desk_comparison, "setting_of", lambda *_: setting)

    def chosen(mode: str = AUTOMATIC, *, error: float | None = None, rates: ExpectedRates | None = None) -> Compared:
        best = min((one for one in PREDICTED if one.error <= (error or 1)), key=lambda one: one.seconds, default=None)
        comparison = Comparison(PREDICTED, best, 500.0, 60.0 if error is None else None)
        monkeypatch.setattr(desk_comparison, "expected_rates", lambda _: rates or ExpectedRates())
        return compared(Aim(lambda *_: comparison, mode, error), None, config_of(), Quiet())  # type: ignore[arg-type]

    return chosen


def test_a_mode_that_is_asked_for_is_planned_for_the_time_in_which_it_reaches_the_error_itself(choose) -> None:
    assert choose(error=0.1).config.sampling.mode == "rows"
    asked = choose("grid", error=0.1).config.sampling
    assert (asked.mode, asked.time_s) == ("grid", 120.0)


def test_an_error_that_a_mode_does_not_reach_is_refused_and_no_time_is_made_up(choose) -> None:
    with pytest.raises(
        UsageError, match=r"the mode 'grid' is not predicted .* 0\.05 .*: 0\.1 is the least, by grid in"
    ):
        choose("grid", error=0.05)
    with pytest.raises(
        UsageError, match=r"no mode is predicted to reach an error of 0\.01 .*: 0\.03 is the least, by ras"
    ):
        choose(error=0.01)


def test_a_mode_that_can_do_nothing_in_the_time_is_refused_with_what_it_takes(choose) -> None:
    with pytest.raises(UsageError, match=r"the mode 'raster' does nothing in 1 min 00 s: a raster of every cell takes"):
        choose("raster")


def test_counting_is_blamed_for_an_error_out_of_reach_where_it_leaves_more_and_nowhere_else(choose) -> None:
    # brightest 1e9 counts a second: a tenth of a second leaves next to nothing
    with pytest.raises(UsageError) as bright:
        choose(error=0.01, rates=ExpectedRates(1e9, 0.0))
    assert "counting" not in str(bright.value)
    assert "more time with --time" in str(bright.value)
    with pytest.raises(
        UsageError, match=r"counting alone leaves [0-9.]+ at 0\.1 s a cell, every cell measured: give a"
    ):
        choose(error=0.01, rates=ExpectedRates(100.0, 10.0))


def test_the_floor_that_is_told_is_the_scatter_of_every_cell_counted_once() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*GRID.shape, 3)).astype(np.uint8)
    setting = Setting(GRID, STAGE, 0.1, np.ones(GRID.shape, np.bool_), rgb=rgb)
    rates = ExpectedRates(400.0, 40.0)
    target = desk_comparison.stand_in(setting, rates)
    counts = np.random.default_rng(1).poisson((target.rates + 40.0) * 0.1)
    off = (counts / 0.1 - 40.0 - target.rates) / np.percentile(target.rates.reshape(-1, 6), 99.9, axis=0)
    # the root of 7,200 squares, most of them of cells with few counts, is known to 1.5 parts in a hundred; thrice that
    assert desk_comparison._floor_of(setting, rates) == pytest.approx(np.sqrt(np.square(off).mean()), rel=0.045)


def test_a_plan_that_is_refused_after_its_modes_were_compared_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_comparison, "setting_of", lambda *_: Setting(GRID, STAGE, 0.1, np.ones((1, 1), np.bool_)))
    comparison = Comparison(
        (Predicted("raster", 60.0, 59.0, 0.1),) * 2, Predicted("raster", 60.0, 59.0, 0.1), 500.0, 60.0
    )
    monkeypatch.setattr(desk_comparison, "by_time", lambda *_: comparison)
    assert "a raster of every cell takes" in desk.refused(2, "--time", "60s")


def test_a_placement_compares_no_modes(desk: Desk) -> None:
    desk.scan["placement"] = {"campaign": "campaign.yaml", "name": "left"}
    assert "its campaign's business: leave --time, --rate and --error out" in desk.refused(2, "--time", "60s")


def test_a_dwell_test_beside_modes_is_refused_by_the_options_that_are_too_many(desk: Desk) -> None:
    for more in (["--time", "60s"], ["--mode", "rows"], ["--error", "0.1"]):
        assert "leave --photograph, --dry-run, --time, --rate, --error and --mode out" in desk.refused(
            2, "--dwell-test", *more
        )
