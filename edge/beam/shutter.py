"""The shutter as the journal knows it: when it may open, and that nothing is believed closed before that is known."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.beam.reconnect import Connection
from edge.beam.session import Session, utc_now
from edge.events import ShutterClosed, ShutterOpened, Target, utc_text
from edge.faults import SafetyStop
from edge.planning.passage import Passage
from edge.record.steady_clock import PROGRAM
from firmware_bridge.faults import DoorOpen
from firmware_bridge.messages import StagePose

_CLOSE_S = 2.0
"""Longest time that a shutter may take to be told of as closed after an abort."""
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run holds the instrument to."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]
    """The planned area, or the place of something else that is measured: outside it the shutter stays closed."""
    tolerance_mm: float
    """Largest distance between a planned and a measured pose."""
    patience_s: float
    """Longest time without a finished exposure while the beam is on."""
    passage: Passage | None = None
    """Where the open beam may go in it; None: anywhere."""

    def holds(self, pose: StagePose) -> bool:
        """Whether a pose lies in the planned area, and in no keep-out, give or take the tolerance."""
        (x0, x1), (y0, y1), slack = self.x_mm, self.y_mm, self.tolerance_mm
        if self.passage is not None and not self.passage.holds(pose, slack_mm=slack):
            return False
        return x0 - slack <= pose.x_mm <= x1 + slack and y0 - slack <= pose.y_mm <= y1 + slack


class Shutter:
    """Opens and closes the shutter of whatever controller is connected, and journals both."""

    def __init__(self, connection: Connection, session: Session, bounds: Bounds) -> None:
        self._connection = connection
        self._session = session
        self._bounds = bounds
        self._lost_at: datetime | None = None
        self._lease_s = 0.0
        self.is_closed = True
        """Whether the controller has confirmed that the shutter is closed."""

    def open(
        self,
        reason: str,
        *,
        exposures_left: int,
        live_s: float,
        over: Target = "object",
        bounds: Bounds | None = None,
    ) -> None:
        """Open where the stage stands, if that is where it should be and the instrument ready for beam.

        Parameters
        ----------
        over
            What lies there.
        bounds
            Where the stage should be, this once; None: in the planned area.

        Raises
        ------
        DoorOpen, SafetyStop
            It is not ready; nothing was opened.
        """
        controller = self._connection.controller
        status = controller.status()
        if not status.is_door_closed:
            raise door_open()
        if not status.is_homed:
            raise SafetyStop("the stage has not been homed, so its position is unknown: home it first")
        if status.fault:
            raise SafetyStop(f"the controller reports a fault ({status.fault}): clear it, then go on with --resume")
        if not (bounds or self._bounds).holds(status.pose):
            where = "outside the planned area, or in a keep-out" if bounds is None else f"away from the {over}"
            raise SafetyStop(
                f"the stage stands at ({status.pose.x_mm:.2f}, {status.pose.y_mm:.2f}) mm, {where}, "
                "although it was sent there: home it and check belts and couplings, then go on with --resume"
            )
        self._session.record(ShutterOpened(utc_now(), reason, exposures_left, live_s, over))
        self.is_closed = False
        controller.open_shutter()

    def close(self, reason: str, *, is_cut_short: bool = False) -> None:
        """Close, and journal that it is closed, and whether that may have cut an exposure short."""
        self._connection.controller.close_shutter()
        self.note_closed(reason, is_cut_short=is_cut_short)

    def note_closed(self, reason: str, at: str = "", *, is_cut_short: bool = False) -> None:
        """Journal that it is known to be closed, unless the journal says so already."""
        self.is_closed = True
        self._lost_at = None
        if self._session.beam.on_since:
            self._session.record(ShutterClosed(at or utc_now(), reason, is_cut_short))

    def note_lost(self) -> None:
        """The controller is out of reach: if it was open, it closes by its lease, but nobody sees it."""
        if not self.is_closed and self._lost_at is None:
            self._lost_at = PROGRAM.now()
            self._lease_s = self._connection.controller.capabilities.lease_s

    def note_found(self) -> None:
        """Look, on a controller that was found again, and journal the closing that nobody saw.

        Raises
        ------
        SafetyStop
            It is open.
        """
        if self._connection.controller.status().is_shutter_open:
            raise SafetyStop("the shutter is open although nobody asked: switch the tube off and check the shutter")
        if self._lost_at is not None:
            # Its lease was renewed until the loss was noticed, at the longest.
            at = min(PROGRAM.now(), self._lost_at + timedelta(seconds=self._lease_s))
            self.note_closed("closed by its lease, without the link", utc_text(at), is_cut_short=True)

    def abort(self) -> None:
        """Close at once, dropping the queue, and look until that is true.

        Nothing is journalled: what had arrived by then is to be taken over before `note_closed`.

        Raises
        ------
        SafetyStop
            It is open all the same.
        """
        controller = self._connection.controller
        controller.abort()
        until_s = time.monotonic() + _CLOSE_S
        while controller.status().is_shutter_open:
            self.is_closed = False
            if time.monotonic() > until_s:
                raise SafetyStop(
                    "the shutter was told to close and the controller says that it is open: switch the tube off by its "
                    "own control, then look at the shutter"
                )
            time.sleep(_LOOK_EVERY_S)
        self.is_closed = True


def door_open() -> DoorOpen:
    """Nobody opens a shutter behind an open door."""
    return DoorOpen("the door interlock is open: close the door, then go on")
