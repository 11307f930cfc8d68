"""The time that events carry: the computer's as the program found it, carried on by a clock that nobody sets.

Beam time, running time and what an exposure gave are differences between events of one program. A computer without a
clock of its own is set by years when the network comes up, and one that was off by an hour by that hour: neither may
change how long the beam was on. docs/adr/0025-steady-clock.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SteadyClock:
    """Begins with the computer's time, and goes on at the pace of another clock.

    Parameters
    ----------
    wall
        The computer's time, UTC; asked once.
    monotonic
        Seconds by a clock that is never set; time while the computer sleeps is not among them.
    """

    wall: Callable[[], datetime] = _wall
    monotonic: Callable[[], float] = time.monotonic
    _began: datetime = field(init=False)
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_began", self.wall())
        object.__setattr__(self, "_began_s", self.monotonic())

    def now(self) -> datetime:
        """The time, UTC: never before one that was told earlier."""
        return self._began + timedelta(seconds=self.monotonic() - self._began_s)


PROGRAM: SteadyClock = SteadyClock()
"""This program's; begins with it."""
