"""Lines of text in which a rangefinder tells a distance, to numbers; pure functions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

LONGEST_LINE: Final = 120
"""Bytes; a longer line is no reading."""
_SHOWN: Final = 40
_NUMBER: Final = re.compile(
    r"(?:(?<![\w.])|(?<=[A-Za-z])(?=[+-]))(?:[+-] *)?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\d|\.\d|[eE][+-]?\d)"
)
"""A sign may follow a letter (``g+00123``), a digit may not: ``x2`` is a name."""
_COMPLAINT: Final = re.compile(r"\bE\d{1,4}\b|\berr(?:or)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Distance:
    """A reading."""

    units: float
    """In whatever the device counts; finite."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """The device says that it could not measure."""

    said: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that isn't what a rangefinder says."""

    said: str
    why: str


RangefinderLine: TypeAlias = Distance | Complaint | Garbage


def question(ask: str) -> bytes:
    """What asks for one reading, as it goes over the line."""
    return ask.encode("ascii") + b"\r\n"


def read_line(line: bytes) -> RangefinderLine:
    """What one line says: ``D=  123.45``, ``+0123.4 mm``, ``E01``.

    A line with two numbers is none: which of them is the distance would be a guess.
    """
    if len(line) > LONGEST_LINE:
        return Garbage(_shown(line), f"longer than {LONGEST_LINE} bytes")
    if any(octet != 0x09 and not 0x20 <= octet < 0x7F for octet in line):
        return Garbage(_shown(line), "not text")
    text = line.decode("ascii").strip()
    if _COMPLAINT.search(text):
        return Complaint(text)
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1:
        return Garbage(_shown(line), "two numbers" if numbers else "no number")
    units = float(numbers[0].replace(" ", ""))
    return Distance(units) if math.isfinite(units) else Garbage(_shown(line), "an endless number")


class LineCutter:
    """Bytes to lines; it never holds more than one line of the longest length."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._is_skipping = False

    @property
    def held_bytes(self) -> int:
        """Of the line that has begun, `LONGEST_LINE` at most."""
        return len(self._begun)

    def feed(self, octets: bytes) -> list[bytes]:
        """Lines that are complete now, without their ends; empty ones are left out.

        Of a line that is too long its beginning comes at once, one byte longer than `LONGEST_LINE`, and its rest never.
        """
        lines: list[bytes] = []
        for octet in octets:
            if octet in b"\r\n":
                if self._begun.strip():
                    lines.append(bytes(self._begun))
                self.reset()
            elif not self._is_skipping:
                self._begun.append(octet)
                if len(self._begun) > LONGEST_LINE:
                    lines.append(bytes(self._begun))
                    self._begun.clear()
                    self._is_skipping = True
        return lines

    def reset(self) -> None:
        """Forget the line that has begun."""
        self._begun.clear()
        self._is_skipping = False


def _shown(line: bytes) -> str:
    """The beginning of a line, as an operator may see it."""
    text = "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in line[:_SHOWN])
    return text + "..." if len(line) > _SHOWN else text
