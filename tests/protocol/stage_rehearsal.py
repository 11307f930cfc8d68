"""A stage's client and its twin joined in one process, on a clock that waiting turns: deterministic, and fast.

What the rehearsals of all stages have in common: the line, the clock, the twin's own record. One for another stage is
a subclass that makes its session and its twin's core, and connects.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar

from firmware_bridge.link_thread import CarriedSession
from firmware_bridge.twins.pseudo_terminal import PerfectWire, Wire
from firmware_bridge.twins.twin_log import TwinLog

BEGINS_S = 1_000.0
LONGEST_STEP_S = 0.02

Session = TypeVar("Session", bound=CarriedSession)


class Witness(TwinLog):
    """A twin's own record, kept in memory."""

    def __init__(self) -> None:
        super().__init__(None)
        self.lines: list[dict[str, Any]] = []

    def write(self, event: str, device_s: float, **details: Any) -> None:
        self.lines.append({"event": event, "device_s": device_s, **details})

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Events of these kinds, in order."""
        return [line for line in self.lines if line["event"] in kinds]


class Swap:
    """A line that mangles one thing once it is told to: the first occurrence of some bytes becomes others."""

    def __init__(self, *, sent: tuple[bytes, bytes] | None = None, said: tuple[bytes, bytes] | None = None) -> None:
        self.sent = sent
        self.said = said
        self.is_armed = False
        self.happened = 0

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return self._swap(octets, self.sent)

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return self._swap(octets, self.said)

    def _swap(self, octets: bytes, swap: tuple[bytes, bytes] | None) -> bytes:
        if swap is None or not self.is_armed or self.happened or swap[0] not in octets:
            return octets
        self.happened += 1
        return octets.replace(swap[0], swap[1], 1)


class Device(Protocol):
    """What may be at the other end."""

    def receive(self, octets: bytes, now_s: float) -> None: ...

    def advance(self, now_s: float) -> None: ...

    def outgoing(self, now_s: float, room: int) -> bytes: ...

    def deadline_s(self, now_s: float) -> float: ...


class StageRehearsal(Generic[Session]):
    """A `firmware_bridge.link_thread.Carrier` without thread or port: waiting lets time pass.

    Parameters
    ----------
    log
        The twin's own; empty where there is none.
    """

    def __init__(self, session: Session, device: Device, wire: Wire | None = None, log: Witness | None = None) -> None:
        self.time_s = BEGINS_S
        self.session = session
        self.device = device
        self.wire = PerfectWire() if wire is None else wire
        self.log = Witness() if log is None else log
        self.lines: list[str] = []
        """What was said, in order."""
        self.is_closed = False
        self.interrupt: Callable[[], None] = lambda: None
        """Called at every turn."""

    @property
    def changed(self) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def now_s(self) -> float:
        return self.time_s

    def kick(self) -> None:
        """What waits is sent at the next turn."""

    def close(self) -> None:
        self.is_closed = True

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        end_s = self.time_s + min(timeout_s, 1_000.0)
        while not condition():
            if self.session.failure is not None:
                return condition()
            if self.time_s >= end_s:
                assert timeout_s < 1_000.0, "it never came to that"
                return False
            self.turn()
        return True

    def turn(self) -> None:
        """Exchange what is to be said now; if that is nothing, let time pass to the next thing that happens."""
        self.interrupt()
        out = self.session.outgoing(self.time_s)
        if out:
            self.lines += [f"host {piece!r}" for piece in out.splitlines(keepends=True)]
            self.device.receive(self.wire.to_controller(out, self.time_s), self.time_s)
        self.device.advance(self.time_s)
        back = self.wire.to_host(self.device.outgoing(self.time_s, 4096), self.time_s)
        if back:
            self.lines += [f"board {piece!r}" for piece in back.splitlines(keepends=True)]
            self.session.receive(back, self.time_s)
        if not out and not back:
            due_s = min(self.device.deadline_s(self.time_s), self.session.deadline_s())
            self.time_s = min(max(due_s, self.time_s + 1e-5), self.time_s + LONGEST_STEP_S)

    def pass_time(self, seconds: float) -> None:
        end_s = self.time_s + seconds
        while self.time_s < end_s:
            self.turn()

    def leave(self, seconds: float) -> None:
        """The host is gone: time passes for the board alone."""
        self.time_s += seconds
        self.device.advance(self.time_s)

    def beam_intervals(self) -> list[tuple[float, float]]:
        """Device times at which the beam went on and off, by the twin's own log; an open end is infinite."""
        intervals: list[tuple[float, float]] = []
        for event in self.log.of("beam_on", "beam_off"):
            if event["event"] == "beam_on":
                intervals.append((event["device_s"], float("inf")))
            else:
                intervals[-1] = (intervals[-1][0], event["device_s"])
        return intervals
