"""What can be said of a stop before the beam: whether its time does for the first part, and its error is in reach."""

from __future__ import annotations

from edge.configuration.config import ScanConfig
from edge.console import Console, duration_text
from edge.faults import UsageError
from edge.planning.scan_plan import ScanPlan

_ALL = 0.95
"""Part of a time from which on nothing that is worth telling follows a plan."""


def refuse_short_stop(plan: ScanPlan, config: ScanConfig) -> None:
    """Refuse limits of time within which a part of the area would not be visited at all.

    Parameters
    ----------
    plan
        The first part of a scan that listens, or the whole of one that does not.

    Raises
    ------
    UsageError
        The text says what could be done.
    """
    stop, part = config.sampling.stop, "first part" if config.listens or plan.way is not None else "plan"
    for key, limit_s, needed_s, what in (
        ("time_s", stop.time_s, plan.predicted_s, "takes about"),
        ("live_s", stop.live_s, plan.beam_s, "gives a live time of"),
    ):
        if limit_s is not None and limit_s < needed_s:
            raise UsageError(
                f"sampling.stop.{key} of {limit_s:.4g} s is too short, for the {part} alone {what} "
                f"{duration_text(needed_s)}: give {_upwards(needed_s)} s or more, lower "
                f"{_what_to_lower(plan, config)} to {limit_s / needed_s:.2g} of what it is, or shorten sampling.dwell_s"
                f"{_what_a_time_is_for(plan, config) if key == 'time_s' else ''}"
            )


def refuse_untold_error(plan: ScanPlan, config: ScanConfig) -> None:
    """Refuse an error to stop at that no exposure of a plan will tell, or none before its last.

    Raises
    ------
    UsageError
        The text says what could be done.
    """
    if not config.sampling.stop.has_error:
        return
    way = "" if plan.way is None else f" in {duration_text(plan.way.budget_s)}, by the mode {plan.way.mode!r},"
    what = f"sampling.stop asks for an error, and the plan{way}"
    if plan.held_out is None:
        raise UsageError(
            f"{what} holds nothing out to tell it by: write mode: points or mode: runs with less time, make a reviewed "
            "plan anew, or leave the error out"
        )
    if plan.way is not None and plan.predicted_s >= _ALL * plan.way.budget_s:
        raise UsageError(
            f"{what} leaves nothing to be chosen once its error is known: write mode: points or mode: runs, with more "
            "time where it is one of these, or leave the error out"
        )


def warn_of_floor(config: ScanConfig, console: Console) -> None:
    """Say before the beam what a dwell test says against the errors that are asked for.

    Raises
    ------
    UsageError, IntegrityError
        The dwell test cannot be read.
    """
    if config.sampling.stop.dwell_test is None:
        return
    from edge.stopping.floor import floor_sentence

    sentence = floor_sentence(config)
    if sentence:
        console.warn(sentence)


def _what_to_lower(plan: ScanPlan, config: ScanConfig) -> str:
    if config.is_coarse:
        return "the number of blocks, by a larger sampling.coarse.factor,"
    return f"sampling.rate, {config.sampling.rate:g}," if plan.way is None else "sampling.time_s"


def _what_a_time_is_for(plan: ScanPlan, config: ScanConfig) -> str:
    """Whoever stops a rate after a time may have meant to spend it."""
    if plan.way is not None or config.placement is not None or config.is_coarse:
        return ""
    return "; a time that is to be spent, whatever it has room for, is sampling.time_s, in place of the rate"


def _upwards(seconds: float) -> str:
    """Rounded up to two places that count."""
    from math import ceil, floor, log10

    step = 10.0 ** (floor(log10(seconds)) - 1)
    return f"{ceil(seconds / step - 1e-9) * step:g}"
