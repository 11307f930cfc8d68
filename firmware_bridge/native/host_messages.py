"""What the host says in the native protocol, in the units of the wire: micrometres, microseconds.

Each class is one table of ``PROTOCOL.md``; its ``LAYOUT`` is the table's fixed part, in order, little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from firmware_bridge.native.vocabulary import MessageType
from firmware_bridge.native.wire_layout import Layout


@dataclass(frozen=True, slots=True)
class Hello:
    """Begins a session; the frame's nonce is the session's from here on."""

    lowest_version: int
    highest_version: int
    window: int
    """Sequenced frames that the host keeps out of order, 1 to 32."""
    max_frame: int
    """Bytes of the longest frame that the host takes, before stuffing."""

    TYPE: ClassVar[MessageType] = MessageType.HELLO
    LAYOUT: ClassVar[Layout] = Layout("lowest_version:u8 highest_version:u8 window:u8 max_frame:u32")


@dataclass(frozen=True, slots=True)
class HostAck:
    """Acknowledges where nothing else is to be said; names what has arrived beyond a gap."""

    arrived: int
    """Bit k: sequence acknowledgement + 2 + k has arrived."""

    TYPE: ClassVar[MessageType] = MessageType.HOST_ACK
    LAYOUT: ClassVar[Layout] = Layout("arrived:u32")


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a sign of life and the device's clock."""

    token: int

    TYPE: ClassVar[MessageType] = MessageType.PING
    LAYOUT: ClassVar[Layout] = Layout("token:u32")


@dataclass(frozen=True, slots=True)
class Renew:
    """Lets the shutter stay open for another lease; never opens it. Answered by PONG."""

    token: int
    """Greater than that of any renewal before it in the session; one that isn't renews nothing."""
    lease_ms: int

    TYPE: ClassVar[MessageType] = MessageType.RENEW
    LAYOUT: ClassVar[Layout] = Layout("token:u32 lease_ms:u16")


@dataclass(frozen=True, slots=True)
class Abort:
    """Shutter closed, motion stopped, queue dropped, at once; needs neither credit nor sequence."""

    token: int
    """New for every abort; repeats carry the same."""
    void_through: int
    """Last sequence sent: exposures and commands up to it that arrive later are acknowledged and not obeyed."""

    TYPE: ClassVar[MessageType] = MessageType.ABORT
    LAYOUT: ClassVar[Layout] = Layout("token:u32 void_through:u16")


@dataclass(frozen=True, slots=True)
class Bye:
    """Ends the session: shutter closed, queue dropped, spectra kept."""

    TYPE: ClassVar[MessageType] = MessageType.BYE
    LAYOUT: ClassVar[Layout] = Layout("")


@dataclass(frozen=True, slots=True)
class Configure:
    """Sets how the stage moves; a zero keeps the firmware's own value."""

    request: int
    speed_um_s: int
    acceleration_um_s2: int
    settle_us: int

    TYPE: ClassVar[MessageType] = MessageType.CONFIGURE
    LAYOUT: ClassVar[Layout] = Layout("request:u16 speed_um_s:u32 acceleration_um_s2:u32 settle_us:u32")


@dataclass(frozen=True, slots=True)
class Home:
    """Closes the shutter and finds the origin; clears a latched fault."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.HOME
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class Move:
    """Travels with the shutter closed."""

    request: int
    x_um: int
    y_um: int

    TYPE: ClassVar[MessageType] = MessageType.MOVE
    LAYOUT: ClassVar[Layout] = Layout("request:u16 x_um:i32 y_um:i32")


@dataclass(frozen=True, slots=True)
class Dwells:
    """Exposures at rest: consecutive indices, one live time, a pose each."""

    first_index: int
    live_us: int
    poses_um: tuple[tuple[int, int], ...]
    """x and y of each."""

    TYPE: ClassVar[MessageType] = MessageType.DWELLS
    LAYOUT: ClassVar[Layout] = Layout("first_index:u32 live_us:u32", tail="poses_um:pairs")


@dataclass(frozen=True, slots=True)
class Strokes:
    """Exposures in motion: consecutive indices, one duration, start and end each."""

    first_index: int
    duration_us: int
    """Real time that each stroke takes, at constant speed."""
    lines_um: tuple[tuple[int, int, int, int], ...]
    """Start x and y, end x and y of each."""

    TYPE: ClassVar[MessageType] = MessageType.STROKES
    LAYOUT: ClassVar[Layout] = Layout("first_index:u32 duration_us:u32", tail="lines_um:quads")


@dataclass(frozen=True, slots=True)
class Open:
    """Opens the shutter for one lease, to be renewed."""

    request: int
    lease_ms: int

    TYPE: ClassVar[MessageType] = MessageType.OPEN
    LAYOUT: ClassVar[Layout] = Layout("request:u16 lease_ms:u16")


@dataclass(frozen=True, slots=True)
class Close:
    """Closes the shutter; an exposure in progress goes back to the head of the queue."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.CLOSE
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class Pause:
    """Finishes the exposure in progress, closes the shutter, keeps the queue."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.PAUSE
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class Resume:
    """Ends a pause."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.RESUME
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class Stop:
    """Finishes the exposure in progress, closes the shutter, drops the queue."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.STOP
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Asks for STATUS."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.ASK_STATUS
    LAYOUT: ClassVar[Layout] = Layout("request:u16")


@dataclass(frozen=True, slots=True)
class Forget:
    """Lets the controller drop spectra that are durably recorded."""

    ranges: tuple[range, ...]

    TYPE: ClassVar[MessageType] = MessageType.FORGET
    LAYOUT: ClassVar[Layout] = Layout("", tail="ranges:ranges")


@dataclass(frozen=True, slots=True)
class Begin:
    """Names the scan that indices belong to; a scan other than the last one voids its queue and kept spectra."""

    request: int
    scan_id: int

    TYPE: ClassVar[MessageType] = MessageType.BEGIN
    LAYOUT: ClassVar[Layout] = Layout("request:u16 scan_id:u64")


@dataclass(frozen=True, slots=True)
class Offer:
    """Asks for the spectra that are still kept; from here on exposures are accepted."""

    request: int

    TYPE: ClassVar[MessageType] = MessageType.OFFER
    LAYOUT: ClassVar[Layout] = Layout("request:u16")
