"""So often within an hour and no more: for what is put up with once, but not for ever."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_WITHIN_S = 3_600.0


class Allowance:
    """Counts how often something happened within the last hour.

    Parameters
    ----------
    most
        How often it may.
    clock
        Monotonic time in s; another one in tests.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._spent_at_s: deque[float] = deque()

    @property
    def spent(self) -> int:
        """How often it happened within the hour before it happened last."""
        return len(self._spent_at_s)

    def spend(self) -> bool:
        """Note that it has happened; whether that was still allowed."""
        now_s = self._clock()
        self._spent_at_s.append(now_s)
        while now_s - self._spent_at_s[0] > _WITHIN_S:
            self._spent_at_s.popleft()
        return self.spent <= self.most
