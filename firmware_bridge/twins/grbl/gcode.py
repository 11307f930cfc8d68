"""The part of GRBL's G-code that a stage needs, read as the firmware reads it: without checksum, letter by letter."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_WORD = re.compile(r"([A-Z])([-+]?(?:\d+\.?\d*|\.\d+))")
_WITHOUT_EFFECT: Final = frozenset({"G17", "G21", "G40", "G54", "G80", "G90", "G94"})
_GROUPS: Final[dict[str, str]] = {
    "G0": "motion", "G1": "motion", "G4": "once", "G53": "once",
    "M3": "spindle", "M4": "spindle", "M5": "spindle",
    "M7": "coolant", "M8": "coolant", "M9": "coolant",
}  # fmt: skip
_VALUES: Final = frozenset("FNPSXYZ")


class GcodeError(Exception):
    """The line is refused with ``error:n``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class Command:
    """One line, read."""

    groups: dict[str, str] = field(default_factory=dict)
    """Modal group to word, such as motion to G1."""
    values: dict[str, float] = field(default_factory=dict)

    @property
    def has_axes(self) -> bool:
        return not self.values.keys().isdisjoint("XYZ")


def strip_line(text: str) -> str:
    """As the firmware's line buffer holds it: no blanks, no comments, capitals."""
    return re.sub(r"\([^)]*\)|;.*|\s", "", text).upper()


def read_line(text: str) -> Command:
    """Read a stripped line.

    Raises
    ------
    GcodeError
        The firmware would refuse it.
    """
    command, at = Command(), 0
    while at < len(text):
        if not text[at].isalpha():
            raise GcodeError(1)
        found = _WORD.match(text, at)
        if found is None:
            raise GcodeError(2)
        at = found.end()
        _take(command, found[1], float(found[2]))
    if "G53" in command.groups.values() and not command.has_axes:
        raise GcodeError(26)
    return command


def _take(command: Command, letter: str, number: float) -> None:
    if letter in "GM":
        word = f"{letter}{number:g}"
        if word in _WITHOUT_EFFECT:
            return
        group = _GROUPS.get(word)
        if group is None:
            raise GcodeError(20)
        if group in command.groups:
            raise GcodeError(21)
        command.groups[group] = word
        return
    if letter not in _VALUES:
        raise GcodeError(20)
    if letter in command.values:
        raise GcodeError(25)
    if letter in "FPS" and number < 0:
        raise GcodeError(4)
    command.values[letter] = number
