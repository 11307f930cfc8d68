"""A run that has enough before its plan is done: asked again and again, and concluded once."""

from __future__ import annotations

from collections.abc import Callable

from edge.beam.session import Session, utc_now
from edge.console import Console
from edge.events import Concluded


class Enough:
    """Whether a run has enough.

    Parameters
    ----------
    ask
        Given the live time that the object has received, says why the run is over; empty where it goes on.
    """

    def __init__(self, ask: Callable[[float], str], session: Session, console: Console) -> None:
        self._ask = ask
        self._session = session
        self._console = console
        self._because = ""
        self._is_concluded = False

    def is_reached(self, live_s: float, *, is_over: bool) -> bool:
        """Whether there is a reason to measure no more; what is over anyhow needs none."""
        if not self._because and not is_over:
            self._because = self._ask(live_s)
        return bool(self._because)

    def conclude(self) -> None:
        """Journal the reason, and say it."""
        if not self._is_concluded:
            self._session.record(Concluded(utc_now(), self._because))
            self._is_concluded = True
            self._console.say(f"Done: {self._because}")
