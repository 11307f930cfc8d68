"""Packets of the DP5 family to bytes and back. Pure: no port, no clock.

A packet is ``F5 FA``, two bytes of type, the length of its content (2 bytes, big-endian), the content, and the two's
complement of the 16-bit sum of all bytes before it (big-endian). The sum notices neither swapped bytes nor damage that
cancels out: what a packet holds is checked again where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.dp5.vocabulary import CHANNELS, SPECTRUM, Pid, StatusFlag

SYNC: Final = b"\xf5\xfa"
HEADER_BYTES: Final = 6
CHECKSUM_BYTES: Final = 2
LONGEST_REQUEST: Final = 512
"""Bytes of content that the device takes."""
LONGEST_REPLY: Final = 32_767
"""Bytes of content that the device sends at most."""
STATUS_BYTES: Final = 64
_CHANNEL_BYTES = 3
_BITS_PER_BYTE: Final = 10
SLOWEST_BAUD: Final = 115_200
"""Of the serial lines that the device has."""
LARGEST_COUNT: Final = 2 ** (8 * _CHANNEL_BYTES) - 1


class Dp5CodecError(ValueError):
    """Content that is not what its type promises; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A request or a reply."""

    pid: Pid
    content: bytes = b""


def encode_packet(packet: Packet) -> bytes:
    """The bytes of a packet. Raises `Dp5CodecError` when its content is longer than any device sends."""
    if len(packet.content) > LONGEST_REPLY:
        raise Dp5CodecError(f"a packet of {len(packet.content)} bytes: at most {LONGEST_REPLY} fit")
    body = SYNC + bytes(packet.pid) + len(packet.content).to_bytes(2, "big") + packet.content
    return body + checksum(body).to_bytes(2, "big")


def checksum(octets: bytes | bytearray | memoryview) -> int:
    """Two's complement of the 16-bit sum of the bytes."""
    return -sum(octets) & 0xFFFF


class Dp5Deframer:
    """Packets out of a stream of bytes, whatever else is in it.

    Bytes that belong to no intact packet are passed over one beginning at a time, so that a packet behind a damaged
    one is found. Holds one packet of the allowed length at most.

    Parameters
    ----------
    longest
        Content in bytes; what announces more is no packet.
    """

    def __init__(self, longest: int = LONGEST_REPLY) -> None:
        self._longest = longest
        self._held = bytearray()
        self.passed_over = 0
        """Bytes that belonged to no intact packet."""
        self.damaged = 0
        """Whole packets whose checksum was wrong."""

    @property
    def held(self) -> int:
        """Bytes of a packet that has begun."""
        return len(self._held)

    def feed(self, octets: bytes) -> list[Packet]:
        """Take bytes as they come; return the packets that they complete."""
        packets = []
        whole = self._longest + HEADER_BYTES + CHECKSUM_BYTES
        at = 0
        while at < len(octets):
            room = whole - len(self._held)
            self._held += octets[at : at + room]
            packets += self._take()
            at += room
        return packets

    def drop(self) -> None:
        """Forget a packet that has begun: its rest isn't coming."""
        self.passed_over += len(self._held)
        self._held.clear()

    def _take(self) -> list[Packet]:
        packets = []
        at = 0
        sums: NDArray[np.uint32] | None = None
        while (packet := self._packet_from(at)) is not None:
            start, end = packet
            self.passed_over += start - at
            if sums is None:
                sums = _running_sums(self._held)
            if (int(sums[end - 2]) - int(sums[start]) + self._whole(end - 2)) & 0xFFFF == 0:
                pid = Pid(self._held[start + 2], self._held[start + 3])
                packets.append(Packet(pid, bytes(self._held[start + HEADER_BYTES : end - CHECKSUM_BYTES])))
                at = end
            else:
                self.damaged += 1
                self.passed_over += 1
                at = start + 1
        keep_from = self._next_beginning(at)
        self.passed_over += keep_from - at
        del self._held[:keep_from]
        return packets

    def _packet_from(self, at: int) -> tuple[int, int] | None:
        """Start and end of the next whole packet, sound or not; None when none is complete."""
        start = self._next_beginning(at)
        if len(self._held) - start < HEADER_BYTES:
            return None
        end = start + HEADER_BYTES + self._announced(start) + CHECKSUM_BYTES
        if len(self._held) < end:
            return None
        return start, end

    def _next_beginning(self, at: int) -> int:
        """Where the next possible packet begins; the end of what is held when none does."""
        at_least = at
        while True:
            at = self._held.find(SYNC, at)
            if at < 0:
                return max(at_least, len(self._held) - (self._held[-1:] == SYNC[:1]))
            if len(self._held) - at < HEADER_BYTES or self._announced(at) <= self._longest:
                return at
            at += 1

    def _announced(self, start: int) -> int:
        return self._whole(start + 4)

    def _whole(self, at: int) -> int:
        return self._held[at] << 8 | self._held[at + 1]


