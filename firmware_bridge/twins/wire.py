"""Wires with a sense of time: pace, delay, and things that happen to a line by themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

from firmware_bridge.twins.pseudo_terminal import PerfectWire, Wire

LINE_BUFFER: Final = 4_096
"""Bytes that wait for a line without a pace at most, so that urgent frames never queue behind many others."""


@dataclass(frozen=True, slots=True)
class LineEvent:
    """Something that happened to the line, for the twin's log; some are also the twin's to carry out."""

    what: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reset(LineEvent):
    """The controller boots again: queue, spectra and position are lost."""


@dataclass(frozen=True, slots=True)
class HangUp(LineEvent):
    """The port disappears, and comes back under another name; the controller stays awake."""

    away_s: float


class TimedWire(Wire, Protocol):
    """A wire that holds bytes back and lets things happen by itself. All times are the twin's wall time.

    What its two `Wire` methods return is what arrives by now, these bytes and earlier ones.
    """

    def room_to_controller(self, now_s: float) -> int:
        """Bytes that the line takes from the host now."""
        ...

    def room_to_host(self, now_s: float) -> int:
        """Bytes that the line takes from the controller now; one frame may exceed it."""
        ...

    def deadline_s(self, now_s: float) -> float:
        """When something arrives or happens though nothing is sent."""
        ...

    def take_events(self, now_s: float) -> list[LineEvent]:
        """What has happened since this was last asked; nothing follows a `Reset` or a `HangUp`."""
        ...


class DirectWire(PerfectWire):
    """A `TimedWire` on which nothing ever happens."""

    def room_to_controller(self, now_s: float) -> int:
        return LINE_BUFFER

    def room_to_host(self, now_s: float) -> int:
        return LINE_BUFFER

    def deadline_s(self, now_s: float) -> float:
        return math.inf

    def take_events(self, now_s: float) -> list[LineEvent]:
        return []
