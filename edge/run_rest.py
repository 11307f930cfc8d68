"""A run at rest: the exposure in progress finished, the shutter closed, and somebody asked what to do next."""

from __future__ import annotations

from collections.abc import Callable

from edge.console import Console
from edge.events import Paused, Resumed
from edge.intake import Intake
from edge.interrupts import Interrupts, Request
from edge.reconnect import Connection
from edge.run_outcome import RunOutcome, Step
from edge.run_work import Work
from edge.session import Session, utc_now
from edge.shutter import Shutter
from firmware_bridge.faults import LeaseExpired


class Rest:
    """Brings a run to rest, and lets it go on.

    Parameters
    ----------
    confirm_place
        Looks whether the object still lies where it was; raises `SafetyStop` otherwise.
    bid_farewell
        Done with the shutter closed after the last exposure.
    """

    def __init__(
        self,
        connection: Connection,
        session: Session,
        console: Console,
        shutter: Shutter,
        intake: Intake,
        work: Work,
        interrupts: Interrupts,
        *,
        confirm_place: Callable[[], None],
        bid_farewell: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._session = session
        self._console = console
        self._shutter = shutter
        self._intake = intake
        self._work = work
        self._interrupts = interrupts
        self._confirm_place = confirm_place
        self._bid_farewell = bid_farewell
        self._is_paused = False

    def finish_exposure(self) -> bool:
        """Have the controller finish the one in progress and close; whether its lease cut that one short instead."""
        self._is_paused = True
        try:
            self._connection.controller.pause()
        except LeaseExpired:
            return True
        return False

    def let_go_on(self) -> None:
        """End the controller's pause, where it is in one."""
        if self._is_paused:
            self._connection.controller.resume()
            self.forget()

    def forget(self) -> None:
        """The controller is in no pause any more."""
        self._is_paused = False

    def pause(self, reason: str) -> Step:
        """Close the shutter safely, then ask."""
        try:
            with self._interrupts.asking():
                is_cut_short = self.finish_exposure()
        except KeyboardInterrupt:
            return self.abort()
        return self.stand(reason, is_cut_short=is_cut_short)

    def stand(self, reason: str, *, is_cut_short: bool = False) -> Step:
        """Stand still with the shutter closed; what the operator, where there is one, wants then."""
        self._shutter.close(reason, is_cut_short=is_cut_short)
        self._intake.drain()
        if self._work.is_over:
            self._bid_farewell()
            return RunOutcome.FINISHED
        self._session.record(Paused(utc_now(), reason))
        if self._interrupts.request is Request.STOP or not self._console.can_ask:
            return RunOutcome.STOPPED
        try:
            with self._interrupts.asking():
                answer = self._console.ask(
                    f"Paused, shutter closed, {self._work.left} of {self._work.budget} exposures left. What now?",
                    ("resume", "finish", "stop"),
                )
        except KeyboardInterrupt:
            return RunOutcome.STOPPED
        self._interrupts.answered()
        match answer:
            case "resume":
                self._confirm_place()
                self._session.record(Resumed(utc_now(), "operator"))
                return "resumed by the operator"
            case "finish":
                return RunOutcome.ENDED_EARLY
        return RunOutcome.STOPPED

    def abort(self) -> RunOutcome:
        """Close now, whatever is in progress."""
        self._shutter.abort()
        self._intake.drain()
        self._shutter.note_closed("aborted by the operator", is_cut_short=True)
        self._session.record(Paused(utc_now(), "aborted by the operator"))
        return RunOutcome.STOPPED
