"""What a run does again and again between two openings of the shutter: with the beam off and nothing queued."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge.beam.intake import Intake
from edge.beam.interrupts import Request
from edge.beam.reconnect import Connection
from edge.beam.session import Session
from edge.beam.shutter import Shutter
from edge.faults import SafetyStop
from firmware_bridge.faults import BridgeError, LinkLost

_MOST_ATTEMPTS = 2
"""An intermission that a fault of the instrument ended so many times running is given up until its next turn."""


class BrokenOff(Exception):
    """Out of an intermission that ended early for a request: it stays due. Says why."""


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
    finishing: Callable[[], AbstractContextManager[None]]
    """For what cannot break off by itself: within, asking twice, to abort, raises KeyboardInterrupt."""
    let_go_on: Callable[[], None]
    """Ends the controller's pause; to be called by whoever opens the shutter, once it is open."""

    def drop_queue(self) -> None:
        """Close the shutter, and have the controller forget what it has not begun; the object's comes again later."""
        self.shutter.abort()
        self.intake.drain()
        self.intake.begin_again()


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
            Out of `Standstill.finishing`: the scan is aborted.
        BrokenOff
            A request had it end early.
        """
        ...

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        """What follows from its not being done for a fault: as of `carry_out`, a sentence for which the run pauses."""
        ...


@runtime_checkable
class Called(Protocol):
    """An intermission that may be due at any time, before all others."""

    @property
    def is_called(self) -> bool:
        """Whether it is due; must take no time."""
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
        """Carry out all that are due, each once, until one wants the run to pause; its sentence, or empty.

        One that faults ended twice running is given up instead. What a request broke off stays due.
        """
        for turn in self._waiting():
            if standstill.request() is not None:
                break
            if turn.fault is not None and turn.failures >= _MOST_ATTEMPTS:
                wish = turn.intermission.give_up(standstill, turn.fault)
            else:
                try:
                    wish = turn.intermission.carry_out(standstill)
                except BrokenOff:
                    break
                except BridgeError as fault:
                    # It stays due: what follows from giving it up comes once the run has overcome the fault.
                    turn.failures, turn.fault = turn.failures + 1, fault
                    raise
            self._put_off(turn)
            if wish:
                return wish
        return ""

    def _waiting(self) -> list[_Turn]:
        now_s = self._clock()
        waiting = sorted((turn for turn in self._turns if turn.due_s <= now_s), key=lambda turn: turn.due_s)
        return [*(turn for turn in self._turns if turn.is_called), *waiting]

    def _put_off(self, turn: _Turn) -> None:
        turn.failures, turn.fault = 0, None
        turn.due_s = self._clock() + turn.intermission.every_s


class Between:
    """Everything that a run does between two openings, and after the last one.

    The controller's queue is dropped before: exposures that wait there would be measured from wherever an intermission
    goes with the beam on. It is dropped after a fault too, for an intermission's own would be left.

    Parameters
    ----------
    farewell
        Done once, after the last exposure; None: nothing.
    """

    def __init__(
        self,
        standstill: Standstill,
        intermissions: Sequence[Intermission],
        farewell: Intermission | None,
    ) -> None:
        self._standstill = standstill
        self._agenda = Agenda(intermissions)
        self._farewell = farewell

    @property
    def due(self) -> Intermission | None:
        """The intermission to be carried out now."""
        return self._agenda.due

    def carry_out(self) -> str:
        """Carry out what is due; for what the run is to pause, mostly empty.

        Raises what `Intermission` does. That the shutter is open, or the link lost, when all was to be cleared away
        after a fault goes before the fault itself.
        """
        self._standstill.drop_queue()
        try:
            return self._agenda.carry_out(self._standstill)
        except BridgeError as fault:
            try:
                self._clear(f"{type(fault).__name__} between two openings")
            except (SafetyStop, LinkLost) as worse:
                # The fault itself may be one after which the run takes the shutter to be closed.
                raise worse from fault
            except BridgeError:
                pass
            raise

    def bid_farewell(self) -> None:
        """The last intermission, tried once; no fault of it is one of the scan while the shutter is known to be closed.

        Raises
        ------
        LinkLost, SafetyStop
            The shutter is not known to be closed, or known not to be.
        """
        farewell, self._farewell = self._farewell, None
        if farewell is None or self._standstill.request() is not None:
            return
        self._standstill.drop_queue()
        try:
            with suppress(BrokenOff):
                farewell.carry_out(self._standstill)
        except (BridgeError, SafetyStop) as fault:
            try:
                self._clear(f"{type(fault).__name__} after the last exposure")
            finally:
                farewell.give_up(self._standstill, fault)

    def _clear(self, reason: str) -> None:
        """Leave nothing of an intermission that a fault ended."""
        self._standstill.drop_queue()
        self._standstill.shutter.note_closed(reason)


@dataclass(slots=True)
class _Turn:
    intermission: Intermission
    due_s: float
    failures: int = 0
    """Times running that a fault ended it."""
    fault: BridgeError | None = None
    """The latest of them."""

    @property
    def is_called(self) -> bool:
        """Whether it is due out of its turn."""
        return isinstance(self.intermission, Called) and self.intermission.is_called
