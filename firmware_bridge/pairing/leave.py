"""Leave to let the beam on: given, taken back, and lost when nobody attends to it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from firmware_bridge.controller import ATTENTION_S
from firmware_bridge.faults import LeaseExpired
from firmware_bridge.pairing.faults import Withdrawn


class Leave:
    """Whether the beam may be on.

    The program attends to it while any call is inside `attending`, and for `ATTENTION_S` after the last one.

    Parameters
    ----------
    changed
        Guards everything here; notified when leave is given or taken back.
    """

    def __init__(self, changed: threading.Condition, clock: Callable[[], float]) -> None:
        self.is_given = False
        self._changed, self._clock = changed, clock
        self._inside = 0
        self._attended_s = clock()

    def give(self) -> None:
        with self._changed:
            self.is_given = True
            self._changed.notify_all()

    def take_back(self) -> bool:
        """Returns whether it was given."""
        with self._changed:
            was_given, self.is_given = self.is_given, False
            self._changed.notify_all()
        return was_given

    @contextlib.contextmanager
    def attending(self) -> Iterator[None]:
        """Somebody waits in here for what the beam brings."""
        with self._changed:
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._attended_s = self._clock()

    def require(self) -> None:
        """Raise when the beam must not be on any longer.

        Raises
        ------
        Withdrawn
            Leave was taken back.
        LeaseExpired
            Nobody attends.
        """
        with self._changed:
            if not self.is_given:
                raise Withdrawn("the shutter was closed: open it again to go on")
            if not self._inside and self._clock() - self._attended_s > ATTENTION_S:
                raise LeaseExpired(
                    "the shutter closed because nobody attended to it: see what kept this computer busy, then open it "
                    "again"
                )
