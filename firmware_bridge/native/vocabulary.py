"""Numbers of the native protocol that have names: types, codes, states, limits. See ``PROTOCOL.md``."""

from __future__ import annotations

from enum import IntEnum, IntFlag

UNSEQUENCED = 0x40
"""Bit of a type: such a frame is neither numbered nor repeated."""
FROM_CONTROLLER = 0x80
"""Bit of a type: such a frame travels from the controller to the host."""
MAX_CHANNELS = 16_384
MAX_WINDOW = 32
MAX_LEASE_MS = 500
MAX_TEXT_BYTES = 120
SHORTEST_MAX_FRAME = 64
"""Every receiver takes frames of this many bytes."""


class MessageType(IntEnum):
    """Second byte of every frame."""

    CONFIGURE = 0x01
    HOME = 0x02
    MOVE = 0x03
    DWELLS = 0x04
    STROKES = 0x05
    OPEN = 0x06
    CLOSE = 0x07
    PAUSE = 0x08
    RESUME = 0x09
    STOP = 0x0A
    ASK_STATUS = 0x0B
    FORGET = 0x0C
    BEGIN = 0x0D
    OFFER = 0x0E
    HELLO = 0x41
    HOST_ACK = 0x42
    PING = 0x43
    RENEW = 0x44
    ABORT = 0x45
    BYE = 0x46
    REPLY = 0x81
    STATUS = 0x82
    SPECTRA = 0x83
    FAULT = 0x84
    REFUSED = 0x85
    RETAINED = 0x86
    WELCOME = 0xC1
    CONTROLLER_ACK = 0xC2
    PONG = 0xC3
    ABORTED = 0xC5
    NO_SESSION = 0xC6


class Code(IntEnum):
    """Outcome of a command, or what a fault was."""

    OK = 0
    NOT_HOMED = 1
    LIMIT = 2
    DOOR_OPEN = 3
    LEASE_EXPIRED = 4
    SHUTTER_OPEN = 5
    BUSY = 6
    ABORTED = 7
    UNSUPPORTED = 8
    MALFORMED = 9
    LEASE_TOO_LONG = 10
    TOO_FAST = 11
    LIVE_TIME = 12
    NO_SCAN = 13
    FAULTED = 14
    STANDOFF = 15
    STALLED = 32
    LIMIT_SWITCH = 33
    DETECTOR = 34
    SHUTTER_STUCK = 35


class StateCode(IntEnum):
    """What the controller is doing."""

    UNHOMED = 0
    IDLE = 1
    HOMING = 2
    MOVING = 3
    EXPOSING = 4
    PAUSED = 5
    FAULTED = 6


class ConditionBits(IntFlag):
    """What holds beside the state."""

    HOMED = 1
    SHUTTER_OPEN = 2
    DOOR_CLOSED = 4
    STORE_FULL = 8
    OUT_OF_RANGE = 16
    """The object is too near or too far."""


class CodecError(ValueError):
    """A frame whose payload is not what its type promises."""
