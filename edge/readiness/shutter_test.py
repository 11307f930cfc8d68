"""The shutter, the door interlock and the lease, tried out under the eyes of a person; the shutter is closed after."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from edge.beam.interrupts import Interrupts
from edge.configuration.area import AreaConfig
from edge.console import Console
from edge.faults import SafetyStop
from edge.readiness.doctor import Finding
from firmware_bridge.controller import ATTENTION_S, Controller
from firmware_bridge.faults import BridgeError, DoorOpen, LeaseExpired
from firmware_bridge.messages import Exposure, StagePose

_RATE_EXPOSURES: Final = 10
_RATE_LIVE_S: Final = 0.01
_RATE_PATIENCE_S: Final = 30.0
_HOLD_LIVE_S: Final = 600.0
"""Live time of the exposure that holds the beam on while the door or the lease is tried; it is never finished."""
_DOOR_PATIENCE_S: Final = 30.0
"""How long the shutter stays open for somebody to open the door."""
_DOOR_CLOSES_S: Final = 0.5
"""Longest time from the door's first report to a closed shutter."""
_LOOK_EVERY_S: Final = 0.02
_CLOSE_S: Final = 2.0
_MOST_NEWS: Final = 100
_TUBE: Final = "switch the tube off by its own control, then look at the shutter"


