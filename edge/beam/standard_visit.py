"""The visit to a reference standard: one dwell on it between two openings over the object."""

from __future__ import annotations

import math
import time
from typing import Literal

from edge.beam.intermissions import BrokenOff, Standstill
from edge.beam.session import utc_now
from edge.beam.shutter import Bounds
from edge.configuration.config import StandardConfig
from edge.console import Console
from edge.events import StandardMissed
from edge.faults import SafetyStop
from firmware_bridge.faults import (
    BridgeError,
    DoorOpen,
    LeaseExpired,
    LinkLost,
    PortUnavailable,
    ProtocolViolation,
    Rebooted,
    WrongDevice,
)
from firmware_bridge.messages import Exposure, ExposureDone, StagePose

_PATIENCE = 3.0
_GRACE_S = 10.0
"""A visit waits so many times its live time, and so much more, before it gives up."""
_FEW_COUNTS = 10_000
"""Of a visit: the tube's output is known to 1 % then, as well as maps often are; below that it is said."""
_OVERCOME = (LeaseExpired, DoorOpen, Rebooted, LinkLost, PortUnavailable)
"""By the run, which then has the visit made again."""
_UNBELIEVABLE = (WrongDevice, ProtocolViolation)
"""What leaves no answer of the controller to be believed."""


class _Missed(Exception):
    """Why a visit gave nothing."""


class StandardVisit:
    """An intermission: to the standard with the shutter closed, open, one dwell, close.

    A visit that gives nothing is journalled and passed over, also for a fault that leaves the instrument fit for beam.
    Any other fault is the run's to overcome.

    Parameters
    ----------
    tolerance_mm
        Largest distance between the standard's place and where the stage is, or measures.
    begins
        With the first visit, or with an interval without one: the last visit before ended in a fault.
    """

    reason = "visit to the standard"

    def __init__(
        self,
        config: StandardConfig,
        *,
        tolerance_mm: float,
        console: Console,
        begins: Literal["visiting", "waiting"] = "visiting",
    ) -> None:
        self.every_s = 60.0 * config.every_minutes
        self.first_after_s = 0.0 if begins == "visiting" else self.every_s
        self._place = StagePose(config.x_mm, config.y_mm)
        self._live_s = config.live_s
        self._console = console
        self._index = self._missed = 0
        self._bounds = Bounds(
            x_mm=(config.x_mm, config.x_mm),
            y_mm=(config.y_mm, config.y_mm),
            tolerance_mm=tolerance_mm,
            patience_s=_PATIENCE * config.live_s + _GRACE_S,
        )

    def carry_out(self, standstill: Standstill) -> str:
        """Visit; never wants the run to pause.

        Raises
        ------
        SafetyStop
            The stage is not where it was sent.
        BridgeError
            What is the run's to overcome, and what left the controller with a fault.
        BrokenOff
            Somebody asked for something; what there was of the visit is lost.
        """
        try:
            return self._visit(standstill)
        except (BridgeError, SafetyStop) as fault:
            if not isinstance(fault, _OVERCOME):
                self._note_missed(standstill, fault)
            raise

    def _visit(self, standstill: Standstill) -> str:
        intake = standstill.intake
        self._index = index = intake.index_of_next_visit()
        try:
            self._measure(standstill, index)
            standstill.shutter.close(self.reason)
        except (*_OVERCOME, *_UNBELIEVABLE):
            raise
        except (_Missed, BridgeError) as why:
            self._give_up(standstill)
            status = standstill.connection.controller.status()
            if isinstance(why, BridgeError) and (status.fault or not status.is_homed):
                raise
            if index not in intake.visits:
                self._pass_over(standstill, why)
                if standstill.request() is not None:
                    raise BrokenOff(str(why)) from why
                return ""
        if intake.last_visit is not None:
            self._tell(intake.last_visit)
            self._check_place(intake.last_visit)
        return ""

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        """Go on without the visit, but not silently."""
        if self._index in standstill.intake.visits:
            self._console.warn(str(fault))
        else:
            self._pass_over(standstill, fault)
        return ""

    def _pass_over(self, standstill: Standstill, why: Exception) -> None:
        self._note_missed(standstill, why)
        self._console.warn(f"the visit to the standard gave nothing ({why}): the scan goes on without it")

    def _note_missed(self, standstill: Standstill, why: Exception) -> None:
        """Journal it, once for each visit."""
        if self._missed != self._index:
            self._missed = self._index
            standstill.session.record(StandardMissed(utc_now(), str(why)))

    def _measure(self, standstill: Standstill, index: int) -> None:
        """Open over the standard until its spectrum is recorded."""
        controller, intake = standstill.connection.controller, standstill.intake
        controller.move_to(self._place)
        if standstill.request() is not None:
            raise _Missed("broken off before the shutter opened")
        controller.submit([Exposure(index, self._place, self._place, self._live_s)])
        standstill.shutter.open(
            self.reason,
            exposures_left=len(intake.lacking),
            live_s=intake.live_s,
            over="standard",
            bounds=self._bounds,
        )
        standstill.let_go_on()
        until_s = time.monotonic() + self._bounds.patience_s
        while index not in intake.visits:
            if standstill.request() is not None:
                raise _Missed("broken off before its end")
            if time.monotonic() > until_s:
                raise _Missed(f"no spectrum within {self._bounds.patience_s:.0f} s: check the detector")
            intake.collect()

    def _give_up(self, standstill: Standstill) -> None:
        """Close at once, and have the controller forget the visit: it must not be made up for with the beam on."""
        standstill.drop_queue()
        standstill.shutter.note_closed(self.reason)

    def _tell(self, visit: ExposureDone) -> None:
        counts = int(visit.counts.sum(dtype="uint64"))
        if visit.live_s <= 0:
            self._console.warn(
                f"the visit to the standard states a live time of {visit.live_s:g} s, so it does not count: check the "
                "detector"
            )
        elif counts < _FEW_COUNTS:
            error = f"{100 / math.sqrt(counts):.2g} %" if counts else "anything"
            self._console.warn(
                f"the visit to the standard counted {counts} events in {visit.live_s:.3g} s, which leaves the tube's "
                f"output uncertain by {error}: raise instrument.standard.live_s, or see that the standard lies there"
            )
        else:
            rate_hz = counts / visit.live_s
            self._console.say(f"Standard: {rate_hz:.0f} counts/s, +- {100 / math.sqrt(counts):.2g} % by counting")

    def _check_place(self, visit: ExposureDone) -> None:
        for found in (visit.start, visit.end):
            off_mm = math.hypot(found.x_mm - self._place.x_mm, found.y_mm - self._place.y_mm)
            if off_mm > self._bounds.tolerance_mm:
                raise SafetyStop(
                    f"the standard was measured {off_mm:.2f} mm away from where it lies: home the stage, check belts "
                    "and couplings, then go on with --resume"
                )
