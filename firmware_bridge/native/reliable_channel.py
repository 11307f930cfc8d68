"""Reliable, ordered frames over a line that drops, flips and repeats bytes but keeps their order.

Selective repeat: the receiver keeps what arrived beyond a gap and names it; the sender repeats what was overtaken at
once, and the rest when its round-trip timer runs out (Jacobson and Karels, *Congestion Avoidance and Control*, 1988;
Karn's rule: what waited for a repeated frame is no measurement). Pure: bytes and times go in, bytes come out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.native.framing import Frame, encode_frame
from firmware_bridge.native.messages import ControllerAck, HostAck
from firmware_bridge.native.vocabulary import MAX_WINDOW, UNSEQUENCED
from firmware_bridge.native.wire_layout import Layout

ACK_DELAY_S = 0.005
"""How long an acknowledgement may wait for a frame to ride on."""
_FIRST_TIMEOUT_S = 0.25
_SHORTEST_TIMEOUT_S = 0.04
_LONGEST_TIMEOUT_S = 1.0
_SLOW_BYTES_PER_S = 11_520
"""115200 baud: a long frame may need this much longer than the short ones that the round trip was measured with."""
_MODULUS = 0x1_0000
_ARRIVED: Layout = HostAck.LAYOUT
_ACK_TYPES = (HostAck.TYPE, ControllerAck.TYPE)


def sequences_between(earlier: int, later: int) -> int:
    """Steps from one sequence to another, -32,768 to 32,767."""
    return (later - earlier + 0x8000) % _MODULUS - 0x8000


@dataclass(slots=True)
class _InFlight:
    sequence: int
    type: int
    payload: bytes
    units: int
    sent_at_s: float
    order: int
    """Counts transmissions; a frame that was overtaken by a later transmission is lost."""
    repeats: int = 0
    has_arrived: bool = False


@dataclass(slots=True)
class ChannelStatistics:
    """What a channel went through."""

    sent: int = 0
    repeated: int = 0
    duplicates: int = 0
    round_trip_s: float = math.nan
    """Smoothed."""


class ReliableChannel:
    """One end of a session.

    Parameters
    ----------
    nonce
        The session's.
    window
        Sequenced frames that the other end keeps out of order.
    ack_type
        Type of this end's acknowledgement frames.
    """

    def __init__(self, *, nonce: int, window: int, ack_type: int) -> None:
        self.nonce = nonce
        self.credits = 0
        """What this end grants in every header; the owner keeps it true."""
        self.statistics = ChannelStatistics()
        self._window = min(window, MAX_WINDOW)
        self._ack_type = ack_type
        self._next_sequence = 1
        self._order = 0
        self._flight: dict[int, _InFlight] = {}
        self._peer_credits = 0
        self._peer_acknowledgement = 0
        self._received = 0
        self._beyond: dict[int, Frame] = {}
        self._ack_due_s = math.inf
        self._timeout_s = _FIRST_TIMEOUT_S
        self._deviation_s = 0.0
        self._backoff = 0

    @property
    def last_sequence(self) -> int:
        """Sequence of the latest frame sent."""
        return (self._next_sequence - 1) % _MODULUS

    @property
    def is_flushed(self) -> bool:
        """Everything sent has been acknowledged."""
        return not self._flight

    def has_window(self) -> bool:
        """Whether another sequenced frame may be sent."""
        return len(self._flight) < self._window

    def room(self) -> int:
        """Units of credit that may be sent in further frames now."""
        if not self.has_window():
            return 0
        return max(0, self._peer_credits - sum(frame.units for frame in self._flight.values()))

    def send(self, kind: int, payload: bytes, now_s: float, *, units: int = 0) -> bytes:
        """Number a frame, keep it until it is acknowledged, and return its bytes."""
        sequence = self._next_sequence
        self._next_sequence = (sequence + 1) % _MODULUS
        self._order += 1
        frame = _InFlight(sequence, kind, payload, units, now_s, self._order)
        self._flight[sequence] = frame
        self.statistics.sent += 1
        return self._bytes_of(kind, sequence, payload)

    def send_unsequenced(self, kind: int, payload: bytes) -> bytes:
        """Bytes of a frame that is neither numbered nor repeated."""
        return self._bytes_of(kind, 0, payload)

    def repeat_one(self, now_s: float) -> bytes | None:
        """Bytes of one frame that is due again, or None."""
        timed_out = None
        newest_arrival = max((frame.order for frame in self._flight.values() if frame.has_arrived), default=0)
        for frame in self._flight.values():
            if frame.has_arrived:
                continue
            if frame.order < newest_arrival:
                return self._repeat(frame, now_s)
            if timed_out is None and now_s >= self._due_s(frame):
                timed_out = frame
        if timed_out is None:
            return None
        self._backoff = min(self._backoff + 1, 6)
        return self._repeat(timed_out, now_s)

    def acknowledge_if_due(self, now_s: float) -> bytes | None:
        """Bytes of an acknowledgement, when one can wait no longer."""
        if now_s < self._ack_due_s:
            return None
        return self.acknowledgement()

    def acknowledgement(self) -> bytes:
        """Bytes of an acknowledgement with what has arrived beyond the gap, for whatever reason."""
        arrived = 0
        for sequence in self._beyond:
            distance = sequences_between(self._received, sequence)
            if distance >= 2:
                arrived |= 1 << (distance - 2)
        return self._bytes_of(self._ack_type, 0, _ARRIVED.pack(HostAck(arrived)))

    def receive(self, frame: Frame, now_s: float, admits: Callable[[Frame], bool]) -> list[Frame]:
        """Take a frame of this session; return the sequenced ones that are now in order.

        A frame that the owner doesn't admit stays unacknowledged, as if the line had lost it.
        """
        self._take_acknowledgement(frame, now_s)
        if frame.type & UNSEQUENCED:
            return []
        distance = sequences_between(self._received, frame.sequence)
        if distance > MAX_WINDOW:
            return []
        if distance < 1 or frame.sequence in self._beyond:
            self.statistics.duplicates += 1
            self._ack_due_s = now_s
        else:
            self._beyond[frame.sequence] = frame
            self._ack_due_s = min(self._ack_due_s, now_s if distance > 1 else now_s + ACK_DELAY_S)
        return self._in_order(admits)

    def deadline_s(self) -> float:
        """When this end has something to send by itself, for want of anything happening."""
        waiting = (self._due_s(frame) for frame in self._flight.values() if not frame.has_arrived)
        return min(self._ack_due_s, min(waiting, default=math.inf))

    def _in_order(self, admits: Callable[[Frame], bool]) -> list[Frame]:
        ready: list[Frame] = []
        while (following := self._beyond.get((self._received + 1) % _MODULUS)) is not None:
            if not admits(following):
                break
            del self._beyond[following.sequence]
            self._received = following.sequence
            ready.append(following)
        return ready

    def _take_acknowledgement(self, frame: Frame, now_s: float) -> None:
        advance = sequences_between(self._peer_acknowledgement, frame.acknowledgement)
        if advance < 0 or sequences_between(frame.acknowledgement, self.last_sequence) < 0:
            return
        self._peer_acknowledgement = frame.acknowledgement
        self._peer_credits = frame.credits
        done = [self._flight.pop((frame.acknowledgement - step) % _MODULUS, None) for step in range(advance)]
        known = [each for each in done if each is not None]
        if known and all(each.repeats == 0 for each in known):
            self._backoff = 0
            self._measure(now_s - known[0].sent_at_s)
        if frame.type in _ACK_TYPES and len(frame.payload) == _ARRIVED.size:
            self._take_arrivals(_ARRIVED.unpack(frame.payload)["arrived"])

    def _take_arrivals(self, arrived: int) -> None:
        for bit in range(MAX_WINDOW):
            frame = self._flight.get((self._peer_acknowledgement + 2 + bit) % _MODULUS)
            if frame is not None and arrived >> bit & 1:
                frame.has_arrived = True

    def _measure(self, round_trip_s: float) -> None:
        mean_s = self.statistics.round_trip_s
        if math.isnan(mean_s):
            mean_s, self._deviation_s = round_trip_s, round_trip_s / 2
        else:
            self._deviation_s += (abs(round_trip_s - mean_s) - self._deviation_s) / 4
            mean_s += (round_trip_s - mean_s) / 8
        self.statistics.round_trip_s = mean_s
        self._timeout_s = max(_SHORTEST_TIMEOUT_S, mean_s + 4 * self._deviation_s + ACK_DELAY_S)

    def _due_s(self, frame: _InFlight) -> float:
        """When a frame has waited too long for its acknowledgement."""
        timeout_s = min(self._timeout_s * (1 << self._backoff), _LONGEST_TIMEOUT_S)
        return frame.sent_at_s + timeout_s + len(frame.payload) / _SLOW_BYTES_PER_S

    def _repeat(self, frame: _InFlight, now_s: float) -> bytes:
        self._order += 1
        frame.order = self._order
        frame.sent_at_s = now_s
        frame.repeats += 1
        self.statistics.repeated += 1
        return self._bytes_of(frame.type, frame.sequence, frame.payload)

    def _bytes_of(self, kind: int, sequence: int, payload: bytes) -> bytes:
        self._ack_due_s = math.inf
        return encode_frame(Frame(kind, self.nonce, sequence, self._received, min(self.credits, 0xFFFF), payload))
