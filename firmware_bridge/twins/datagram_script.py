"""What goes wrong with datagrams: `LineFault`s that strike whole ones. Pure: datagrams and times go in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from firmware_bridge.twins.fault_script import FaultKind, LineFault

DATAGRAM_KINDS: Final = frozenset({FaultKind.DROP, FaultKind.DUPLICATE, FaultKind.FLIP, FaultKind.DELAY})


class DatagramScript:
    """One direction of a network on which the scripted faults happen.

    A datagram is struck when the byte, or the moment, of a fault falls on it, counted as on a serial line. It is lost,
    comes twice, has one bit inverted in that byte, or comes late, when others may have overtaken it.

    Parameters
    ----------
    faults
        In any order; those of another kind do nothing, and `LineFault.count` is 1.
    """

    def __init__(self, faults: Sequence[LineFault]) -> None:
        self._waiting = [fault for fault in faults if fault.kind in DATAGRAM_KINDS]
        self._sent = 0
        self._began_s = math.inf
        self._late: list[tuple[float, bytes]] = []

    def carry(self, datagram: bytes, now_s: float) -> list[FaultKind]:
        """Take what is sent; returns what happened to it. `arrived` gives what comes of it."""
        self._began_s = min(self._began_s, now_s)
        struck = [fault for fault in self._waiting if self._strikes(fault, len(datagram), now_s - self._began_s)]
        copies, when_s, octets = 1, now_s, bytearray(datagram)
        for fault in struck:
            self._waiting.remove(fault)
            following = fault.again()
            if following is not None:
                self._waiting.append(following)
            match fault.kind:
                case FaultKind.DROP:
                    copies = 0
                case FaultKind.DUPLICATE:
                    copies *= 2
                case FaultKind.FLIP:
                    octets[max(0, (fault.at_byte or 0) - self._sent)] ^= 1 << fault.bit
                case _:
                    when_s = now_s + (fault.for_s or 0.0)
        self._sent += len(datagram)
        self._late += [(when_s, bytes(octets))] * copies
        return [fault.kind for fault in struck]

    def arrived(self, now_s: float) -> list[bytes]:
        """Datagrams whose time has come."""
        arrived = [octets for when_s, octets in self._late if when_s <= now_s]
        self._late = [each for each in self._late if each[0] > now_s]
        return arrived

    def deadline_s(self) -> float:
        """When the next late one comes."""
        return min((when_s for when_s, _ in self._late), default=math.inf)

    def _strikes(self, fault: LineFault, length: int, elapsed_s: float) -> bool:
        if fault.at_byte is not None:
            return length > 0 and fault.at_byte < self._sent + length
        return length > 0 and fault.at_s is not None and fault.at_s <= elapsed_s
