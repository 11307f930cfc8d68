"""A process beside the scan that is begun again when it dies: noticed by a thread that does nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from edge.monitor.child import Child

_LOOK_EVERY_S = 1.0
_REST_S = (1.0, 5.0, 30.0)
"""Before it is begun again: what dies at once must not keep the computer busy. Then it stays away."""


class Kept:
    """Begins the process at once.

    Parameters
    ----------
    begin
        Begins it; `OSError` where the system gives no process.
    what
        Its name in a sentence.
    remedy
        What to do where it does not stay.
    give_up
        Called when it stays away; in the thread that looks.
    post
        Told once when it died, and once when it stays away; called in the thread that looks.

    Raises
    ------
    OSError
        The system gives no process.
    """

    def __init__(
        self,
        begin: Callable[[], Child],
        *,
        what: str,
        remedy: str,
        post: Callable[[str], None],
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._begin, self._what, self._remedy, self._post, self._give_up = begin, what, remedy, post, give_up
        self._ended = threading.Event()
        self._child: Child | None = begin()
        self._keeper = threading.Thread(target=self._keep, name=f"keeper of {what}", daemon=True)
        self._keeper.start()

    def end(self, patience_s: float) -> None:
        """Let it end by itself, or end it."""
        self._ended.set()
        self._keeper.join()
        if self._child is not None:
            self._child.end(patience_s)

    def _keep(self) -> None:
        for times, rest_s in enumerate(_REST_S):
            if not self._is_gone():
                return
            if not times:
                self._post(f"{self._what} ended by itself, and is begun again; the scan goes on")
            if self._ended.wait(rest_s):
                return
            with suppress(OSError):
                self._child = self._begin()
        if self._is_gone():
            times = len(_REST_S) + 1
            self._post(f"{self._what} ended by itself {times} times and stays away; the scan goes on: {self._remedy}")
            self._give_up()

    def _is_gone(self) -> bool:
        """Wait until it has died; False where the scan is over before."""
        while self._child is not None and not self._child.is_gone():
            if self._ended.wait(_LOOK_EVERY_S):
                return False
        if self._child is not None:
            self._child.end(0.0)
        self._child = None
        return True
