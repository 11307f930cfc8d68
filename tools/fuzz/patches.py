"""Files of fixed layout are fuzzed by patches, since an input is shorter than they are."""

from __future__ import annotations

import struct
from typing import Final

_MOST_PATCHES: Final = 64


def patched(base: bytes, octets: bytes) -> bytes:
    """A file with pieces replaced: of each four bytes of place, one of length, and so many bytes."""
    content = bytearray(base)
    at = 0
    for _ in range(_MOST_PATCHES):
        if at + 5 > len(octets):
            break
        place, length = struct.unpack("<IB", octets[at : at + 5])
        piece = octets[at + 5 : at + 5 + length]
        place %= len(content)
        content[place : place + len(piece)] = piece
        at += 5 + length
    return bytes(content)
