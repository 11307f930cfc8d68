"""Marlin 2 on the wire: numbered command lines out, answers in. Pure.

Lines end with a line feed. Positions are millimetres, speeds millimetres per minute on the wire and per second here.
A board says much that concerns nobody; what isn't recognised is a `Remark`, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

QUICK_STOP: Final = b"M410\n"
"""Sent without a number: a board looks for it before it checks numbers."""

_LONGEST_LINE: Final = 512
_NUMBER = r"-?\d{1,12}(?:\.\d{1,12})?"


@dataclass(frozen=True, slots=True)
class Ok:
    """A line was taken; None where the firmware doesn't tell how much room is left (ADVANCED_OK)."""

    moves_free: int | None = None
    """Room in the planner."""
    lines_free: int | None = None
    """Room in the command buffer, this line still in it."""


@dataclass(frozen=True, slots=True)
class Resend:
    """Every line before this one was taken; from here on they were not."""

    line: int


@dataclass(frozen=True, slots=True)
class Start:
    """The board has booted."""


@dataclass(frozen=True, slots=True)
class Busy:
    """It works on something that takes long, and is alive."""


@dataclass(frozen=True, slots=True)
class Mistaken:
    """A line came with a wrong number or checksum; `Resend` follows."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """``Error:`` and what it says."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A command that this firmware was built without, or a mangled one."""

    command: str


@dataclass(frozen=True, slots=True)
class Place:
    """``M114``: where the board believes that it stands."""

    x_mm: float
    y_mm: float
    steps: tuple[int, int] | None
    """Of both axes' motors; None where these aren't the axes' own (CoreXY)."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """First line of ``M115``."""

    name: str


@dataclass(frozen=True, slots=True)
class Capability:
    """Another line of ``M115``."""

    name: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """``M211``: the travel."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]
    are_kept: bool | None = None
    """Whether the board clamps targets to it, without a word; None where a `Setting` tells it (2.0.9.2 and later)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of ``M503``: a command that would set it again."""

    code: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Endstop:
    """One line of ``M119``."""

    name: str
    is_triggered: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """Anything else, ``//action:`` included."""

    text: str


Answer = (
    Ok | Resend | Start | Busy | Mistaken | Complaint | Unknown | Place | Firmware | Capability | Limits | Setting
    | Endstop | Remark
)  # fmt: skip


class LineReader:
    """Bytes into answers; keeps what has no end yet."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, octets: bytes) -> list[Answer]:
        """Answers that these bytes complete, in order. Empty lines are none."""
        self._pending += octets
        *lines, rest = self._pending.split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], bytearray()
        self._pending = rest
        return [parse(bytes(line)) for line in lines if line.strip(b"\r \0")]


def parse(line: bytes) -> Answer:
    """One line, with or without its carriage return."""
    text = line.decode("ascii", "backslashreplace").strip("\r \0")
    for pattern, read in _LINES:
        found = pattern.fullmatch(text)
        if found is not None:
            return read(found)
    return Remark(text)


def _place(found: re.Match[str]) -> Place:
    steps = re.match(r"X: ?(-?\d{1,12}) Y: ?(-?\d{1,12})(?: |$)", found["count"] or "")
    return Place(float(found["x"]), float(found["y"]), None if steps is None else (int(steps[1]), int(steps[2])))


def _limits(found: re.Match[str]) -> Limits:
    x_low, y_low, x_high, y_high = (float(part) for part in found.groups()[1:])
    return Limits((x_low, x_high), (y_low, y_high), None if found["on"] is None else found["on"] == "ON")


def _setting(found: re.Match[str]) -> Setting:
    values = re.findall(rf"([A-Z])({_NUMBER})", found["values"])
    return Setting(found["code"], {letter: float(value) for letter, value in values})


_LINES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Answer]], ...]] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (
            r"ok(?: N\d+)?(?: P(\d{1,4}) B(\d{1,4}))?",
            lambda found: Ok(*(None if part is None else int(part) for part in found.groups())),
        ),
        (r"echo:busy: processing", lambda _: Busy()),
        (r"start", lambda _: Start()),
        (r"Resend: ?(\d{1,9})", lambda found: Resend(int(found[1]))),
        (r"Error:.*Last Line.*", lambda _: Mistaken()),
        (r"(?:Error:|echo:busy: (?=paused)) *(.*)", lambda found: Complaint(found[1])),
        (rf"X:(?P<x>{_NUMBER}) Y:(?P<y>{_NUMBER})(?: [A-Z]:{_NUMBER})*(?: Count (?P<count>.*))?", _place),
        (r'echo:Unknown command: "(.*)"', lambda found: Unknown(found[1])),
        (r"FIRMWARE_NAME:(.+?)(?: \(.*| +[A-Z_]+:.*)?", lambda found: Firmware(found[1])),
        (r"Cap:([A-Z0-9_]+):([01])", lambda found: Capability(found[1], found[2] == "1")),
        (
            rf"(?:echo:)?(?:Soft endstops: (?P<on>ON|OFF))? *Min: *X({_NUMBER}) Y({_NUMBER}).*"
            rf"Max: *X({_NUMBER}) Y({_NUMBER}).*",
            _limits,
        ),
        (rf"(?:echo:)? *(?P<code>M\d+)(?P<values>(?: [A-Z]{_NUMBER})+)(?: *;.*)?", _setting),
        (r"([a-z]\w*): (open|TRIGGERED)", lambda found: Endstop(found[1], found[2] == "TRIGGERED")),
    )
)


def numbered(number: int, command: bytes) -> bytes:
    """A command as it is sent: with its number, and the exclusive or of all bytes before the asterisk."""
    body = b"N%d %s" % (number, command)
    return b"%s*%d\n" % (body, reduce(xor, body))


def move(x_mm: float, y_mm: float, speed_mm_s: float) -> bytes:
    """Drive straight to a position."""
    return b"G1 X%.3f Y%.3f F%.0f" % (x_mm, y_mm, speed_mm_s * 60.0)


def pin(number: int, level: int) -> bytes:
    """Set an output, 0 to 255."""
    return b"M42 P%d S%d" % (number, level)


def say(token: str) -> bytes:
    """Let the board say a word of ours, once everything before it is done."""
    return b"M118 %s" % token.encode("ascii")
