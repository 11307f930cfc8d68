"""What the command line asks of a scan's end."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.configuration.durations import seconds_of
from edge.faults import UsageError
from edge.stopping.config import StopConfig

if TYPE_CHECKING:
    from edge.configuration.config import ScanConfig

_ELEMENT = re.compile(r"[A-Z][a-z]?(-[KLM])?")


@dataclass(frozen=True, slots=True)
class AskedStop:
    """Errors and a time; what is not asked for stays as the configuration has it."""

    error: float | None = None
    elements: dict[str, float] = field(default_factory=dict)
    time_s: float | None = None

    def applied_to(self, config: ScanConfig) -> ScanConfig:
        """The configuration with it.

        Raises
        ------
        UsageError
            Nothing would tell the error, or an element is not among those that are mapped.
        """
        before = config.sampling.stop
        stop = StopConfig(
            error=before.error if self.error is None else self.error,
            elements={**before.elements, **self.elements},
            time_s=before.time_s if self.time_s is None else self.time_s,
            live_s=before.live_s,
            dwell_test=before.dwell_test,
        )
        if stop == before:
            return config
        asked = config.model_copy(update={"sampling": config.sampling.model_copy(update={"stop": stop})})
        try:
            asked.check_stop()
        except ValueError as reason:
            raise UsageError(f"--error: {reason}") from None
        return asked


NOTHING_ASKED = AskedStop()


def asked_stop(errors: Sequence[str], time: str | None = None) -> AskedStop:
    """What ``--error 0.03 --error Pb=0.05 --time 2h`` ask for.

    Raises
    ------
    UsageError
        One of them is neither a number between 0 and 1 nor an element with one, or comes twice, or the time is no
        duration.
    """
    overall, elements = None, dict[str, float]()
    for text in errors:
        name, separator, number = text.rpartition("=")
        if separator and not _ELEMENT.fullmatch(name):
            raise UsageError(f"--error {text}: there is no element {name!r}: give one as Pb=0.05, or Pb-L=0.05")
        target = _target_of(text, number)
        if name in elements or (not separator and overall is not None):
            raise UsageError(f"--error {text}: {name or 'all elements together'} has an error already: give it once")
        if separator:
            elements[name] = target
        else:
            overall = target
    return AskedStop(overall, elements, None if time is None else seconds_of(time))


def _target_of(text: str, number: str) -> float:
    try:
        target = float(number)
    except ValueError:
        raise UsageError(f"--error {text}: {number!r} is no number: give one as 0.03, or Pb=0.05") from None
    if not (math.isfinite(target) and 0 < target < 1):
        raise UsageError(
            f"--error {text}: an error is a part of each map's 99.9th percentile: give more than 0 and less than 1"
        )
    return target