class ShutterTest:
    """Opens and closes the shutter in the scan area, on purpose and by what must close it.

    Parameters
    ----------
    controller
        Connected, its door closed and its shutter too.
    area
        Half a cell of it is how far the stage may be off.
    show
        Called with each finding.
    place
        Where the beam goes; None: to the area's middle.
    """

    def __init__(
        self,
        controller: Controller,
        area: AreaConfig,
        console: Console,
        show: Callable[[Finding], None],
        *,
        place: StagePose | None = None,
    ) -> None:
        self._controller = controller
        self._console = console
        self._show = show
        self._place = place or StagePose(area.x_mm + area.width_mm / 2, area.y_mm + area.height_mm / 2)
        self._tolerance_mm = area.pitch_mm / 2
        self._has_opened = False
        self._next_index = 0

    def run(self) -> None:
        """Make the test; stops at the first thing that fails.

        Raises
        ------
        BridgeError
            The instrument failed.
        SafetyStop
            The shutter, the door's contact or the lease doesn't do what it must, or the shutter isn't known to be
            closed at the end.
        KeyboardInterrupt
            Ctrl-C, SIGTERM or a lost terminal; the shutter is closed.
        """
        interrupts = Interrupts()
        with interrupts.listening():
            try:
                with interrupts.asking():
                    if not self._may_begin():
                        self._show(Finding("shutter test", True, "not made: it was not confirmed", is_good=False))
                        return
                    self._get_ready()
                    self._open_and_close()
                    self._open_the_door()
                    self._let_the_lease_run_out()
            finally:
                # No signal interrupts this: a further one is only noted.
                if self._has_opened:
                    self._make_sure()

    def _may_begin(self) -> bool:
        x_mm, y_mm = self._place.x_mm, self._place.y_mm
        self._console.say(
            f"The shutter test opens the shutter three times over ({x_mm:g}, {y_mm:g}) mm, in the middle of the scan "
            f"area, for up to {_DOOR_PATIENCE_S:.0f} s each. Switch the tube off by its own control, or radiation will "
            "come out. Take away what must not be exposed. Spectra that the controller keeps for an interrupted scan "
            "are given up; that scan measures them again."
        )
        question = "Is the tube off, or is it safe that radiation comes out?"
        return self._console.ask(question, ("yes", "no")) == "yes"

    def _get_ready(self) -> None:
        """At rest over its place, homed, door closed, without a fault."""
        status = self._controller.status()
        if status.fault or not status.is_homed:
            self._console.say("Homing the stage")
            self._controller.home()
        self._controller.move_to(self._place)
        status = self._controller.status()
        if not status.is_door_closed:
            raise DoorOpen("the door is open: close it, then examine again")
        if status.fault or not status.is_homed:
            raise SafetyStop(f"the stage is not ready for the beam ({status.fault or 'not homed'}): clear that first")
        off_mm = math.dist((status.pose.x_mm, status.pose.y_mm), (self._place.x_mm, self._place.y_mm))
        if off_mm > self._tolerance_mm:
            raise SafetyStop(f"the stage stands {off_mm:.2f} mm from where it was sent: check belts and couplings")

    def _open_and_close(self) -> None:
        self._open(_RATE_EXPOSURES, _RATE_LIVE_S)
        opened = self._controller.status()
        if not opened.is_shutter_open:
            raise SafetyStop("the shutter was told to open and the controller says that it is closed: check its drive")
        per_second = self._spectra_per_second()
        self._controller.close_shutter()
        if self._controller.status().is_shutter_open:
            raise SafetyStop(f"the shutter was told to close and the controller says that it is open: {_TUBE}")
        self._found("shutter test", "opens and closes when it is told to")
        rate = f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
        words = f"{rate} a second of {1e3 * _RATE_LIVE_S:g} ms live each, without moves between"
        self._found("spectrum rate", words)

    def _spectra_per_second(self) -> float:
        """From opening to the last of some short exposures."""
        began_s = time.monotonic()
        received = 0
        while received < _RATE_EXPOSURES:
            done = self._controller.next_done(0.5)
            if done is not None:
                self._controller.acknowledge(done.index)
                received += 1
            if time.monotonic() - began_s > _RATE_PATIENCE_S:
                raise SafetyStop(
                    f"only {received} of {_RATE_EXPOSURES} spectra came in {_RATE_PATIENCE_S:.0f} s: check the "
                    "detector and its link"
                )
        return received / (time.monotonic() - began_s)

    def _open_the_door(self) -> None:
        self._open(1, _HOLD_LIVE_S)
        self._console.say(f"The shutter is open. Open the door now, within {_DOOR_PATIENCE_S:.0f} s.")
        reported_s = self._await_door()
        while self._controller.status().is_shutter_open:
            if time.monotonic() - reported_s > _DOOR_CLOSES_S:
                raise SafetyStop(f"the door is open and the shutter did not close in {_DOOR_CLOSES_S:g} s: {_TUBE}")
            time.sleep(_LOOK_EVERY_S)
        took_ms = 1e3 * (time.monotonic() - reported_s)
        self._found("door test", f"the shutter closed by itself, within {took_ms:.0f} ms of the door's first report")
        is_closed = False
        while not is_closed:
            if self._console.ask("Close the door. Is it closed?", ("yes", "stop")) == "stop":
                raise DoorOpen("the door was left open: close it, then examine again")
            is_closed = self._controller.status().is_door_closed
            if not is_closed:
                self._console.say("The controller still says that the door is open: close it, or check its contact")

    def _await_door(self) -> float:
        """When the controller first told of the open door."""
        until_s = time.monotonic() + _DOOR_PATIENCE_S
        while time.monotonic() < until_s:
            try:
                status = self._controller.status()
                self._controller.next_done(0.0)
            except DoorOpen:
                return time.monotonic()
            if not status.is_door_closed:
                return time.monotonic()
            if not status.is_shutter_open:
                raise SafetyStop(
                    "the shutter closed before the controller told of an open door "
                    f"({status.fault or 'without a word'}): check shutter and controller, then examine again"
                )
            time.sleep(_LOOK_EVERY_S)
        raise SafetyStop(
            f"the controller told of no open door for {_DOOR_PATIENCE_S:.0f} s: if the door was opened, its contact "
            "doesn't reach the controller: wire it before any beam"
        )

    def _let_the_lease_run_out(self) -> None:
        self._controller.close_shutter()
        self._drain()
        self._get_ready()
        self._open(1, _HOLD_LIVE_S)
        wait_s = ATTENTION_S + self._controller.capabilities.lease_s + 1.0
        self._console.say(f"The shutter is open, and is left alone for {wait_s:.1f} s: its lease must run out")
        time.sleep(wait_s)
        if self._controller.status().is_shutter_open:
            raise SafetyStop(f"nobody renewed the shutter's lease and it stayed open: {_TUBE}")
        self._found("lease test", "the shutter closed by itself when nobody attended to it any more")

    # What the steps share.

    def _open(self, exposures: int, live_s: float) -> None:
        """Open over some exposures where the stage stands, under indices of a scan of their own."""
        self._controller.begin_scan(secrets.randbits(64), ())
        indices = range(self._next_index, self._next_index + exposures)
        self._next_index += exposures
        taken = self._controller.submit([Exposure(index, self._place, self._place, live_s) for index in indices])
        if taken < exposures:
            raise SafetyStop(f"the controller took {taken} of {exposures} exposures: restart it, then examine again")
        self._has_opened = True
        self._controller.open_shutter()

    def _drain(self) -> None:
        """Hear what the controller has to say of a door or a lease, which were meant to close the shutter."""
        for _ in range(_MOST_NEWS):
            with suppress(DoorOpen, LeaseExpired):
                if self._controller.next_done(0.0) is None:
                    return

    def _make_sure(self) -> None:
        """Close the shutter and see that it is; says so when it isn't known to be."""
        until_s = time.monotonic() + _CLOSE_S
        while True:
            try:
                self._controller.close_shutter()
                if not self._controller.status().is_shutter_open:
                    return
            except BridgeError as error:
                reason = str(error)
            else:
                reason = "the controller says that it is open"
            if time.monotonic() > until_s:
                with suppress(BridgeError):
                    self._controller.abort()
                raise SafetyStop(f"the shutter could not be confirmed closed ({reason}): {_TUBE}")
            time.sleep(_LOOK_EVERY_S)

    def _found(self, what: str, text: str) -> None:
        self._show(Finding(what, True, text))