def _running_sums(octets: bytearray) -> NDArray[np.uint32]:
    """Sum of all bytes before each place: what hostile bytes announce over and over is added up once."""
    sums = np.zeros(len(octets) + 1, dtype=np.uint32)
    np.cumsum(np.frombuffer(bytes(octets), dtype=np.uint8), dtype=np.uint32, out=sums[1:])
    return sums


@dataclass(frozen=True, slots=True)
class Dp5Status:
    """What the device says of itself and of its counting."""

    fast_count: int
    """Events in the fast channel, which is dead for far shorter than the slow one."""
    slow_count: int
    """Events in the spectrum."""
    gp_count: int
    accumulation_ms: int
    """Time in which events could be counted: stops during transfers, gating and the detector's resets. No live time:
    the time for shaping each pulse isn't taken off."""
    real_ms: int
    firmware: int
    """Version, a decimal digit in each half of the byte, as for the next one."""
    fpga: int
    serial_number: int
    high_voltage_v: float
    detector_k: float
    board_celsius: int
    flags: StatusFlag
    build: int
    device: int
    """A `Device`, or something newer."""
    is_buffering: bool
    """Sequential buffering runs."""
    slot: int
    """Slot of a stored spectrum; of the present one, the slot that a trigger fills next."""

    @property
    def version(self) -> str:
        return f"{self.firmware >> 4}.{self.firmware & 15:02d}.{self.build & 15:02d}"


def decode_status(content: bytes) -> Dp5Status:
    """The status from its 64 bytes. Raises `Dp5CodecError` for another length."""
    if len(content) != STATUS_BYTES:
        raise Dp5CodecError(f"a status of {len(content)} bytes instead of {STATUS_BYTES}")
    return Dp5Status(
        fast_count=int.from_bytes(content[0:4], "little"),
        slow_count=int.from_bytes(content[4:8], "little"),
        gp_count=int.from_bytes(content[8:12], "little"),
        accumulation_ms=content[12] + 100 * int.from_bytes(content[13:16], "little"),
        real_ms=int.from_bytes(content[20:24], "little"),
        firmware=content[24],
        fpga=content[25],
        serial_number=int.from_bytes(content[26:30], "little"),
        high_voltage_v=0.5 * int.from_bytes(content[30:32], "big", signed=True),
        detector_k=0.1 * (int.from_bytes(content[32:34], "big") & 0x0FFF),
        board_celsius=int.from_bytes(content[34:35], "big", signed=True),
        flags=StatusFlag(content[35]) & (StatusFlag.COUNTS_REACHED | StatusFlag.ENABLED | StatusFlag.REAL_REACHED),
        build=content[37] & 15,
        device=content[39],
        is_buffering=bool(content[46] & 2),
        slot=(content[46] & 1) << 8 | content[47],
    )


