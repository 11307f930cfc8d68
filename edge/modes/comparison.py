"""Modes compared for an operator: by a time, a rate, or an error; as a table, and as a picture of the frontier."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.console import duration_text
from edge.faults import UsageError
from edge.modes.competition import Predicted, best_of, compete, soonest_of
from edge.modes.pieces import Pieces
from edge.modes.pricing import priced
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.kinematics import predict_raster_s
from edge.report.curves import Curve, drawn
from models.density import cells_for_rate
from models.masks import make_mask

_STEPS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the time that is asked for: what less and more would bring."""
_SHARES_OF_RASTER = tuple(float(share) for share in np.geomspace(1 / 64, 1, 7))
"""Of a full raster's time, where an error is asked for."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each mode is predicted to do, in several times."""

    predicted: tuple[Predicted, ...]
    chosen: Predicted | None
    """The best for what was asked; None where none will do."""
    full_raster_s: float
    """The classical raster at the operator's dwell, for comparison."""
    time_s: float | None = None
    """What was given, where a time was."""


def by_time(setting: Setting, rates: ExpectedRates, time_s: float, *, steps: Sequence[float] = _STEPS) -> Comparison:
    """What shows most in a time; and in less and in more of it, 1 being among the steps."""
    predicted = compete(setting, rates, [step * time_s for step in steps])
    chosen = best_of(one for one in predicted if math.isclose(one.budget_s, time_s))
    return Comparison(tuple(predicted), chosen, _full_raster_s(setting), time_s)


def by_error(setting: Setting, rates: ExpectedRates, error: float) -> Comparison:
    """What reaches an error soonest."""
    full_s = _full_raster_s(setting)
    predicted = compete(setting, rates, [share * full_s for share in _SHARES_OF_RASTER])
    return Comparison(tuple(predicted), soonest_of(predicted, error), full_s)


def time_of_rate(setting: Setting, rate: float) -> float:
    """The time that points at a rate take, s: those of the mask network, or blue noise without a photograph."""
    count = cells_for_rate(rate, int(setting.allowed.sum()))
    name = "blue-noise" if setting.rgb is None else "netm"
    cells = make_mask(name, setting.mask_request(count)).mask.cells
    return priced(setting, Pieces.points(cells, setting.dwell_s)).seconds


def table(comparison: Comparison) -> Iterator[str]:
    """The comparison in lines of text: a mode a line, a time a column, the best of a time marked."""
    budgets = list(dict.fromkeys(one.budget_s for one in comparison.predicted))
    best = {budget: best_of(one for one in comparison.predicted if one.budget_s == budget) for budget in budgets}
    yield "  ".join([f"{'mode':8}", *(f"{duration_text(budget):>12}" for budget in budgets)])
    for name in dict.fromkeys(one.mode for one in comparison.predicted):
        ones = [one for one in comparison.predicted if one.mode == name]
        cells = ["-" if one.reason else f"{one.error:.4f}{'*' if best[one.budget_s] is one else ' '}" for one in ones]
        yield "  ".join([f"{name:8}", *(f"{cell:>12}" for cell in cells)])
    yield "Predicted error of the maps, relative to each one's 99.9th percentile; * best in that time; - not possible"


def frontier_svg(comparison: Comparison) -> str:
    """Error against time, a curve for each mode.

    Raises
    ------
    UsageError
        Nothing is possible in any of the times.
    """
    curves = [Curve(name, points, "solid") for name, points in _points(comparison.predicted) if points]
    if not curves:
        raise UsageError(f"no mode can do anything in these times; {comparison.predicted[0].reason}")
    return drawn(
        curves, across="seconds", up="predicted error", alt="Predicted error of the maps against time, for each mode"
    )


def _points(predicted: Sequence[Predicted]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    for name in dict.fromkeys(one.mode for one in predicted):
        yield name, [(one.seconds, one.error) for one in predicted if one.mode == name and not one.reason]


def _full_raster_s(setting: Setting) -> float:
    return predict_raster_s(setting.grid, setting.dwell_s, setting.stage)
