"""So much in a second, with a little saved up."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """A bucket that fills evenly; it may be overdrawn once, and is then empty for as long as that takes.

    Parameters
    ----------
    per_s
        What flows in a second.
    at_most
        What is saved up.
    clock
        Monotonic time in s.
    """

    def __init__(self, per_s: float, at_most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._at_most, self._clock = per_s, at_most, clock
        self._left, self._at_s = at_most, clock()

    def take(self, amount: float) -> bool:
        """Take something, where anything is left; whether there was."""
        now = self._clock()
        self._left = min(self._at_most, self._left + (now - self._at_s) * self._per_s)
        self._at_s = now
        if self._left <= 0:
            return False
        self._left -= amount
        return True

    def wait_s(self) -> float:
        """Until something is left."""
        return max(0.0, -self._left / self._per_s)
