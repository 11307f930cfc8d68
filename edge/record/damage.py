"""What stored bytes that the journal cannot have written are told by, and how packed ones are unpacked in bounds."""

from __future__ import annotations

import zlib


class DamagedRecord(ValueError):
    """A stored record whose bytes cannot have been written by the journal; the text says what is wrong with it."""


def inflate(compressed: bytes, longest: int) -> bytes:
    """What zlib packed, if it is no longer than that; raises `DamagedRecord`."""
    coder = zlib.decompressobj()
    try:
        raw = coder.decompress(compressed, longest + 1)
    except zlib.error:
        raise DamagedRecord("its content cannot be unpacked") from None
    if len(raw) > longest or not coder.eof or coder.unused_data:
        raise DamagedRecord(f"its content does not unpack to at most {longest} bytes")
    return raw
