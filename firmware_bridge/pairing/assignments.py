"""Which exposures wait, are in progress, and are done. Not thread-safe: whoever owns it holds a lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from firmware_bridge.messages import Exposure, ExposureDone, ExposureFlag
from firmware_bridge.pairing.rows import RowLimits, first_row


class Assignments:
    """Each exposure once, in order, however often it is submitted or interrupted.

    Parameters
    ----------
    length
        Exposures that wait at the most, beside those in progress.
    """

    def __init__(self, length: int) -> None:
        self.current: tuple[Exposure, ...] = ()
        """The dwell or the row in progress, empty when none is."""
        self.done: deque[ExposureDone] = deque()
        self._length = length
        self._waiting: deque[Exposure] = deque()
        self._taken: set[int] = set()
        self.is_dropped = False
        """Whether nobody wants those in progress any longer."""

    @property
    def room(self) -> int:
        """How many more may wait."""
        return max(0, self._length - len(self._waiting))

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def add(self, exposures: Iterable[Exposure]) -> int:
        """Let as many wait as there is room for; returns how many, those that are known already included."""
        count = 0
        for exposure in exposures:
            if exposure.index not in self._taken:
                if not self.room:
                    break
                self._taken.add(exposure.index)
                self._waiting.append(exposure)
            count += 1
        return count

    def begin(self, limits: RowLimits) -> None:
        """Take the next dwell or row."""
        first = self._waiting[0]
        self.current = (first,) if first.is_dwell else first_row(self._waiting, limits).exposures
        for _ in self.current:
            self._waiting.popleft()
        self.is_dropped = False

    def conclude(self, done: tuple[ExposureDone, ...]) -> None:
        """Those in progress that are done, whole, are over; the others wait again, before all others."""
        if not self.is_dropped:
            self.done.extend(done)
            whole = {each.index for each in done if not each.flags & ExposureFlag.TRUNCATED}
            self._waiting.extendleft(reversed([each for each in self.current if each.index not in whole]))
        self.current = ()

    def drop(self) -> None:
        """Forget what waits and what is in progress, as if it had never been submitted."""
        self._taken.difference_update(exposure.index for exposure in (*self._waiting, *self.current))
        self._waiting.clear()
        self.is_dropped = True

    def forget(self) -> None:
        """`drop`, and forget what was done as well, fetched or not: indices begin to mean something else."""
        self.drop()
        self.done.clear()
        self._taken.clear()
