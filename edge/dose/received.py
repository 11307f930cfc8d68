"""What each exposure of a plan has given to the object: a fold over the journal, the same on resumption and in a run.

An exposure that is cut short is begun again by the controller, and no spectrum tells what it gave until then. The
journal says when its opening ended and when the last spectrum before had come, and no more than that time can have gone
to it. A controller that was started again has lost more: whatever it had finished and not handed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from edge.events import LeftOut, Measured, Opened, ScanEvent, ShutterClosed, ShutterOpened
from firmware_bridge.messages import ExposureFlag


@dataclass(frozen=True, slots=True)
class CutShort:
    """An opening that ended before what was in progress did."""

    first: int
    """The exposure that was in progress: the first of which there is no whole spectrum."""
    passed_s: float
    """Time since the last spectrum, by the computer's clock."""
    is_lost: bool
    """Whether the controller was started again, and forgot what it had finished and not handed over."""


@dataclass(slots=True)
class Received:
    """Seconds by exposure; begins empty, grows with `add`."""

    live_s: dict[int, float] = field(default_factory=dict)
    """Live time of every spectrum of an exposure, truncated ones among them."""
    repeated: set[int] = field(default_factory=set)
    """Exposures that were begun and not brought to their end, at least once."""
    left_out: set[int] = field(default_factory=set)
    """Exposures that are not made any more."""
    cut_short: tuple[CutShort, ...] = ()
    """Each time that an opening was; `edge.dose.repeats` tells what that may have given."""
    pending_s: tuple[float, ...] = ()
    """Time of those whose exposure shows once the shutter opens again."""
    _boot_id: int | None = None
    """Of the controller that is connected."""
    _is_lost: bool = False
    """Whether another one was found while something was pending."""
    _met: set[int] = field(default_factory=set)
    """Exposures from `_next` on that need not be measured any more."""
    _next: int = 0
    """The first exposure that is still to be measured."""
    _since: str = ""
    """When the present opening over the object began, or its latest spectrum came; empty while it is closed."""

    def add(self, event: ScanEvent) -> None:
        """Take over what an event says."""
        match event:
            case ShutterOpened(over="object"):
                self._settle()
                self._since = event.at
            case ShutterClosed():
                if event.is_cut_short:
                    self._cut_short(event.at)
                self._since = ""
            case Opened():
                # Nobody knows when the program before this one ended.
                self._cut_short(event.at)
                self._since = ""
                self._is_lost |= bool(self.pending_s) and event.boot_id != self._boot_id
                self._boot_id = event.boot_id
            case LeftOut(index=index):
                self._settle()
                self.left_out.add(index)
                self._meet(index)
            case Measured(done=done):
                self.live_s[done.index] = self.live_s.get(done.index, 0.0) + done.live_s
                if done.flags & ExposureFlag.TRUNCATED:
                    self.repeated.add(done.index)
                else:
                    self._meet(done.index)
                self._since = event.at if self._since else ""

    def copy(self) -> Self:
        """One that grows by itself."""
        return type(self)(
            dict(self.live_s),
            set(self.repeated),
            set(self.left_out),
            self.cut_short,
            self.pending_s,
            self._boot_id,
            self._is_lost,
            set(self._met),
            self._next,
            self._since,
        )

    def settled(self) -> Self:
        """The same once the shutter opens again: what was cut short last is the first that is still to be measured."""
        copy = self.copy()
        copy._settle()
        return copy

    def is_whole(self, index: int) -> bool:
        """Whether an exposure was brought to its end."""
        return (index < self._next or index in self._met) and index not in self.left_out

    @property
    def is_plain(self) -> bool:
        """Whether every exposure so far was made once and whole: the object received what the plan says."""
        return not (self.repeated or self.cut_short or self.pending_s)

    def _cut_short(self, at: str) -> None:
        if self._since:
            passed_s = (datetime.fromisoformat(at) - datetime.fromisoformat(self._since)).total_seconds()
            # where the clock was set back nobody knows: then the whole of what was in progress counts
            self.pending_s += (passed_s if passed_s >= 0 else math.inf,)

    def _settle(self) -> None:
        """Write what was cut short to the exposure that comes first."""
        if self.pending_s:
            self.cut_short += tuple(CutShort(self._next, passed_s, self._is_lost) for passed_s in self.pending_s)
            self.repeated.add(self._next)
            self.pending_s, self._is_lost = (), False

    def _meet(self, index: int) -> None:
        if index < self._next:
            return
        self._met.add(index)
        while self._next in self._met:
            self._met.discard(self._next)
            self._next += 1
