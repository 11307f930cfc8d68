"""Errors asked for of scans that are given a time: told where nothing tells them, and no reason to fail afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.planning.scan_plan import ScanPlan, Way
from edge.prepare import density_of_plan
from edge.stopping.drawing import drawn, with_held_out
from edge.stopping.first_part import refuse_untold_error
from tests.unit.stopping.scans import cells_by_chance, config_of, plan_of

MASK = cells_by_chance(0.2)


def timed(mode: str, of_budget: float, *, held_out: int = 30) -> ScanPlan:
    """A plan that takes such a part of its time."""
    plan = with_held_out(plan_of(MASK), drawn(~MASK, held_out, 1), dwell_s=0.1)
    return replace(plan, way=Way(mode, plan.predicted_s / of_budget))


def asking(**sampling: object) -> ScanConfig:
    return config_of(time_s=60.0, stop={"error": 0.1}, **sampling)


def test_an_error_that_nothing_held_out_will_tell_is_refused():
    every = replace(plan_of(np.ones_like(MASK)), way=Way("raster", 300.0))
    with pytest.raises(UsageError, match=r"by the mode 'raster', holds nothing out to tell it by: write mode: points"):
        refuse_untold_error(every, asking())
    with pytest.raises(UsageError, match="make a reviewed plan anew"):
        refuse_untold_error(plan_of(MASK), config_of(stop={"elements": {"Pb": 0.1}}))
    refuse_untold_error(every, config_of(time_s=60.0))


def test_an_error_is_refused_of_a_mode_that_is_known_beforehand():
    with pytest.raises(
        UsageError, match=r"by the mode 'rows', leaves nothing to be chosen .* write mode: points or mode: runs"
    ):
        refuse_untold_error(timed("rows", 0.99), asking())
    refuse_untold_error(timed("runs", 0.65), asking())


def test_a_report_of_a_scan_in_a_time_asks_nothing_of_a_rate():
    # of so small a grid, a tenth of the cells could not tell the error that the time's points can
    config = asking()
    area = config.area.model_copy(update={"height_mm": 10.0})
    assert density_of_plan(None, config.model_copy(update={"area": area}), timed("runs", 0.65)) is None  # type: ignore[arg-type]
