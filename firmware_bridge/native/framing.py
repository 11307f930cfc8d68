"""Frames of the native protocol: COBS between zero bytes, a header, a CRC-32. See ``PROTOCOL.md``.

COBS is the byte stuffing of Cheshire and Baker, *Consistent Overhead Byte Stuffing*, IEEE/ACM Transactions on
Networking 7 (1999).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct

PROTOCOL_VERSION = 1
DELIMITER = b"\x00"
HEADER = Struct("<BBIHHH")
CRC = Struct("<I")
MAX_FRAME_BYTES = 131_072
"""Longest frame of any controller: header, payload and CRC, before stuffing."""
OVERHEAD_BYTES = HEADER.size + CRC.size
_BLOCK = 254


class FramingError(ValueError):
    """Bytes that are no frame; the receiver drops them and reads on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Header and payload of one frame."""

    type: int
    nonce: int
    """Identifies the session."""
    sequence: int
    """Modulo 65,536; meaningful for sequenced types only."""
    acknowledgement: int
    """Last sequence that the sender received without a gap."""
    credits: int
    """Units that the sender takes beyond what it acknowledges: exposures towards the controller, spectra back."""
    payload: bytes
    version: int = PROTOCOL_VERSION


def stuff(raw: bytes) -> bytes:
    """COBS: the same bytes without a zero among them, longer by one and one more per 254."""
    out = bytearray()
    chunks = raw.split(DELIMITER)
    last = len(chunks) - 1
    for position, chunk in enumerate(chunks):
        start = 0
        while len(chunk) - start >= _BLOCK:
            out.append(_BLOCK + 1)
            out += chunk[start : start + _BLOCK]
            start += _BLOCK
        if start and start == len(chunk) and position == last:
            break
        out.append(len(chunk) - start + 1)
        out += chunk[start:]
    return bytes(out)


def unstuff(body: bytes) -> bytes:
    """Undo `stuff`; raises `FramingError` where a block runs past the end or a zero is inside."""
    out = bytearray()
    position, size = 0, len(body)
    while position < size:
        code = body[position]
        end = position + code
        if code == 0 or end > size:
            raise FramingError("a COBS block runs past the end of its frame")
        out += body[position + 1 : end]
        position = end
        if code <= _BLOCK and position < size:
            out.append(0)
    return bytes(out)


def encode_frame(frame: Frame) -> bytes:
    """The frame as it travels, with its closing delimiter."""
    raw = (
        HEADER.pack(frame.version, frame.type, frame.nonce, frame.sequence, frame.acknowledgement, frame.credits)
        + frame.payload
    )
    if len(raw) + CRC.size > MAX_FRAME_BYTES:
        raise FramingError(f"a frame of {len(raw)} bytes exceeds the protocol's {MAX_FRAME_BYTES}")
    return stuff(raw + CRC.pack(zlib.crc32(raw))) + DELIMITER


def decode_frame(body: bytes) -> Frame:
    """Read what stood between two delimiters; raises `FramingError` unless every byte is right."""
    raw = unstuff(body)
    if len(raw) < OVERHEAD_BYTES:
        raise FramingError("shorter than a header and its CRC")
    content = raw[: -CRC.size]
    if CRC.unpack(raw[-CRC.size :])[0] != zlib.crc32(content):
        raise FramingError("the CRC does not match")
    version, kind, nonce, sequence, acknowledgement, credits = HEADER.unpack_from(content)
    return Frame(kind, nonce, sequence, acknowledgement, credits, content[HEADER.size :], version)


class Deframer:
    """Cuts a stream of bytes into frames, with bounded memory; what is damaged is counted and dropped."""

    def __init__(self, max_frame: int = MAX_FRAME_BYTES) -> None:
        self._limit = max_frame + max_frame // _BLOCK + 2
        self._partial = bytearray()
        self._overlong = False
        self.accepted = 0
        """Frames with a matching CRC."""
        self.rejected = 0
        """Stretches between delimiters that were no frame."""

    @property
    def held(self) -> int:
        """Bytes that wait for their delimiter."""
        return len(self._partial)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order."""
        frames: list[Frame] = []
        *complete, rest = chunk.split(DELIMITER)
        for piece in complete:
            self._extend(piece)
            self._finish(frames)
        self._extend(rest)
        return frames

    def _extend(self, piece: bytes) -> None:
        if self._overlong:
            return
        if len(self._partial) + len(piece) > self._limit:
            self._partial.clear()
            self._overlong = True
            return
        self._partial += piece

    def _finish(self, frames: list[Frame]) -> None:
        body, overlong = bytes(self._partial), self._overlong
        self._partial.clear()
        self._overlong = False
        if not body and not overlong:
            return
        try:
            if overlong:
                raise FramingError("longer than any frame")
            frames.append(decode_frame(body))
            self.accepted += 1
        except FramingError:
            self.rejected += 1
