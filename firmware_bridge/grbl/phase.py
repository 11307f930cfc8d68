"""What a GRBL link is doing, and what it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from firmware_bridge.grbl import codec as c


class Phase(Enum):
    """What the link is doing."""

    BOOTING = auto()
    """Waiting for the banner; everything else that comes is stale."""
    READY = auto()
    BRAKING = auto()
    """A hold was sent; once the stage rests it is reset, so that its position stays known."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A report, and between which moments it was true."""

    asked_s: float
    heard_s: float
    report: c.Report
