"""What goes wrong on a twin's line, and when: by byte or by time, in either direction. Pure: bytes and times go in.

Bytes are counted in each direction from the twin's start, as their sender sends them; time runs on the wall clock from
the first byte that a host sends.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Final, Literal

from firmware_bridge.twins.wire import LINE_BUFFER, HangUp, LineEvent, Reset


class FaultKind(Enum):
    """What can go wrong."""

    DROP = "drop"
    """Bytes are lost."""
    FLIP = "flip"
    """A bit is inverted in each of some bytes."""
    DUPLICATE = "duplicate"
    """Bytes arrive twice."""
    DELAY = "delay"
    """Bytes arrive late, and all after them no earlier than they."""
    STALL = "stall"
    """The line takes no more bytes for a while, and carries none."""
    HALF = "half"
    """The rest of a message is lost, up to its delimiter."""
    RESET = "reset"
    """The controller boots again."""
    HANG_UP = "hang_up"
    """The port disappears, and comes back under another name."""


LASTING: Final = frozenset({FaultKind.DELAY, FaultKind.STALL, FaultKind.HANG_UP})
"""Kinds that need `for_s`."""
_LEAST: Final = {"at_byte": 0, "at_s": 0, "count": 1, "bit": 0, "for_s": 0, "every_bytes": 1, "every_s": 1e-3}
_EVENTS: Final = frozenset({FaultKind.RESET, FaultKind.HANG_UP})


@dataclass(frozen=True, slots=True)
class LineFault:
    """One fault, or a row of equal ones.

    Raises
    ------
    ValueError
        It has no moment or two, or lacks what its kind needs.
    """

    kind: FaultKind
    towards: Literal["host", "controller"] = "host"
    at_byte: int | None = None
    """Offset of the first byte that it strikes."""
    at_s: float | None = None
    count: int = 1
    """Bytes that it strikes, of those kinds that strike bytes."""
    bit: int = 0
    """That is inverted."""
    for_s: float | None = None
    """How long it lasts."""
    every_bytes: int | None = None
    """It comes again after so many bytes."""
    every_s: float | None = None
    """It comes again after so much time."""

    def __post_init__(self) -> None:
        if (self.at_byte is None) == (self.at_s is None):
            raise ValueError(f"a {self.kind.value} needs one moment: give either at_byte or at_s")
        if (self.for_s is None) == (self.kind in LASTING):
            what = "needs a duration: give for_s" if self.for_s is None else "has no duration: leave out for_s"
            raise ValueError(f"a {self.kind.value} {what}")
        if (self.every_bytes and self.at_byte is None) or (self.every_s and self.at_s is None):
            raise ValueError(f"a {self.kind.value} comes again as it came: every_bytes with at_byte, every_s with at_s")
        for name, least in _LEAST.items():
            number = getattr(self, name)
            if number is not None and number < least:
                raise ValueError(f"a {self.kind.value} has {name} {number}: give at least {least:g}")
        if self.bit > 7:
            raise ValueError(f"a {self.kind.value} has bit {self.bit}: give 0 to 7")

    def again(self) -> LineFault | None:
        """The next one of the row."""
        if self.at_byte is not None and self.every_bytes is not None:
            return replace(self, at_byte=self.at_byte + self.every_bytes)
        if self.at_s is not None and self.every_s is not None:
            return replace(self, at_s=self.at_s + self.every_s)
        return None


def fault_of(entry: Mapping[str, Any]) -> LineFault:
    """A fault from a plain mapping: `LineFault`'s fields by name, the kind as text; None counts as left out.

    Raises
    ------
    ValueError
        A name or the kind is unknown, or the fault isn't possible; the text says why.
    """
    stated = {name: value for name, value in entry.items() if value is not None}
    unknown = stated.keys() - {each.name for each in fields(LineFault)}
    if unknown:
        raise ValueError(f"a fault has no {min(unknown)}: leave it out")
    kinds = {kind.value: kind for kind in FaultKind}
    if stated.get("kind") not in kinds:
        raise ValueError(f"a fault of kind {stated.get('kind')!r} is unknown: choose one of {', '.join(kinds)}")
    return LineFault(**{**stated, "kind": kinds[stated["kind"]]})


@dataclass
class _Lane:
    """One direction: faults that wait, the one that strikes, and bytes that are late."""

    delimiter: int | None
    waiting: list[LineFault]
    news: list[LineEvent]
    sent: int = 0
    striking: LineFault | None = None
    left: int = 0
    copied: bytearray = field(default_factory=bytearray)
    late: deque[tuple[float, bytes]] = field(default_factory=deque)
    stalled_until_s: float = -math.inf
    is_cut: bool = False

    def carry(self, octets: bytes, now_s: float, elapsed_s: float) -> bytes:
        """What arrives by now."""
        rest = octets
        while rest and not self.is_cut:
            if self.striking is None:
                rest = self._pass_up_to_next(rest, now_s, elapsed_s)
            else:
                rest = self._strike(self.striking, rest, now_s)
        return self.arrived(now_s)

    def begin_due(self, now_s: float, elapsed_s: float) -> None:
        """Let what is due by time, and needs no byte, happen."""
        for fault in [each for each in self.waiting if each.at_s is not None and each.at_s <= elapsed_s]:
            if fault.kind in _EVENTS or fault.kind is FaultKind.STALL:
                self._begin(fault, now_s)

    def arrived(self, now_s: float) -> bytes:
        """Bytes whose time has come, in their order."""
        out = bytearray()
        while self.late and self.late[0][0] <= now_s:
            out += self.late.popleft()[1]
        return bytes(out)

    def deadline_s(self) -> float:
        return self.late[0][0] if self.late else math.inf

    def forget(self) -> None:
        """Lose what is under way."""
        self.late.clear()
        self.copied.clear()
        self.striking = None
        self.stalled_until_s = -math.inf
        self.is_cut = False

    def _pass_up_to_next(self, rest: bytes, now_s: float, elapsed_s: float) -> bytes:
        fault = self._next_within(len(rest), elapsed_s)
        count = len(rest) if fault is None else max(0, (fault.at_byte or 0) - self.sent)
        self._arrive(rest[:count], now_s)
        self.sent += count
        if fault is not None:
            self._begin(fault, now_s)
        return rest[count:]

    def _next_within(self, count: int, elapsed_s: float) -> LineFault | None:
        """The first fault that strikes one of the next bytes."""
        due = [each for each in self.waiting if each.at_s is not None and each.at_s <= elapsed_s]
        due += [each for each in self.waiting if each.at_byte is not None and each.at_byte < self.sent + count]
        return min(due, key=lambda each: -1 if each.at_byte is None else each.at_byte, default=None)

    def _begin(self, fault: LineFault, now_s: float) -> None:
        self.waiting.remove(fault)
        following = fault.again()
        if following is not None:
            self.waiting.append(following)
        details = {"towards": fault.towards, "byte": self.sent}
        match fault.kind:
            case FaultKind.RESET:
                self.is_cut = True
                self.news.append(Reset(fault.kind.value, details))
            case FaultKind.HANG_UP:
                self.is_cut = True
                self.news.append(HangUp(fault.kind.value, details, fault.for_s or 0.0))
            case FaultKind.STALL:
                self.stalled_until_s = now_s + (fault.for_s or 0.0)
                self.news.append(LineEvent(fault.kind.value, details))
            case _:
                self.striking, self.left = fault, fault.count
                self.news.append(LineEvent(fault.kind.value, details))

    def _strike(self, fault: LineFault, rest: bytes, now_s: float) -> bytes:
        """Let a fault have its bytes; returns those that it leaves alone."""
        if fault.kind is FaultKind.HALF:
            end = len(rest) if self.delimiter is None else rest.find(self.delimiter)
            struck, self.left = (rest, 1) if end < 0 else (rest[:end], 0)
        else:
            struck = rest[: self.left]
            self.left -= len(struck)
        self.sent += len(struck)
        match fault.kind:
            case FaultKind.FLIP:
                self._arrive(bytes(octet ^ 1 << fault.bit for octet in struck), now_s)
            case FaultKind.DUPLICATE:
                self._arrive(struck, now_s)
                self.copied += struck
            case FaultKind.DELAY:
                self._arrive(struck, now_s + (fault.for_s or 0.0))
            case _:
                pass
        if self.left == 0:
            self.striking = None
            self._arrive(bytes(self.copied), now_s)
            self.copied.clear()
        return rest[len(struck) :]

    def _arrive(self, octets: bytes, when_s: float) -> None:
        """Queue bytes, never before those that were sent earlier."""
        if octets:
            latest_s = self.late[-1][0] if self.late else -math.inf
            self.late.append((max(when_s, latest_s, self.stalled_until_s), octets))


class FaultScript:
    """A `TimedWire` on which the scripted faults happen, and nothing else.

    Parameters
    ----------
    faults
        In any order. Of two that strike the same byte in one direction the second strikes when the first is over.
    delimiter
        Byte that ends a message of the line's protocol, for `FaultKind.HALF`; None, where there is none: what is sent
        at once is a message.
    """

    def __init__(self, faults: Sequence[LineFault], delimiter: int | None = 0) -> None:
        self._news: list[LineEvent] = []
        self._up = _Lane(delimiter, [each for each in faults if each.towards == "host"], self._news)
        self._down = _Lane(delimiter, [each for each in faults if each.towards == "controller"], self._news)
        self._began_s: float | None = None

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        """What arrives by now of what the host sent, these bytes included."""
        if octets and self._began_s is None:
            self._began_s = now_s
        return self._down.carry(octets, now_s, self._elapsed_s(now_s))

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        """What arrives by now of what the controller sent, these bytes included."""
        return self._up.carry(octets, now_s, self._elapsed_s(now_s))

    def room_to_controller(self, now_s: float) -> int:
        """Bytes that the line takes from the host now."""
        return 0 if now_s < self._down.stalled_until_s else LINE_BUFFER

    def room_to_host(self, now_s: float) -> int:
        """Bytes that the line takes from the controller now."""
        return 0 if now_s < self._up.stalled_until_s else LINE_BUFFER

    def deadline_s(self, now_s: float) -> float:
        """When something late arrives, a stall ends, or a fault is due by time."""
        moments_s = [self._up.deadline_s(), self._down.deadline_s()]
        moments_s += [lane.stalled_until_s for lane in (self._up, self._down) if lane.stalled_until_s > now_s]
        if self._began_s is not None:
            faults = [*self._up.waiting, *self._down.waiting]
            due_s = [self._began_s + fault.at_s for fault in faults if fault.at_s is not None]
            moments_s += [moment_s for moment_s in due_s if moment_s > now_s]
        return min(moments_s)

    def take_events(self, now_s: float) -> list[LineEvent]:
        """What has happened since this was last asked; what follows a reset or a hang-up waits for the next time."""
        for lane in (self._up, self._down):
            lane.begin_due(now_s, self._elapsed_s(now_s))
        end = next((at for at, event in enumerate(self._news) if isinstance(event, Reset | HangUp)), len(self._news))
        taken = self._news[: end + 1]
        del self._news[: end + 1]
        if taken and isinstance(taken[-1], Reset | HangUp):
            self._up.forget()
            self._down.forget()
        return taken

    def _elapsed_s(self, now_s: float) -> float:
        return -math.inf if self._began_s is None else now_s - self._began_s
