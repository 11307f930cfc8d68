"""Orders and answers: send lines to a GRBL board, wait, and stop it on whatever goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from firmware_bridge.faults import BridgeError, Rebooted
from firmware_bridge.grbl import codec as c
from firmware_bridge.grbl.connect import HEARING_S, READY_S
from firmware_bridge.grbl.faults import door_open, halted, lost_answer, not_homed, silent
from firmware_bridge.grbl.link import GrblCarrier
from firmware_bridge.grbl.phase import Phase
from firmware_bridge.grbl.queue import Order


class GrblDialogue:
    """What every command of a stage is made of.

    Parameters
    ----------
    name
        What the operator calls the port, for sentences.
    """

    def __init__(self, carrier: GrblCarrier, name: str) -> None:
        self.carrier = carrier
        self.session = carrier.session
        self._name = name

    def halt(self) -> None:
        """Hold, then reset at rest; at once with the gate open. Returns when the board has started again."""
        with self.carrier.changed:
            self.session.halt(self.carrier.now_s())
            self.carrier.kick()
            self.carrier.wait_for(lambda: self.session.phase is Phase.READY, READY_S)
            if self.session.failure is not None:
                raise self.session.failure

    def await_ready(self) -> None:
        """Wait out a reset that is under way."""
        with self.carrier.changed:
            self.carrier.wait_for(lambda: self.session.phase is Phase.READY, READY_S)
            if self.session.failure is not None:
                raise self.session.failure

    def require_position(self) -> None:
        """Raise what has gone wrong since the last call, an open door, or a position that isn't known."""
        self.await_ready()
        with self.carrier.changed:
            fault = self.session.take_fault()
            if fault is not None:
                raise fault
            if self.session.is_door_open:
                raise door_open()
            if not self.session.is_homed:
                raise not_homed()

    def carry_out(self, orders: Sequence[Order], timeout_s: float) -> None:
        """Send lines and wait until all are answered; whatever interrupts the waiting stops the stage."""
        with self.carrier.changed:
            self.session.submit(orders)
        self.finish(orders, timeout_s)

    def finish(self, orders: Sequence[Order], timeout_s: float) -> None:
        """Wait until lines that have been submitted are answered."""
        with self.halting_on_error(), self.carrier.changed:
            self.carrier.kick()
            self.carrier.wait_for(lambda: all(order.is_settled for order in orders), timeout_s)
            self.raise_unless_done(orders)

    def raise_unless_done(self, orders: Sequence[Order]) -> None:
        """Raise the first fault among lines."""
        fault = next((order.fault for order in orders if order.fault is not None), None)
        if fault is not None:
            self.session.fault = None
            raise fault
        if not all(order.is_done for order in orders):
            raise self.session.failure or lost_answer(self._name)

    @contextlib.contextmanager
    def halting_on_error(self) -> Iterator[None]:
        """Stop the stage on any exception; a dead link or a restart that shows meanwhile is what went wrong."""
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(BridgeError):
                self.halt()
            failure = self.session.failure
            if failure is None and isinstance(self.session.fault, Rebooted):
                failure = self.session.take_fault()
            if isinstance(error, BridgeError) and failure is not None and failure is not error:
                raise failure from error
            raise

    def hear(self) -> c.Report:
        """A fresh report: one that comes after everything that has been acknowledged so far."""
        with self.carrier.changed:
            session, before = self.session, self.session.reports
            session.path.clear()
            session.ask(self.carrier.now_s())
            self.carrier.kick()
            self.carrier.wait_for(lambda: session.reports > before or session.phase is not Phase.READY, HEARING_S)
            if session.reports > before and session.report is not None:
                return session.report
            was_stopped = session.phase is not Phase.READY
            self.carrier.wait_for(lambda: session.phase is Phase.READY, READY_S)
            raise session.take_fault() or (halted() if was_stopped else silent(self._name, HEARING_S))
