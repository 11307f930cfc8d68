"""The seam for what watches the distance between instrument and object: paintings bow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StandoffOptions:
    """What the operator says of a sensor; a switch on the stage's input needs none of it."""

    port: str = ""
    """Path or address, see `firmware_bridge.ports.open_port`."""
    baud: int = 0
    """Of serial ports."""
    ask: str = ""
    """What asks for one reading, ASCII without the line's end; empty: the device sends readings by itself."""
    mm_per_unit: float = 1.0
    nearest_mm: float = 0.0
    farthest_mm: float = math.inf


@dataclass(frozen=True, slots=True)
class Standoff:
    """One reading."""

    distance_mm: float | None
    """From the sensor to the object's surface; None where a switch tells only whether it is in range."""
    is_in_range: bool
    text: str
    """What the operator reads when it is out of range: which way, how far, what is allowed."""


class StandoffSensor(Protocol):
    """Something that knows how far the object is. One thread at a time."""

    def read(self) -> Standoff:
        """A fresh reading; raises a `firmware_bridge.faults.BridgeError` when there is none."""
        ...

    def close(self) -> None:
        """Release its port, if it has one of its own. Safe to call twice."""
        ...
