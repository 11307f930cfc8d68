"""Modes compared at the desk: what is chosen, and what is said where nothing can be."""

from __future__ import annotations

import pytest

from edge.desk_comparison import aim_of
from edge.faults import UsageError
from edge.modes.comparison import Comparison, frontier_svg, table
from edge.modes.competition import Predicted


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
