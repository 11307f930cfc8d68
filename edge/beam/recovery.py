"""What goes wrong while the beam is on, and how a run takes it: the shutter first, then the journal, then the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from edge.beam.allowance import Allowance
from edge.beam.outcome import RunOutcome, Step
from edge.beam.parts import RunParts
from edge.beam.reconnect import home_where_needed
from edge.beam.rest import Rest
from edge.beam.session import utc_now
from edge.beam.shutter import door_open
from edge.events import Faulted
from edge.faults import SafetyStop
from firmware_bridge.faults import (
    BridgeError,
    DoorOpen,
    LeaseExpired,
    LinkLost,
    PortUnavailable,
    Rebooted,
    StandoffExceeded,
)

_MOST_EXPIRIES = 20
"""More expired leases than that in an hour, and the computer is taken to be unfit for the scan."""
Curable = LeaseExpired | DoorOpen | StandoffExceeded | LinkLost | Rebooted | PortUnavailable
CURABLE = (LeaseExpired, DoorOpen, StandoffExceeded, LinkLost, Rebooted, PortUnavailable)
"""What ends an opening, but not necessarily the run."""


class Recovery:
    """Overcomes what can be overcome.

    Parameters
    ----------
    rejoin
        Takes the scan up on a controller that was connected again, given the indices that are recorded; gives how many
        spectra will come again.
    confirm_place
        Looks whether the object still lies where it was; raises `SafetyStop` otherwise.
    """

    def __init__(
        self,
        parts: RunParts,
        rest: Rest,
        *,
        rejoin: Callable[[frozenset[int]], int],
        confirm_place: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._rest = rest
        self._rejoin = rejoin
        self._confirm_place = confirm_place
        self._expiries = Allowance(_MOST_EXPIRIES)
        self._boot_id: int | None = None
        """Of the controller that was lost, until the one that was found is known to be fit for beam."""
        self._told: BaseException | None = None

    def can_overcome(self, fault: Curable) -> bool:
        """Whether the run may go on after this, perhaps with somebody's help."""
        match fault:
            case LeaseExpired():
                self._parts.shutter.note_closed("lease expired", is_cut_short=True)
                return self._expiries.spend()
            case DoorOpen():
                may_wait = self._parts.console.can_ask or self._parts.interrupts.awaits_arming
                return may_wait and not self._parts.connection.is_lost
            case StandoffExceeded():
                return not self._parts.connection.is_lost
            case _:
                return self._parts.connection.may_reconnect()

    def overcome(self, fault: Curable) -> Step:
        """Do it; raises the fault, or a graver one, where it could not be done after all."""
        match fault:
            case LeaseExpired():
                # This computer was too busy to renew the lease: nothing is lost.
                times = f"{self._expiries.spent} of at most {self._expiries.most} times an hour"
                self._parts.console.warn(f"{fault} ({times}): opening it again")
                return "lease expired"
            case DoorOpen() | StandoffExceeded():
                self._parts.console.warn(str(fault))
                return self._rest.stand(str(fault), is_cut_short=True)
            case _:
                return self._reconnect(fault)

    def settle(self) -> None:
        """Let a controller that was found again be as fit for beam as one at the beginning of a scan.

        Raises
        ------
        KeyboardInterrupt
            A signal came meanwhile: it may take minutes.
        """
        if self._boot_id is None:
            return
        with self._parts.interrupts.asking():
            controller = self._parts.connection.controller
            if not controller.status().is_door_closed:
                raise door_open()
            was_homed = home_where_needed(controller, self._parts.console)
            if was_homed or controller.capabilities.boot_id != self._boot_id:
                self._confirm_place()
            self._boot_id = None

    def fail(self, fault: BaseException) -> None:
        """Shutter first, then the journal; neither may hide the fault itself, nor claim what is not known."""
        if not self._parts.connection.is_lost:
            with suppress(BridgeError, SafetyStop):
                self._parts.shutter.abort()
            with suppress(Exception):
                self._parts.intake.drain()
        with suppress(Exception):
            if self._parts.shutter.is_closed:
                self._parts.shutter.note_closed("fault", is_cut_short=True)
            self._tell(fault)

    def _reconnect(self, fault: BridgeError) -> Step:
        """Find the controller again and take the scan up there; raises the fault when it stays away."""
        if self._boot_id is None:
            self._boot_id = self._parts.connection.controller.capabilities.boot_id
        self._parts.shutter.note_lost()
        with suppress(BridgeError):
            self._parts.intake.drain()
        self._tell(fault)
        if not self._parts.connection.reconnect(fault, lambda: self._parts.interrupts.is_search_unwanted):
            if not self._parts.interrupts.is_search_unwanted:
                raise fault
            return RunOutcome.CUT_OFF
        self._parts.shutter.note_found()
        self._rest.forget()
        self._parts.intake.retained = self._rejoin(self._parts.work.recorded)
        self._parts.intake.begin_again()
        return "connected again"

    def _tell(self, fault: BaseException) -> None:
        """Journal a fault, once."""
        if self._told is not fault:
            self._told = fault
            self._parts.session.record(Faulted(utc_now(), type(fault).__name__, str(fault) or type(fault).__name__))
