"""One line to a DP5's twin: requests out of bytes, the gap timer, and the bytes of replies."""

from __future__ import annotations

import math
from collections import deque

from firmware_bridge.dp5.codec import Dp5Deframer, Packet, encode_packet
from firmware_bridge.dp5.vocabulary import ACKNOWLEDGEMENT, Ack, Pid
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.twin_log import TwinLog


class Dp5Line:
    """Bytes in, bytes out, for one of the device's interfaces.

    Parameters
    ----------
    gap_s
        A request that pauses for longer is discarded; 0 where every chunk is a request of its own.
    """

    def __init__(self, core: Dp5Core, log: TwinLog, gap_s: float) -> None:
        self._core = core
        self._log = log
        self._gap_s = gap_s
        self._deframer = Dp5Deframer()
        self._heard_s = 0.0
        self._requests: deque[Packet] = deque()
        self._unsent = bytearray()

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take what has arrived."""
        if not octets:
            return
        if self._deframer.held and now_s - self._heard_s > self._gap_s:
            self._log.write("gap", self._core.device_s(now_s), discarded=self._deframer.held)
            self._deframer.drop()
        self._heard_s = now_s
        damaged, passed_over = self._deframer.damaged, self._deframer.passed_over
        requests = self._deframer.feed(octets)
        self._requests += requests
        if self._deframer.damaged > damaged:
            self._complain(Ack.CHECKSUM)
        elif self._deframer.passed_over > passed_over and not requests and not self._deframer.held:
            self._complain(Ack.SYNC)

    def outgoing(self, now_s: float, room: int) -> bytes:
        """Carry out what was asked, one request at a time, and hand over as many bytes as there is room for."""
        while self._requests and now_s >= self._core.stalled_until_s and not self._unsent:
            self._unsent += encode_packet(self._core.answer(self._requests.popleft(), now_s))
        if now_s < self._core.stalled_until_s:
            return b""
        octets = bytes(self._unsent[:room])
        del self._unsent[:room]
        return octets

    def deadline_s(self, now_s: float) -> float:
        """When there will be something to say."""
        if not self._requests and not self._unsent:
            return math.inf
        return max(now_s, self._core.stalled_until_s)

    def device_s(self, now_s: float) -> float:
        """The device's own time."""
        return self._core.device_s(now_s)

    def forget(self) -> None:
        """The device boots again."""
        self._requests.clear()
        self._unsent.clear()
        self._deframer.drop()

    def _complain(self, code: Ack) -> None:
        self._log.write("damaged request", self._core.device_s(self._heard_s), answer=code.name)
        self._unsent += encode_packet(Packet(Pid(ACKNOWLEDGEMENT, code)))
