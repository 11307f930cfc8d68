"""What can go wrong between host and controller.

::

    BridgeError
    ├── PortUnavailable      the port is missing, busy or refused
    ├── LinkLost             the controller stopped answering
    ├── WrongDevice          something answers, but not this protocol or version
    ├── ProtocolViolation    an answer breaks the protocol
    │   └── ClockJumped      the controller's clock does not run on
    └── ControllerFault      the controller reports a fault
        ├── Rebooted         a new boot identity: the position is unknown
        ├── DoorOpen         the door interlock is open
        ├── LeaseExpired     the shutter closed because nobody renewed its lease
        ├── LimitExceeded    a pose outside the controller's own limits
        ├── SettingRefused   a setting was not taken as it was asked for
        ├── WrongPosition    the stage stands elsewhere than it was sent
        └── StandoffExceeded the object is too near or too far

Every message is one sentence that names the thing and the remedy.
"""

from __future__ import annotations


class BridgeError(Exception):
    """Root of the bridge's exceptions; the text is what the operator reads."""


class PortUnavailable(BridgeError):
    """The port is missing, busy or refused."""


class LinkLost(BridgeError):
    """The controller stopped answering."""


class WrongDevice(BridgeError):
    """Something answers, but not this protocol or version."""


class ProtocolViolation(BridgeError):
    """An answer breaks the protocol."""


class ClockJumped(ProtocolViolation):
    """The controller's clock went backwards or ran ahead: its times are of no use from here."""


class ControllerFault(BridgeError):
    """The controller reports a fault; the shutter is closed."""


class Rebooted(ControllerFault):
    """A new boot identity: the position is unknown until homed."""


class DoorOpen(ControllerFault):
    """The door interlock is open."""


class LimitExceeded(ControllerFault):
    """A pose outside the controller's own limits."""


class SettingRefused(ControllerFault):
    """A device did not take a setting as it was asked for."""


class WrongPosition(ControllerFault):
    """The stage stands elsewhere than it was sent."""


class StandoffExceeded(ControllerFault):
    """The object's surface is too near or too far; the shutter closed, and opening it again goes on."""


class LeaseExpired(ControllerFault):
    """The shutter closed because its lease was not renewed in time; opening it again goes on."""
