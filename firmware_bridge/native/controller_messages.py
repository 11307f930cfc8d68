"""What the controller says in the native protocol, in the units of the wire: micrometres, microseconds, counts.

Each class is one table of ``PROTOCOL.md``; its ``LAYOUT`` is the table's fixed part, in order, little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from firmware_bridge.native.vocabulary import ConditionBits, MessageType, StateCode
from firmware_bridge.native.wire_layout import Layout


@dataclass(frozen=True, slots=True)
class Welcome:
    """Answers HELLO: what the controller is and what it can take."""

    protocol_version: int
    boot_id: int
    x_min_um: int
    x_max_um: int
    y_min_um: int
    y_max_um: int
    max_speed_um_s: int
    max_acceleration_um_s2: int
    channels: int
    queue_length: int
    store_length: int
    """Spectra that it keeps until they are forgotten."""
    max_lease_ms: int
    window: int
    max_frame: int
    firmware: str

    TYPE: ClassVar[MessageType] = MessageType.WELCOME
    LAYOUT: ClassVar[Layout] = Layout(
        "protocol_version:u8 boot_id:u32 x_min_um:i32 x_max_um:i32 y_min_um:i32 y_max_um:i32 "
        "max_speed_um_s:u32 max_acceleration_um_s2:u32 channels:u16 queue_length:u16 store_length:u16 "
        "max_lease_ms:u16 window:u8 max_frame:u32",
        tail="firmware:text",
    )


@dataclass(frozen=True, slots=True)
class ControllerAck:
    """Acknowledges where nothing else is to be said; names what has arrived beyond a gap."""

    arrived: int
    """Bit k: sequence acknowledgement + 2 + k has arrived."""

    TYPE: ClassVar[MessageType] = MessageType.CONTROLLER_ACK
    LAYOUT: ClassVar[Layout] = Layout("arrived:u32")


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers PING and RENEW."""

    token: int
    time_us: int
    """Device time when the answer was made."""
    conditions: ConditionBits

    TYPE: ClassVar[MessageType] = MessageType.PONG
    LAYOUT: ClassVar[Layout] = Layout("token:u32 time_us:u48 conditions:u8")


@dataclass(frozen=True, slots=True)
class Aborted:
    """Answers ABORT when the shutter is closed."""

    token: int

    TYPE: ClassVar[MessageType] = MessageType.ABORTED
    LAYOUT: ClassVar[Layout] = Layout("token:u32")


@dataclass(frozen=True, slots=True)
class NoSession:
    """Answers a frame of a session that the controller doesn't know: it was restarted, or taken over."""

    boot_id: int

    TYPE: ClassVar[MessageType] = MessageType.NO_SESSION
    LAYOUT: ClassVar[Layout] = Layout("boot_id:u32")


@dataclass(frozen=True, slots=True)
class Reply:
    """Answers a command when it has been carried out, or why it won't be."""

    request: int
    code: int
    """A `Code`; a code that the host doesn't know is a fault without a sentence."""

    TYPE: ClassVar[MessageType] = MessageType.REPLY
    LAYOUT: ClassVar[Layout] = Layout("request:u16 code:u16")


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot of the controller, answering ASK_STATUS."""

    request: int
    state: StateCode
    conditions: ConditionBits
    x_um: int
    y_um: int
    time_us: int
    queue_free: int
    kept: int
    """Spectra that wait to be forgotten."""
    code: int
    """The fault that holds, or 0."""
    standoff_um: int = 0
    """From the sensor to the object's surface; 0 where nothing measures it."""

    TYPE: ClassVar[MessageType] = MessageType.STATUS
    LAYOUT: ClassVar[Layout] = Layout(
        "request:u16 state:u8 conditions:u8 x_um:i32 y_um:i32 time_us:u48 queue_free:u16 kept:u16 code:u16 "
        "standoff_um:u32"
    )


@dataclass(frozen=True, slots=True)
class CodedSpectrum:
    """One finished exposure as it travels."""

    index: int
    opened_us: int
    """Device time at which counting began."""
    real_us: int
    live_us: int
    input_events: int
    """Events that the fast channel saw."""
    start_x_um: int
    start_y_um: int
    end_x_um: int
    end_y_um: int
    flags: int
    coded: bytes
    """See `spectrum_coding`."""

    LAYOUT: ClassVar[Layout] = Layout(
        "index:u32 opened_us:u48 real_us:u32 live_us:u32 input_events:u32 "
        "start_x_um:i32 start_y_um:i32 end_x_um:i32 end_y_um:i32 flags:u8",
        tail="coded:sized",
    )


@dataclass(frozen=True, slots=True)
class Spectra:
    """Finished exposures, in the order in which they were finished."""

    entries: tuple[CodedSpectrum, ...]

    TYPE: ClassVar[MessageType] = MessageType.SPECTRA
    LAYOUT: ClassVar[Layout] = Layout("", tail="entries:spectra")


@dataclass(frozen=True, slots=True)
class Fault:
    """The shutter has closed by itself: why, and when."""

    code: int
    time_us: int
    remark: str
    """The firmware's own words, shown behind the code's sentence; may be empty."""

    TYPE: ClassVar[MessageType] = MessageType.FAULT
    LAYOUT: ClassVar[Layout] = Layout("code:u16 time_us:u48", tail="remark:text")


@dataclass(frozen=True, slots=True)
class Refused:
    """An exposure that won't be made, and why."""

    index: int
    code: int

    TYPE: ClassVar[MessageType] = MessageType.REFUSED
    LAYOUT: ClassVar[Layout] = Layout("index:u32 code:u16")


@dataclass(frozen=True, slots=True)
class Retained:
    """Answers BEGIN: which spectra of this scan are kept."""

    request: int
    ranges: tuple[range, ...]

    TYPE: ClassVar[MessageType] = MessageType.RETAINED
    LAYOUT: ClassVar[Layout] = Layout("request:u16", tail="ranges:ranges")
