"""When a spectrometer began each spectrum, by this computer's clock. Pure.

A snapshot ends one spectrum and begins the next somewhere between the request's sending and its answer. How long each
spectrum took is the device's own word. The moments are therefore a chain: each lies in an interval of its own, and its
distance from its neighbours is known to the device's rounding and to the drift between the clocks. What all of that
together leaves for a moment is an interval again; its middle is the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import ProtocolViolation

ROUNDING_S: Final = 0.001
"""Of a spectrum's real time."""
DRIFT: Final = 5e-4
"""Largest relative difference of two clocks that are in order."""
_SLACK_S: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Ending:
    """When a spectrum may have ended, and the next one begun."""

    earliest_s: float
    """This computer's clock when the request was sent."""
    latest_s: float
    """The same when its answer came."""
    real_s: float
    """What the device says that the ended spectrum took, in its own seconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by this computer's clock."""

    at_s: float
    uncertainty_s: float
    """Standard uncertainty: that of an even distribution over what is possible."""


def moments_of(
    endings: Sequence[Ending], *, rounding_s: float = ROUNDING_S, drift: float = DRIFT
) -> tuple[Moment, ...]:
    """When each spectrum ended, from successive snapshots.

    Parameters
    ----------
    endings
        In order; what the first spectrum took does not matter.

    Raises
    ------
    ProtocolViolation
        No moments agree with all that was heard.
    """
    earliest = [ending.earliest_s for ending in endings]
    latest = [ending.latest_s for ending in endings]
    steps = [
        ((ending.real_s - rounding_s) * (1 - drift), (ending.real_s + rounding_s) * (1 + drift))
        for ending in endings[1:]
    ]
    for number, (shortest_s, longest_s) in enumerate(steps):
        earliest[number + 1] = max(earliest[number + 1], earliest[number] + shortest_s)
        latest[number + 1] = min(latest[number + 1], latest[number] + longest_s)
    for number, (shortest_s, longest_s) in reversed(list(enumerate(steps))):
        earliest[number] = max(earliest[number], earliest[number + 1] - longest_s)
        latest[number] = min(latest[number], latest[number + 1] - shortest_s)
    if any(late_s < early_s - _SLACK_S for early_s, late_s in zip(earliest, latest, strict=True)):
        raise ProtocolViolation(
            "the spectrometer's real times contradict this computer's clock: let no other program read the "
            "spectrometer, and fly simulated devices at clock factor 1"
        )
    return tuple(
        Moment((early_s + late_s) / 2, max(0.0, late_s - early_s) / (2 * math.sqrt(3)))
        for early_s, late_s in zip(earliest, latest, strict=True)
    )
