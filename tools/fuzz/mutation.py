"""Inputs made of other inputs, by chance; and inputs made as short as they go."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from tools.fuzz.one_target import LONGEST

_TELLING: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x20, 0x2D, 0x2E, 0x39, 0x3B, 0x3D)
"""Bytes at which something changes: ends of ranges, delimiters, signs, digits."""
_MOST_CHANGES: Final = 6
_LONGEST_RUN: Final = 600


def mutated(octets: bytes, chance: random.Random, corpus: Sequence[bytes]) -> bytes:
    """A few random changes to an input, at most `LONGEST` bytes."""
    changed = bytearray(octets)
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        _change(changed, chance, corpus)
    return bytes(changed[:LONGEST])


def _change(octets: bytearray, chance: random.Random, corpus: Sequence[bytes]) -> None:
    at = chance.randint(0, len(octets))
    upto = min(len(octets), at + chance.randint(1, 16))
    match chance.randrange(8):
        case 0 if at < len(octets):
            octets[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(octets):
            octets[at] = chance.choice(_TELLING)
        case 2:
            octets[at:at] = chance.randbytes(chance.randint(1, 8))
        case 3:
            del octets[at:upto]
        case 4:
            octets[at:at] = octets[at:upto] * chance.randint(1, 4)
        case 5 if corpus:
            other = chance.choice(corpus)
            begin = chance.randint(0, len(other))
            octets[at:] = other[begin:]
        case 6 if at < len(octets):
            octets[at:at] = octets[at : at + 1] * chance.randint(1, _LONGEST_RUN)
        case _:
            octets[at:at] = bytes([chance.choice(_TELLING)])


def minimised(octets: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """A shorter input that fails as well: what can be left out is, in ever smaller pieces."""
    size = max(1, len(octets) // 2)
    while True:
        at, before = 0, len(octets)
        while at < len(octets):
            shorter = octets[:at] + octets[at + size :]
            if fails(shorter):
                octets = shorter
            else:
                at += size
        if size == 1 and len(octets) == before:
            return octets
        size = max(1, size // 2)
