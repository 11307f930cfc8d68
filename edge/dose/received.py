"""What each exposure of a plan has given to the object: a fold over the journal, the same on resumption and in a run.

An exposure that is cut short is begun again by the controller, and no spectrum tells what it gave until then. The
journal says when its opening ended and when the last spectrum before had come, and no more than that time can have gone
to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from edge.events import LeftOut, Measured, Opened, ScanEvent, ShutterClosed, ShutterOpened
from firmware_bridge.messages import ExposureFlag


@dataclass(slots=True)
class Received:
    """Seconds by exposure; begins empty, grows with `add`."""

    live_s: dict[int, float] = field(default_factory=dict)
    """Live time of every spectrum of an exposure, truncated ones among them."""
    repeated: set[int] = field(default_factory=set)
    """Exposures that were begun and not brought to their end, at least once."""
    left_out: set[int] = field(default_factory=set)
    """Exposures that are not made any more."""
    cut_short_s: dict[int, tuple[float, ...]] = field(default_factory=dict)
    """Time, at most, that went to an exposure's beginning, each time that its opening was cut short, by the computer's
    clock."""
    pending_s: tuple[float, ...] = ()
    """The same of what comes next: which exposure that is shows once the shutter opens again."""
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
            dict(self.cut_short_s),
            self.pending_s,
            set(self._met),
            self._next,
            self._since,
        )

    def settled(self) -> Self:
        """The same once the shutter opens again: what was cut short last is the first that is still to be measured."""
        copy = self.copy()
        copy._settle()
        return copy

    def repeats_s(self, index: int, planned_s: float) -> float:
        """Live time that an exposure gave, or may have given, beside the whole that is wanted of it.

        Parameters
        ----------
        planned_s
            Its live time as planned: nothing that was cut short had more.
        """
        begun_s = sum(min(passed_s, planned_s) for passed_s in self.cut_short_s.get(index, ()))
        whole_s = planned_s if self._is_met(index) and index not in self.left_out else 0.0
        return begun_s + max(0.0, self.live_s.get(index, 0.0) - whole_s)

    @property
    def is_plain(self) -> bool:
        """Whether every exposure so far was made once and whole: the object received what the plan says."""
        return not (self.repeated or self.cut_short_s or self.pending_s)

    def _cut_short(self, at: str) -> None:
        if self._since:
            passed = datetime.fromisoformat(at) - datetime.fromisoformat(self._since)
            self.pending_s += (max(0.0, passed.total_seconds()),)

    def _settle(self) -> None:
        """Write what was cut short to the exposure that comes first."""
        if self.pending_s:
            self.cut_short_s[self._next] = self.cut_short_s.get(self._next, ()) + self.pending_s
            self.repeated.add(self._next)
            self.pending_s = ()

    def _is_met(self, index: int) -> bool:
        return index < self._next or index in self._met

    def _meet(self, index: int) -> None:
        if index < self._next:
            return
        self._met.add(index)
        while self._next in self._met:
            self._met.discard(self._next)
            self._next += 1
