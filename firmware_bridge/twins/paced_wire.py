"""A serial line that carries so many bytes a second in each direction, and not one more."""

from __future__ import annotations

import math
from typing import Final

from firmware_bridge.twins.wire import LINE_BUFFER, LineEvent

_BITS_PER_BYTE: Final = 10
"""8N1: a start bit, eight bits, a stop bit."""
_BUFFER_S: Final = 0.05
"""Time that a full transmit buffer lasts, where `LINE_BUFFER` isn't less."""
_LEAST_BUFFER: Final = 256
_PIECE_S: Final = 0.001
"""Bytes are handed over at this interval, as by the latency timer of a USB adapter."""


class _Lane:
    """One direction: a buffer, and the moment at which the byte at its head began to travel."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._waiting = bytearray()
        self._began_s = 0.0
        self._buffer = min(LINE_BUFFER, max(_LEAST_BUFFER, round(_BUFFER_S * bytes_per_s)))

    def carry(self, octets: bytes, now_s: float) -> bytes:
        """What has arrived by now; bytes that the line stood idle for are lost to it."""
        arrived = self._arrived(now_s)
        if not self._waiting:
            self._began_s = now_s
        self._waiting += octets
        return arrived

    def room(self) -> int:
        return max(0, self._buffer - len(self._waiting))

    def deadline_s(self) -> float:
        if not self._waiting:
            return math.inf
        piece = min(len(self._waiting), max(1, round(_PIECE_S * self._bytes_per_s)))
        return self._began_s + piece / self._bytes_per_s

    def _arrived(self, now_s: float) -> bytes:
        count = min(len(self._waiting), int((now_s - self._began_s) * self._bytes_per_s + 1e-6))
        arrived = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._began_s += count / self._bytes_per_s
        return arrived


class PacedWire:
    """A line of a baud rate, full duplex, without faults.

    Parameters
    ----------
    baud
        Bits per second; a byte takes ten.
    """

    def __init__(self, baud: int) -> None:
        self._down = _Lane(baud / _BITS_PER_BYTE)
        self._up = _Lane(baud / _BITS_PER_BYTE)

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        """What arrives by now of what the host sent, these bytes included."""
        return self._down.carry(octets, now_s)

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        """What arrives by now of what the controller sent, these bytes included."""
        return self._up.carry(octets, now_s)

    def room_to_controller(self, now_s: float) -> int:
        """Bytes that the line takes from the host now."""
        return self._down.room()

    def room_to_host(self, now_s: float) -> int:
        """Bytes that the line takes from the controller now."""
        return self._up.room()

    def deadline_s(self, now_s: float) -> float:
        """When the next piece arrives."""
        return min(self._down.deadline_s(), self._up.deadline_s())

    def take_events(self, now_s: float) -> list[LineEvent]:
        """Nothing ever happens to it."""
        return []
