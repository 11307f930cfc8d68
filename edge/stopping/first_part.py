"""What can be said of a stop before the beam: whether its time does for the first part, and its error is in reach."""

from __future__ import annotations

from edge.config import ScanConfig
from edge.console import Console, duration_text
from edge.faults import UsageError
from edge.scan_plan import ScanPlan


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
    return f"sampling.rate, {config.sampling.rate:g}," if plan.way is None else "sampling.time_s"


def _upwards(seconds: float) -> str:
    """Rounded up to two places that count."""
    from math import ceil, floor, log10

    step = 10.0 ** (floor(log10(seconds)) - 1)
    return f"{ceil(seconds / step - 1e-9) * step:g}"
