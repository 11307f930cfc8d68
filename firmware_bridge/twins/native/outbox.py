"""What the native twin has to say, in the order of its urgency."""

from __future__ import annotations

from collections import deque

from firmware_bridge.native.codec import Message, encode, encode_entry
from firmware_bridge.native.framing import OVERHEAD_BYTES, Frame, encode_frame
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.reliable_channel import ReliableChannel
from firmware_bridge.native.vocabulary import MessageType
from firmware_bridge.twins.native.exposure_engine import ExposureEngine

_MOST_URGENT = 64
_LENGTH_BYTES = 3
"""Longest varint before a spectrum."""


class NativeOutbox:
    """Answers at once, then repeats, then messages, then spectra.

    Parameters
    ----------
    batch_bytes
        Spectra that wait together travel together, up to about this much.
    """

    def __init__(self, engine: ExposureEngine, batch_bytes: int) -> None:
        self.is_offering = False
        """Whether the host has asked for spectra."""
        self._engine = engine
        self._batch_bytes = batch_bytes
        self._host_max_frame = 0
        self._urgent: deque[bytes] = deque(maxlen=_MOST_URGENT)
        self._messages: deque[Message] = deque()

    def begin(self, host_max_frame: int) -> None:
        """A new session: nothing of the last one is said any more."""
        self._host_max_frame = host_max_frame
        self.is_offering = False
        self._messages.clear()

    def say(self, message: Message) -> None:
        """Send in a sequenced frame, as soon as the window allows."""
        self._messages.append(message)

    def say_at_once(self, channel: ReliableChannel, message: Message) -> None:
        """Send in an unsequenced frame, before anything else."""
        self._urgent.append(channel.send_unsequenced(message.TYPE, encode(message)))

    def say_to_stranger(self, nonce: int, message: Message) -> None:
        """Answer a frame of another session."""
        self._urgent.append(encode_frame(Frame(message.TYPE, nonce, 0, 0, 0, encode(message))))

    def take_urgent(self) -> bytes:
        """Bytes that can't wait."""
        urgent = b"".join(self._urgent)
        self._urgent.clear()
        return urgent

    def take(self, channel: ReliableChannel, now_s: float, room: int) -> bytes:
        """Bytes to write now, about as many as there is room for."""
        out = bytearray()
        while len(out) < room and (repeated := channel.repeat_one(now_s)) is not None:
            out += repeated
        while self._messages and len(out) < room and channel.has_window():
            message = self._messages.popleft()
            out += channel.send(message.TYPE, encode(message), now_s)
        while len(out) < room and (batch := self._take_batch(channel.room())):
            payload = b"".join(encode_entry(entry) for entry in batch)
            out += channel.send(MessageType.SPECTRA, payload, now_s, units=len(batch))
        out += channel.acknowledge_if_due(now_s) or b""
        return bytes(out)

    def _take_batch(self, credit: int) -> list[CodedSpectrum]:
        """Finished spectra that travel together; one at least, however long."""
        fresh, kept = self._engine.fresh, self._engine.kept
        limit = min(self._batch_bytes, self._host_max_frame - OVERHEAD_BYTES)
        batch: list[CodedSpectrum] = []
        size = 0
        while self.is_offering and fresh and len(batch) < credit:
            spectrum = kept.get(fresh[0])
            if spectrum is not None:
                size += CodedSpectrum.LAYOUT.size + _LENGTH_BYTES + len(spectrum.coded)
                if batch and size > limit:
                    break
                batch.append(spectrum)
            fresh.popleft()
        return batch
