"""Rangefinders: lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from firmware_bridge.rangefinder.codec import LONGEST_LINE, Distance, Garbage, LineCutter, read_line
from tools.fuzz.properties import Target, pieces, require


def lines(octets: bytes) -> None:
    """Bytes of a line: what is too long for a reading comes out cut, is read as garbage, and is not kept."""
    cutter = LineCutter()
    for piece in pieces(octets):
        for line in cutter.feed(piece):
            require(len(line) <= LONGEST_LINE + 1, f"a line of {len(line)} bytes came out")
            said = read_line(line)
            if isinstance(said, Distance):
                require(math.isfinite(said.units), f"{line!r} is read as {said.units}")
            if len(line) > LONGEST_LINE:
                require(isinstance(said, Garbage), f"{line!r} is read as {said}")
        require(cutter.held_bytes <= LONGEST_LINE, f"{cutter.held_bytes} bytes of a line are kept")


def _readings() -> Sequence[bytes]:
    known = (b"D=  123.45\r\n", b"+0123.4 mm\r\n", b"g+00123\n", b"-1e3\n", b"E01\r\n", b"12.5 7.3\n", b"9" * 130)
    return [b"".join(known), *known]


TARGETS = {"rangefinder-lines": Target(lines, _readings)}