def encode_status(status: Dp5Status) -> bytes:
    """The 64 bytes of a status; bytes that this module gives no meaning to are zero."""
    content = bytearray(STATUS_BYTES)
    content[0:4] = status.fast_count.to_bytes(4, "little")
    content[4:8] = status.slow_count.to_bytes(4, "little")
    content[8:12] = status.gp_count.to_bytes(4, "little")
    content[12] = status.accumulation_ms % 100
    content[13:16] = (status.accumulation_ms // 100).to_bytes(3, "little")
    content[20:24] = status.real_ms.to_bytes(4, "little")
    content[24:26] = bytes((status.firmware, status.fpga))
    content[26:30] = status.serial_number.to_bytes(4, "little")
    content[30:32] = round(2 * status.high_voltage_v).to_bytes(2, "big", signed=True)
    content[32:34] = round(10 * status.detector_k).to_bytes(2, "big")
    content[34:35] = status.board_celsius.to_bytes(1, "big", signed=True)
    content[35] = status.flags
    content[37] = status.build
    content[39] = status.device
    content[46] = status.is_buffering << 1 | status.slot >> 8
    content[47] = status.slot & 0xFF
    return bytes(content)


def spectrum_pid(channels: int, *, with_status: bool) -> Pid:
    """Type of a spectrum's packet. Raises `Dp5CodecError` for a length that no device has."""
    if channels not in CHANNELS:
        raise Dp5CodecError(f"a spectrum of {channels} channels: the device knows {', '.join(map(str, CHANNELS))}")
    return Pid(SPECTRUM, 2 * CHANNELS.index(channels) + 1 + with_status)


def spectrum_bytes(channels: int) -> int:
    """Bytes on the line of a spectrum with its status."""
    return HEADER_BYTES + _CHANNEL_BYTES * channels + STATUS_BYTES + CHECKSUM_BYTES


def under_way_s(channels: int, baud: int) -> float:
    """Time that a spectrum with its status takes on a serial line, 10 bits a byte."""
    return spectrum_bytes(channels) * _BITS_PER_BYTE / baud


def encode_spectrum(counts: NDArray[np.uint32], status: Dp5Status | None) -> Packet:
    """The packet of a spectrum, shape (channels,), with a status behind it if there is one."""
    if counts.size and int(counts.max()) > LARGEST_COUNT:
        raise Dp5CodecError(f"a count of {counts.max()}: a channel holds {LARGEST_COUNT:,}")
    octets = counts.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :_CHANNEL_BYTES].tobytes()
    tail = b"" if status is None else encode_status(status)
    return Packet(spectrum_pid(counts.size, with_status=status is not None), octets + tail)


def decode_spectrum(packet: Packet) -> tuple[NDArray[np.uint32], Dp5Status | None]:
    """Counts, shape (channels,), read-only, and the status if the packet holds one.

    Raises
    ------
    Dp5CodecError
        It is no spectrum, or its length is not what its type says.
    """
    first, second = packet.pid
    if first != SPECTRUM or not 1 <= second <= 2 * len(CHANNELS):
        raise Dp5CodecError(f"a packet of type {packet.pid} instead of a spectrum")
    channels, with_status = CHANNELS[(second - 1) // 2], second % 2 == 0
    spectrum_bytes = _CHANNEL_BYTES * channels
    expected = spectrum_bytes + STATUS_BYTES * with_status
    if len(packet.content) != expected:
        raise Dp5CodecError(
            f"a spectrum of type {packet.pid} with {len(packet.content)} bytes instead of {expected} "
            f"({channels} channels{' and a status' if with_status else ''})"
        )
    octets = np.zeros((channels, 4), dtype=np.uint8)
    octets[:, :_CHANNEL_BYTES] = np.frombuffer(packet.content, np.uint8, spectrum_bytes).reshape(channels, -1)
    counts = octets.view("<u4").reshape(channels).astype(np.uint32)
    counts.flags.writeable = False
    return counts, decode_status(packet.content[spectrum_bytes:]) if with_status else None
