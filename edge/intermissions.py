"""What a run does again and again between two openings of the shutter: with the beam off and nothing queued."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.intake import Intake
from edge.interrupts import Request
from edge.reconnect import Connection
from edge.session import Session
from edge.shutter import Shutter
from firmware_bridge.faults import BridgeError

_MOST_ATTEMPTS = 2
"""An intermission that a fault of the instrument ended so many times running waits for its next turn."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """What a run lends to an intermission: shutter closed, stage at rest, the controller's queue empty.

    Afterwards it has to be so again; the stage may stand anywhere.
    """

    connection: Connection
    session: Session
    shutter: Shutter
    intake: Intake
    request: Callable[[], Request | None]
    """What somebody asks of the run meanwhile: what takes long breaks off for it."""
    let_go_on: Callable[[], None]
    """Ends the controller's pause; to be called by whoever opens the shutter, once it is open."""


class Intermission(Protocol):
    """Something to be done with the shutter closed, at intervals."""

    @property
    def reason(self) -> str:
        """Why the shutter is closed: ``visit to the standard``."""
        ...

    @property
    def first_after_s(self) -> float:
        """From the run's beginning to the first time; 0: before the first exposure."""
        ...

    @property
    def every_s(self) -> float:
        """From the end of one time to the next."""
        ...

    def carry_out(self, standstill: Standstill) -> str:
        """Do it; empty, or a sentence for which the run pauses, as it does for an open door.

        Raises
        ------
        BridgeError
            As from any other use of the instrument: the run connects again, or waits, and then tries once more.
        SafetyStop
            The scan must not go on; whoever raises it has journalled nothing.
        KeyboardInterrupt
            Out of `Interrupts.asking`: the scan is aborted.
        """
        ...


class Agenda:
    """Which intermissions are due.

    Parameters
    ----------
    clock
        Monotonic time in s.
    """

    def __init__(self, intermissions: Sequence[Intermission], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turns = [_Turn(each, clock() + each.first_after_s) for each in intermissions]

    @property
    def due(self) -> Intermission | None:
        """The one to be carried out now, the longest due first."""
        waiting = self._waiting()
        return waiting[0].intermission if waiting else None

    def carry_out(self, standstill: Standstill) -> str:
        """Carry out all that are due, each once, until one wants the run to pause; its sentence, or empty."""
        for turn in self._waiting():
            if standstill.request() is not None:
                break
            try:
                wish = turn.intermission.carry_out(standstill)
            except BridgeError:
                turn.failures += 1
                if turn.failures >= _MOST_ATTEMPTS:
                    self._put_off(turn)
                raise
            self._put_off(turn)
            if wish:
                return wish
        return ""

    def _waiting(self) -> list[_Turn]:
        now_s = self._clock()
        return sorted((turn for turn in self._turns if turn.due_s <= now_s), key=lambda turn: turn.due_s)

    def _put_off(self, turn: _Turn) -> None:
        turn.failures = 0
        turn.due_s = self._clock() + turn.intermission.every_s


@dataclass(slots=True)
class _Turn:
    intermission: Intermission
    due_s: float
    failures: int = 0
    """Times running that a fault ended it."""
