"""Modes compared before a plan is made: what each would show, by when, and which one the plan then follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.configuration.config import OF_A_RATE, ScanConfig
from edge.configuration.durations import LONGEST_S, seconds_of
from edge.console import Console, duration_text
from edge.faults import UsageError
from edge.modes.comparison import Comparison, by_error, by_time, frontier_svg, table, time_of_rate
from edge.modes.competition import Predicted, soonest_of, stand_in
from edge.modes.of_scan import expected_rates, setting_of
from edge.modes.registry import AUTOMATIC, MODES
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.stage_known import stage_of
from edge.prepare import Sighting
from edge.replaying.score import scale_of

FRONTIER = "frontier.svg"


@dataclass(frozen=True, slots=True)
class Aim:
    """What an operator asks for."""

    compare: Callable[[Setting, ExpectedRates], Comparison]
    mode: str
    """The one to plan with whatever is predicted, or `AUTOMATIC`."""
    error: float | None = None
    """To be reached, where that is the aim."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it."""

    config: ScanConfig
    """With the time and the mode that were found."""
    frontier: str
    """Error against time for each mode, an SVG."""
    comparison: Comparison


def aim_of(*, time: str | None, rate: float | None, error: float | None, mode: str) -> Aim | None:
    """From the command's options; None where nothing is to be compared.

    Raises
    ------
    UsageError
        Several aims at once, or one that cannot be.
    """
    if mode != AUTOMATIC and mode not in MODES:
        raise UsageError(f"--mode: there is no {mode!r}: choose one of {', '.join([AUTOMATIC, *MODES])}")
    given = [name for name, value in (("--time", time), ("--rate", rate), ("--error", error)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} ask for different things: give one of them")
    if time is not None:
        time_s = seconds_of(time)
        return Aim(lambda setting, rates: by_time(setting, rates, time_s), mode)
    if rate is not None:
        if not 0 < rate <= 1:
            raise UsageError(f"--rate {rate:g} is no fraction of the cells: give more than 0 and at most 1")
        return Aim(lambda setting, rates: by_time(setting, rates, time_of_rate(setting, rate)), mode)
    if error is not None:
        if not 0 < error < 1:
            raise UsageError(f"--error {error:g}: give a part of each map's range, above 0 and below 1")
        return Aim(lambda setting, rates: by_error(setting, rates, error), mode, error)
    if mode != AUTOMATIC:
        raise UsageError(f"--mode {mode} needs a time to spend: give --time, --rate or --error too")
    return None


def compared(aim: Aim, sighting: Sighting, config: ScanConfig, console: Console) -> Compared:
    """Print what each mode is predicted to do, and choose.

    Raises
    ------
    UsageError
        Nothing does what is asked; the text says what could be done.
    """
    setting, rates = setting_of(sighting, config, stage_of(config)), expected_rates(config)
    comparison = aim.compare(setting, rates)
    if all(one.reason for one in comparison.predicted):
        raise UsageError(_why_none(comparison))
    for line in table(comparison):
        console.say(f"  {line}")
    console.say(f"A full raster at {setting.dwell_s:g} s a cell takes {duration_text(comparison.full_raster_s)}")
    found = _found(aim, comparison)
    if found is None:
        why = _why_none(comparison) if aim.error is None else _out_of_reach(aim.error, aim.mode, comparison)
        raise UsageError(why if aim.error is None else f"{why}; {_floor_words(aim.error, setting, rates)}")
    if found.reason:
        raise UsageError(f"the mode {found.mode!r} does nothing in {duration_text(found.budget_s)}: {found.reason}")
    console.say(
        f"{'Chosen' if aim.mode == AUTOMATIC else 'As asked'}: {found.mode}, {MODES[found.mode].about}: "
        f"{duration_text(found.seconds)}, error {found.error:.3g}"
    )
    return Compared(_in_time(config, found.budget_s, found.mode), frontier_svg(comparison), comparison)


def _found(aim: Aim, comparison: Comparison) -> Predicted | None:
    """What is planned: the best for the aim, or what the mode that was asked for does for it."""
    if aim.mode == AUTOMATIC:
        return comparison.chosen
    own = [one for one in comparison.predicted if one.mode == aim.mode]
    if aim.error is not None:
        return soonest_of(own, aim.error)
    assert comparison.time_s is not None
    return next(one for one in own if math.isclose(one.budget_s, comparison.time_s))


def _why_none(comparison: Comparison) -> str:
    """Of a time."""
    possible = [one for one in comparison.predicted if not one.reason]
    if not possible:
        longest = max(comparison.predicted, key=lambda one: (one.budget_s, one.mode == "rows"))
        return f"no mode can do anything in this time, nor in four times of it; {longest.reason}"
    soonest = min(possible, key=lambda one: one.budget_s)
    return (
        f"no mode can do anything in {duration_text(comparison.time_s or 0.0)}: {soonest.mode} can in "
        f"{duration_text(soonest.budget_s)}: give that much or more"
    )


def _out_of_reach(error: float, mode: str, comparison: Comparison) -> str:
    possible = [one for one in comparison.predicted if not one.reason and mode in (AUTOMATIC, one.mode)]
    who = "no mode is" if mode == AUTOMATIC else f"the mode {mode!r} is not"
    if not possible:
        return f"{who} predicted to do anything in the time of a full raster"
    least = min(possible, key=lambda one: one.error)
    return (
        f"{who} predicted to reach an error of {error:g} in the time of a full raster: {least.error:.3g} is the least, "
        f"by {least.mode} in {duration_text(least.seconds)}"
    )


def _floor_words(error: float, setting: Setting, rates: ExpectedRates) -> str:
    """Whether counting alone leaves more than is asked, and what can be done."""
    floor = _floor_of(setting, rates)
    remedy = "give a larger error, or more time with --time"
    if error >= floor:
        return remedy
    return (
        f"counting alone leaves {floor:.3g} at {setting.dwell_s:g} s a cell, every cell measured: {remedy}, or dwell "
        "longer"
    )


def _floor_of(setting: Setting, rates: ExpectedRates) -> float:
    """The error of a raster at the operator's dwell as far as counting makes it, on the stand-in.

    As of `edge.stopping.floor.floor_of`.
    """
    expected = stand_in(setting, rates).rates[setting.allowed]
    noise = (expected.mean(axis=0) + rates.background_per_s) / setting.dwell_s
    return float(np.sqrt((noise / np.square(scale_of(expected))).mean()))


def _in_time(config: ScanConfig, time_s: float, mode: str) -> ScanConfig:
    """The configuration that spends so much time in a mode."""
    if time_s > LONGEST_S:
        raise UsageError(f"a scan of {duration_text(time_s)} is longer than any can be: make it smaller, or coarser")
    sampling: dict[str, Any] = config.sampling.model_dump(exclude=set(OF_A_RATE)) | {"time_s": time_s, "mode": mode}
    return config.model_copy(update={"sampling": type(config.sampling).model_validate(sampling)})
