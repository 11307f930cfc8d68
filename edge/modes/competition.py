"""Modes against each other: each is carried out in thought on maps that the photograph suggests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.counted import CountedObject
from edge.modes.course import carried_out
from edge.modes.lines import as_lines, lies_along_columns, line_count
from edge.modes.mode import Mode
from edge.modes.registry import MODES
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates, maps_of_colours
from edge.replaying.score import score

_MOST_CELLS = 16_000
"""That are tried; of a larger grid a band of whole lines is."""
_SEED = 20
_AS_GOOD = 1.05
"""Times the least error: by mode, predictions are off by 10 to 15 % from one another."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a mode would do in a time."""

    mode: str
    budget_s: float
    """The time given."""
    seconds: float
    """The time taken; NaN where it can't be done."""
    error: float
    """Root mean squared error of the maps, each scaled by its 99.9th percentile; NaN where it can't be done."""
    reason: str = ""
    """Why not, one sentence."""


def predict(mode: Mode, setting: Setting, rates: ExpectedRates, budget_s: float) -> Predicted:
    """Carry a mode out on the stand-in."""
    band, share = _band(setting)
    target = stand_in(band, rates)
    try:
        course = carried_out(mode, band, share * budget_s, target)
    except UsageError as reason:
        return Predicted(mode.name, budget_s, np.nan, np.nan, str(reason))
    seen = target.seen()
    maps = seen.maps(band.rgb).maps
    error = score(maps, target.rates.astype(np.float32), band.allowed).rmse
    return Predicted(mode.name, budget_s, course.seconds / share, error)


def compete(
    setting: Setting, rates: ExpectedRates, budgets_s: Sequence[float], modes: Iterable[Mode] = tuple(MODES.values())
) -> list[Predicted]:
    """Every mode in every time."""
    return [predict(mode, setting, rates, budget_s) for mode in modes for budget_s in budgets_s]


def best_of(predicted: Iterable[Predicted]) -> Predicted | None:
    """The one of least error, or one that listens and is as good as that; None where nothing can be done."""
    possible = [one for one in predicted if not one.reason]
    if not possible:
        return None
    least = min(possible, key=lambda one: one.error)
    as_good = [one for one in possible if one.error <= _AS_GOOD * least.error and MODES[one.mode].listens]
    return min(as_good, key=lambda one: one.error, default=least)


def soonest_of(predicted: Iterable[Predicted], error: float) -> Predicted | None:
    """The one that reaches an error in the least time; None where none does."""
    enough = [one for one in predicted if not one.reason and one.error <= error]
    return min(enough, key=lambda one: one.seconds) if enough else None


def stand_in(setting: Setting, rates: ExpectedRates) -> CountedObject:
    """The object as its photograph suggests it.

    Raises
    ------
    UsageError
        There is no photograph.
    """
    if setting.rgb is None:
        raise UsageError("modes are compared on what the photograph suggests, and there is none: name a mode instead")
    maps = maps_of_colours(setting.rgb)
    names = tuple(f"colour {k + 1}" for k in range(maps.shape[2]))
    return CountedObject(maps * rates.bright_per_s, names, _SEED, background_per_s=rates.background_per_s)


def _band(setting: Setting) -> tuple[Setting, float]:
    """Neighbouring lines of the grid that hold no more cells than are tried, and their share of it."""
    total, length = line_count(setting), max(setting.shape)
    lines = min(total, max(1, _MOST_CELLS // length))
    if lines == total or setting.rgb is None:
        return setting, 1.0
    allowed = np.asarray(as_lines(setting, setting.allowed), np.bool_).sum(axis=1)
    detail = _detail_of_lines(setting)
    first = _most_typical(detail, allowed, lines)
    part = slice(first, first + lines)
    grid = setting.grid
    if lies_along_columns(setting):
        window, origin = (slice(None), part), (grid.origin_x_mm + first * grid.pitch_mm, grid.origin_y_mm)
        shape = (grid.rows, lines)
    else:
        window, origin = (part, slice(None)), (grid.origin_x_mm, grid.origin_y_mm + first * grid.pitch_mm)
        shape = (lines, grid.columns)
    band = replace(
        setting,
        grid=ScanGrid(*origin, grid.pitch_mm, *shape),
        allowed=setting.allowed[window],
        rgb=setting.rgb[window],
        bearable_s=None if setting.bearable_s is None else setting.bearable_s[window],
    )
    return band, float(band.allowed.sum() / setting.allowed.sum())


def _detail_of_lines(setting: Setting) -> NDArray[np.float64]:
    """Mean difference of neighbouring cells of the photograph along each line."""
    assert setting.rgb is not None
    grey = np.asarray(setting.rgb, np.float64).mean(axis=2)
    along = np.diff(np.asarray(as_lines(setting, grey), np.float64), axis=1)
    return np.asarray(np.abs(along).mean(axis=1), np.float64)


def _most_typical(detail: NDArray[np.float64], allowed: NDArray[np.intp], lines: int) -> int:
    """Where a band begins whose detail is nearest to that of the whole, among those that may be measured most."""
    sums = np.convolve(detail, np.ones(lines), "valid") / lines
    held = np.convolve(allowed, np.ones(lines), "valid")
    away = np.where(held >= 0.9 * held.max(), np.abs(sums - detail.mean()), np.inf)
    return int(np.argmin(away))
