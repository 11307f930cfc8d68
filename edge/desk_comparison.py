"""Modes compared before a plan is made: what each would show, by when, and which one the plan then follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config import ScanConfig
from edge.console import Console, duration_text
from edge.durations import seconds_of
from edge.faults import UsageError
from edge.modes.comparison import Comparison, by_error, by_time, frontier_svg, table, time_of_rate
from edge.modes.of_scan import expected_rates, setting_of
from edge.modes.registry import AUTOMATIC, MODES
from edge.modes.setting import Setting
from edge.modes.stand_in import ExpectedRates
from edge.prepare import Sighting
from edge.stage_known import stage_of

FRONTIER = "frontier.svg"


@dataclass(frozen=True, slots=True)
class Aim:
    """What an operator asks for."""

    compare: Callable[[Setting, ExpectedRates], Comparison]
    mode: str
    """The one to plan with whatever is predicted, or `AUTOMATIC`."""


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
        return Aim(lambda setting, rates: by_error(setting, rates, error), mode)
    if mode != AUTOMATIC:
        raise UsageError(f"--mode {mode} needs a time to spend: give --time, --rate or --error too")
    return None


def compared(aim: Aim, sighting: Sighting, config: ScanConfig, folder: Path, console: Console) -> ScanConfig:
    """Print what each mode is predicted to do, draw the frontier, and give the configuration of the one chosen.

    Raises
    ------
    UsageError
        Nothing does what is asked; the text says what could be done.
    """
    setting = setting_of(sighting, config, stage_of(config))
    comparison = aim.compare(setting, expected_rates(config))
    if all(one.reason for one in comparison.predicted):
        raise UsageError(_why_none(comparison))
    for line in table(comparison):
        console.say(f"  {line}")
    console.say(f"A full raster at {setting.dwell_s:g} s a cell takes {duration_text(comparison.full_raster_s)}")
    found = comparison.chosen
    if found is None and aim.mode == AUTOMATIC:
        raise UsageError(_why_none(comparison))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FRONTIER).write_text(frontier_svg(comparison), encoding="utf-8")
    console.say(f"Error against time for each mode: {folder / FRONTIER}")
    if aim.mode != AUTOMATIC:
        own = [one for one in comparison.predicted if one.mode == aim.mode]
        time_s = found.budget_s if found is not None else own[len(own) // 2].budget_s
        console.say(f"Planned as asked: {aim.mode}, {MODES[aim.mode].about}")
        return _with_sampling(config, time_s=time_s, mode=aim.mode)
    assert found is not None
    console.say(
        f"Chosen: {found.mode}, {MODES[found.mode].about}: {duration_text(found.seconds)}, error {found.error:.3f}"
    )
    return _with_sampling(config, time_s=found.budget_s, mode=found.mode)


def _why_none(comparison: Comparison) -> str:
    possible = [one for one in comparison.predicted if not one.reason]
    if not possible:
        longest = max(comparison.predicted, key=lambda one: (one.budget_s, one.mode == "rows"))
        return f"no mode can do anything in this time, nor in four times of it; {longest.reason}"
    if comparison.time_s is not None:
        soonest = min(possible, key=lambda one: one.seconds)
        return (
            f"no mode can do anything in {duration_text(comparison.time_s)}: the soonest is {soonest.mode}, in "
            f"{duration_text(soonest.seconds)}: give that much or more"
        )
    least = min(possible, key=lambda one: one.error)
    return (
        f"no mode is predicted to reach that error in the time of a full raster: {least.error:.3f} is the least, by "
        f"{least.mode} in {duration_text(least.seconds)}; counting alone leaves more than is asked at this dwell: "
        "give a larger error, or dwell longer"
    )


def _with_sampling(config: ScanConfig, **changes: Any) -> ScanConfig:
    sampling = config.sampling.model_dump(exclude={"rate"}) | changes
    return config.model_copy(update={"sampling": type(config.sampling).model_validate(sampling)})
