"""A run at rest: the exposure in progress finished, the shutter closed, and somebody asked what to do next."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

from edge.beam.interrupts import AnsweredElsewhere, Request
from edge.beam.outcome import RunOutcome, Step
from edge.beam.parts import RunParts
from edge.beam.session import utc_now
from edge.beam.shutter import door_open
from edge.control.messages import Order
from edge.events import Paused, Resumed
from firmware_bridge.faults import BridgeError, LeaseExpired

_LOOK_EVERY_S = 0.5
"""At the door, while somebody elsewhere may let the scan go on: nobody gets in and out again within it."""


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

    def pause(self) -> Step:
        """Close the shutter safely for what was asked, then ask in turn."""
        interrupts = self._parts.interrupts
        if interrupts.request is Request.STOP:
            reason = self._who_stopped()
        else:
            reason = _from_elsewhere(interrupts.by) if interrupts.by else "operator"
        try:
            with interrupts.asking():
                is_cut_short = self.finish_exposure()
        except KeyboardInterrupt:
            return self.abort()
        return self.stand(reason, is_cut_short=is_cut_short, is_by_instrument=not interrupts.by)

    def finish(self) -> Step:
        """Close the shutter safely, and be content with what there is."""
        by = self._parts.interrupts.by
        try:
            with self._parts.interrupts.asking():
                is_cut_short = self.finish_exposure()
        except KeyboardInterrupt:
            return self.abort()
        self._parts.console.say(f"Finished {_from_elsewhere(by)}")
        self._parts.shutter.close(f"finished {_from_elsewhere(by)}", is_cut_short=is_cut_short)
        self._parts.intake.drain()
        if self._parts.work.is_over:
            self._bid_farewell()
            return RunOutcome.FINISHED
        return RunOutcome.ENDED_EARLY

    def stand(self, reason: str, *, is_cut_short: bool = False, is_by_instrument: bool = True) -> Step:
        """Stand still with the shutter closed; what the operator, where there is one, wants then.

        Parameters
        ----------
        is_by_instrument
            Whether it was brought about there: then it goes on only when somebody there lets it.
        """
        self._parts.shutter.close(reason, is_cut_short=is_cut_short)
        self._parts.intake.drain()
        if self._parts.work.is_over:
            self._bid_farewell()
            return RunOutcome.FINISHED
        self._parts.session.record(Paused(utc_now(), reason))
        if not self._is_answer_expected(is_by_instrument=is_by_instrument):
            return RunOutcome.STOPPED
        try:
            answer, by = self._answered(reason, is_by_instrument=is_by_instrument)
        except KeyboardInterrupt:
            return self._stopped(self._who_stopped())
        match answer:
            case "resume":
                self._confirm_place()
                self._parts.session.record(Resumed(utc_now(), by))
                return "resumed by the operator" if by == "operator" else f"resumed {by}"
            case "finish":
                return RunOutcome.ENDED_EARLY
        return self._stopped("stopped by the operator")

    def _stopped(self, reason: str) -> RunOutcome:
        """End a pause in no other way; whoever reads the recording is told that, not why it was paused before."""
        self._parts.session.record(Paused(utc_now(), reason))
        return RunOutcome.STOPPED

    def _who_stopped(self) -> str:
        interrupts = self._parts.interrupts
        if interrupts.by:
            return f"stopped {_from_elsewhere(interrupts.by)}"
        return "asked to stop by the system" if interrupts.request is Request.STOP else "stopped by the operator"

    def _answered(self, reason: str, *, is_by_instrument: bool) -> tuple[str, str]:
        """What to do next, and who said so; raises KeyboardInterrupt where a signal did."""
        interrupts = self._parts.interrupts
        try:
            with interrupts.resting("paused", is_by_instrument=is_by_instrument):
                answer = self._ask(reason, None if is_by_instrument else self._require_nobody_inside)
        except AnsweredElsewhere as elsewhere:
            return self._obeyed(elsewhere.order)
        except BridgeError as fault:
            # Somebody may stand before the beam by now: whoever lets it go on has to be there.
            reason = f"during the pause: {fault}"
            self._parts.console.warn(reason)
            self._parts.session.record(Paused(utc_now(), reason))
            return self._answered(reason, is_by_instrument=True)
        interrupts.answered()
        return answer, "operator"

    def _require_nobody_inside(self) -> None:
        """Raises `BridgeError` where the door is open, or nothing tells whether it is."""
        if not self._parts.connection.controller.status().is_door_closed:
            raise door_open()

    def _is_answer_expected(self, *, is_by_instrument: bool) -> bool:
        """Whether somebody may let the run go on: at its terminal, or from where it is commanded."""
        interrupts = self._parts.interrupts
        if interrupts.request is Request.STOP:
            return False
        return self._parts.console.can_ask or interrupts.awaits_arming or not is_by_instrument

    def _ask(self, reason: str, look: Callable[[], object] | None) -> str:
        work, console = self._parts.work, self._parts.console
        told = f"Paused, shutter closed, {work.left} of {work.budget} exposures left"
        if not console.can_ask:
            console.say(f"{told}: {reason}")
            wait_for_order(look or (lambda: None), every_s=_LOOK_EVERY_S)
        told += "" if reason == "operator" else f" ({reason})"
        question, answers = f"{told}. What now?", ("resume", "finish", "stop")
        return console.ask(question, answers) if look is None else console.ask(question, answers, look=look)

    def _obeyed(self, order: Order) -> tuple[str, str]:
        """What was answered from elsewhere, and by whom."""
        if order.do == "arm":
            answer, by = "resume", f"by {order.by} at a terminal"
        else:
            answer, by = order.do, _from_elsewhere(order.by)
        self._parts.console.say(f"{'Finished' if answer == 'finish' else 'Resumed'} {by}")
        return answer, by

    def abort(self) -> RunOutcome:
        """Close now, whatever is in progress."""
        self._parts.shutter.abort()
        self._parts.intake.drain()
        by = self._parts.interrupts.by
        reason = f"aborted {_from_elsewhere(by)}" if by else "aborted by the operator"
        self._parts.shutter.note_closed(reason, is_cut_short=True)
        self._parts.session.record(Paused(utc_now(), reason))
        return RunOutcome.STOPPED


def wait_for_order(look: Callable[[], object], *, every_s: float) -> NoReturn:
    """Wait within `Interrupts.resting`, whose exceptions alone end it, and what a look now and then raises."""
    while True:
        time.sleep(every_s)
        look()


def _from_elsewhere(by: str) -> str:
    """Who ordered something from elsewhere, as the journal has it."""
    return f"by {by} on the page"
