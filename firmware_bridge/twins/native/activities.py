"""What stage and detector of the twin are doing, and what keeps them from it. Times are device times."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.twins.detector import Illumination
from firmware_bridge.twins.native.kinematics import Move


@dataclass(frozen=True, slots=True)
class Errand:
    """A move that was commanded, with nothing to measure at its end."""

    move: Move
    began_s: float
    ends_s: float
    homes: bool


@dataclass(frozen=True, slots=True)
class Approach:
    """On the way to an exposure's start, or to its run-up's."""

    exposure: Exposure
    move: Move
    began_s: float
    ends_s: float
    """At the exposure's start, or where the object is found too near or too far."""
    arrives: bool = True


@dataclass(frozen=True, slots=True)
class Counting:
    """Beam on the object, counter running."""

    exposure: Exposure
    true_start: StagePose
    true_end: StagePose
    illumination: Illumination
    live_s: float
    began_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class Withheld:
    """The object is too near or too far for the next exposure, which is at the queue's head again."""

    pose: StagePose
    """Where that was read."""


Activity = Errand | Approach | Counting
