"""A run at rest: the exposure in progress finished, the shutter closed, and somebody asked what to do next."""

from __future__ import annotations

from collections.abc import Callable

from edge.beam.interrupts import Request
from edge.beam.outcome import RunOutcome, Step
from edge.beam.parts import RunParts
from edge.beam.session import utc_now
from edge.events import Paused, Resumed
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
        parts: RunParts,
        *,
        confirm_place: Callable[[], None],
        bid_farewell: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._confirm_place = confirm_place
        self._bid_farewell = bid_farewell
        self._is_paused = False

    def finish_exposure(self) -> bool:
        """Have the controller finish the one in progress and close; whether its lease cut that one short instead."""
        self._is_paused = True
        try:
            self._parts.connection.controller.pause()
        except LeaseExpired:
            return True
        return False

    def let_go_on(self) -> None:
        """End the controller's pause, where it is in one."""
        if self._is_paused:
            self._parts.connection.controller.resume()
            self.forget()

    def forget(self) -> None:
        """The controller is in no pause any more."""
        self._is_paused = False

    def pause(self, reason: str) -> Step:
        """Close the shutter safely, then ask."""
        try:
            with self._parts.interrupts.asking():
                is_cut_short = self.finish_exposure()
        except KeyboardInterrupt:
            return self.abort()
        return self.stand(reason, is_cut_short=is_cut_short)

    def stand(self, reason: str, *, is_cut_short: bool = False) -> Step:
        """Stand still with the shutter closed; what the operator, where there is one, wants then."""
        self._parts.shutter.close(reason, is_cut_short=is_cut_short)
        self._parts.intake.drain()
        if self._parts.work.is_over:
            self._bid_farewell()
            return RunOutcome.FINISHED
        self._parts.session.record(Paused(utc_now(), reason))
        if self._parts.interrupts.request is Request.STOP or not self._parts.console.can_ask:
            return RunOutcome.STOPPED
        try:
            with self._parts.interrupts.asking():
                work = self._parts.work
                answer = self._parts.console.ask(
                    f"Paused, shutter closed, {work.left} of {work.budget} exposures left. What now?",
                    ("resume", "finish", "stop"),
                )
        except KeyboardInterrupt:
            return RunOutcome.STOPPED
        self._parts.interrupts.answered()
        match answer:
            case "resume":
                self._confirm_place()
                self._parts.session.record(Resumed(utc_now(), "operator"))
                return "resumed by the operator"
            case "finish":
                return RunOutcome.ENDED_EARLY
        return RunOutcome.STOPPED

    def abort(self) -> RunOutcome:
        """Close now, whatever is in progress."""
        self._parts.shutter.abort()
        self._parts.intake.drain()
        self._parts.shutter.note_closed("aborted by the operator", is_cut_short=True)
        self._parts.session.record(Paused(utc_now(), "aborted by the operator"))
        return RunOutcome.STOPPED
