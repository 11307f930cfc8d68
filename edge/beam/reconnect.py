"""The controller that a scan talks to, and the same one again after its link was lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from edge.beam.allowance import Allowance
from edge.console import Console
from edge.readiness.doctor import examine_fault, require
from firmware_bridge.controller import Controller
from firmware_bridge.faults import (
    BridgeError,
    LinkLost,
    PortUnavailable,
    ProtocolViolation,
    Rebooted,
    WrongDevice,
)

_LOOK_EVERY_S = 0.1
_MOST_AN_HOUR = 20
"""More lost links than that in an hour, and something is broken that connecting again does not mend."""
_NOT_THERE_YET = (PortUnavailable, LinkLost, WrongDevice, ProtocolViolation, Rebooted)
"""What a device that is coming back may look like: no port, silence, the chatter of its boot loader."""


class Connection:
    """The controller in use; connects at once.

    Parameters
    ----------
    connect
        Opens the ports anew at every call, so that a device may have come back under another name.
    patience_s
        How long a lost controller is looked for; 0: it isn't.
    """

    def __init__(self, connect: Callable[[], Controller], *, patience_s: float, console: Console) -> None:
        self._connect = connect
        self._patience_s = patience_s
        self._console = console
        self._allowance = Allowance(_MOST_AN_HOUR)
        self.controller = connect()
        self.is_lost = False
        """Whether the controller was lost and has not been found again."""

    def may_reconnect(self) -> bool:
        """Whether the controller, lost just now, is to be looked for; each loss counts."""
        if self.is_lost or self._patience_s == 0:
            return False
        if not self._allowance.spend():
            self._console.warn(
                f"the link broke more than {self._allowance.most} times within an hour: see to cable, hub and supply"
            )
            return False
        return True

    def reconnect(self, why: BridgeError, is_unwanted: Callable[[], bool]) -> bool:
        """Give up the lost controller and look for it until it is there.

        Parameters
        ----------
        why
            What the operator reads while waiting.
        is_unwanted
            Asked again and again; ends the search.

        Returns
        -------
        bool
            Whether `controller` is a new one. False: not in time, or not wanted any more.
        """
        self.is_lost = True
        with suppress(BridgeError):
            self.controller.close()
        began_s = time.monotonic()
        latest: BridgeError | None = None
        with self._console.countdown("Looking for the controller") as show:
            self._console.warn(f"{why} (looking for it for {self._patience_s:g} s; Ctrl-C stops the scan)")
            while not is_unwanted() and (left_s := began_s + self._patience_s - time.monotonic()) > 0:
                show(left_s)
                try:
                    self.controller = self._connect()
                except _NOT_THERE_YET as reason:
                    latest = reason
                    time.sleep(_LOOK_EVERY_S)
                else:
                    self.is_lost = False
                    self._console.say(f"Connected again after {time.monotonic() - began_s:.1f} s")
                    return True
        if not is_unwanted():
            self._console.warn(f"the controller was not found again within {self._patience_s:g} s ({latest})")
        return False

    def close(self) -> None:
        """Close the shutter if it is open, then the port. Safe to call twice."""
        self.controller.close()


def home_where_needed(controller: Controller, console: Console) -> bool:
    """Home a stage that doesn't know its position, or whose fault homing may clear; whether it was homed.

    Raises
    ------
    DeviceError
        The fault is still there.
    """
    status = controller.status()
    if status.fault:
        console.warn(f"the controller reports a fault ({status.fault}): homing the stage to clear it")
    elif status.is_homed:
        return False
    console.say("Homing the stage")
    controller.home()
    require(examine_fault(controller.status()))
    return True
