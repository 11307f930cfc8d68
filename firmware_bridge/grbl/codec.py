"""GRBL 1.1 and grblHAL on the wire: command lines out, answers in. Pure.

Lines end with a line feed on the way out, with carriage return and line feed on the way in. Positions are machine
millimetres, speeds millimetres per minute on the wire and per second here. What can't be read is told apart as
`Garbled`, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

STATUS: Final = b"?"
HOLD: Final = b"!"
RESUME: Final = b"~"
RESET: Final = b"\x18"

SYNCHRONISE: Final = b"G4P0\n"
"""Answered once all motion before it has ended: a dwell of no time waits for the planner to run empty."""
LASER_READY: Final = b"M4S0\n"
OUTPUT_OFF: Final = b"M5\n"
COOLANT_OFF: Final = b"M9\n"
ASK_BUILD: Final = b"$I\n"
ASK_SETTINGS: Final = b"$$\n"
ASK_STARTUP: Final = b"$N\n"
QUESTIONS: Final = frozenset({ASK_BUILD, ASK_SETTINGS, ASK_STARTUP})
"""Lines that change nothing."""
HOME: Final = b"$H\n"

LONGEST_LINE: Final = 256
"""Bytes of an answer; no firmware sends as many."""
_NUMBER = r"-?\d+(?:\.\d+)?"
_STATES = "Idle|Run|Hold|Jog|Alarm|Door|Check|Home|Sleep|Tool"
_REPORT = re.compile(rf"<(?P<state>{_STATES})(?::(?P<substate>\d+))?(?P<fields>(?:\|[A-Za-z]+\d*:[^|<>]*)*)>")
_BANNER = re.compile(r"(?P<name>Grbl(?:HAL)?) (?P<version>\d+\.\d+\w*) \[.*\]", re.IGNORECASE)
_SETTING = re.compile(rf"\$(?P<number>\d+)=(?P<value>{_NUMBER})")
_BRACKETED = re.compile(r"\[(?P<tag>[A-Za-z0-9+_ ]+):(?P<text>.*)\]")
_COORDINATES = re.compile(rf"{_NUMBER}(?:,{_NUMBER})+")
_ROOM = re.compile(r"\d+,\d+")
_PACE = re.compile(rf"{_NUMBER},{_NUMBER}(?:,{_NUMBER})?")
"""Speed, power that was asked for and, from grblHAL with an encoder on the spindle, power that was measured."""


@dataclass(frozen=True, slots=True)
class Ok:
    """A line was taken: queued, not done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line was refused."""

    number: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """The firmware has stopped everything; after some it answers nothing until it is reset."""

    number: int


@dataclass(frozen=True, slots=True)
class Banner:
    """The firmware has started: whatever was outstanding is forgotten."""

    name: str
    version: str

    @property
    def is_hal(self) -> bool:
        """Whether it is grblHAL, whose numbers differ above 9."""
        return self.name.upper() == "GRBLHAL"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of ``$$``."""

    number: int
    value: float


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """``[OPT:letters,blocks,rx]`` of ``$I``."""

    letters: str
    planner_blocks: int
    receive_bytes: int


@dataclass(frozen=True, slots=True)
class Remark:
    """Another bracketed line, such as ``[MSG:...]``; a stored line; or a start-up line that was carried out."""

    tag: str
    text: str


class RunState(Enum):
    """What the firmware says that it is doing."""

    IDLE = "Idle"
    RUN = "Run"
    HOLD = "Hold"
    JOG = "Jog"
    ALARM = "Alarm"
    DOOR = "Door"
    CHECK = "Check"
    HOME = "Home"
    SLEEP = "Sleep"
    TOOL = "Tool"


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to ``?``; None where a field was left out."""

    state: RunState
    substate: int | None
    machine_mm: tuple[float, ...] | None
    work_mm: tuple[float, ...] | None
    offset_mm: tuple[float, ...] | None
    """Machine less work position; sent now and then."""
    blocks_free: int | None
    receive_free: int | None
    pins: str
    """Letters of the inputs that are active, D for the door."""
    accessories: str | None
    """Letters of the outputs that are on (S or C spindle, F flood, M mist); None when this report doesn't tell."""
    power: float | None = None
    """Of the spindle's output, 0 to $30; of what is planned for the next tenth of a second, in laser mode."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing moves, be it held or done."""
        match self.state:
            case RunState.HOLD:
                return self.substate != 1
            case RunState.DOOR:
                return self.substate in (0, 1)
            case RunState.RUN | RunState.JOG | RunState.HOME | RunState.TOOL:
                return False
            case _:
                return True


@dataclass(frozen=True, slots=True)
class Garbled:
    """A line that no firmware sends."""

    text: str


Answer = Ok | Refused | Alarm | Banner | Setting | BuildOptions | Remark | Report | Garbled


class LineReader:
    """Bytes into answers; keeps what has no end yet."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, octets: bytes) -> list[Answer]:
        """Answers that these bytes complete, in order. Empty lines are none."""
        self._pending += octets
        *lines, rest = self._pending.split(b"\n")
        self._pending = bytearray(rest)
        answers = [parse(bytes(line)) for line in lines if line.strip(b"\r \0")]
        if len(self._pending) > LONGEST_LINE:
            answers.append(Garbled(_shown(bytes(self._pending))))
            self._pending.clear()
        return answers

    def forget(self) -> None:
        """Drop what has no end yet."""
        self._pending.clear()


def parse(line: bytes) -> Answer:
    """One line, with or without its carriage return."""
    if len(line) > LONGEST_LINE:
        return Garbled(_shown(line))
    try:
        text = line.decode("ascii").strip("\r ")
    except UnicodeDecodeError:
        return Garbled(_shown(line))
    for read in (_acknowledgement, _report, _setting, _banner, _bracketed, _started):
        answer = read(text)
        if answer is not None:
            return answer
    return Garbled(_shown(line))


def _acknowledgement(text: str) -> Answer | None:
    if text == "ok":
        return Ok()
    found = re.fullmatch(r"(error|ALARM):(\d{1,3})", text)
    if found is None:
        return None
    return Refused(int(found[2])) if found[1] == "error" else Alarm(int(found[2]))


def _setting(text: str) -> Answer | None:
    """A setting; those that aren't numbers, and stored lines, are remarks."""
    found = _SETTING.match(text)
    if found and (found.end() == len(text) or text[found.end()] in " ("):
        return Setting(int(found["number"]), float(found["value"]))
    stored = re.fullmatch(r"\$(N?\d+)=([ -~]*)", text)
    return Remark(f"${stored[1]}", stored[2]) if stored else None


def _banner(text: str) -> Answer | None:
    found = _BANNER.fullmatch(text)
    return Banner(found["name"], found["version"]) if found else None


def _bracketed(text: str) -> Answer | None:
    found = _BRACKETED.fullmatch(text)
    if found is None:
        return None
    if found["tag"] == "OPT":
        parts = found["text"].split(",")
        if len(parts) >= 3 and parts[1].isdecimal() and parts[2].isdecimal():
            return BuildOptions(parts[0], int(parts[1]), int(parts[2]))
        return None
    return Remark(found["tag"], found["text"])


def _started(text: str) -> Answer | None:
    """A start-up line with its own answer, which acknowledges nothing: sent after the banner, and after homing."""
    found = re.fullmatch(r">([ -~]*):(?:ok|error:\d{1,3})", text)
    return Remark(">", found[1]) if found else None


def _report(text: str) -> Report | None:
    found = _REPORT.fullmatch(text)
    if found is None:
        return None
    fields: dict[str, str] = {}
    for field in found["fields"].split("|")[1:]:
        name, _, content = field.partition(":")
        if name in fields:
            return None
        fields[name] = content
    if not ({"MPos", "WPos"} & set(fields)):
        return None
    for name in ("MPos", "WPos", "WCO"):
        if name in fields and not _COORDINATES.fullmatch(fields[name]):
            return None
    room, pace = fields.get("Bf"), fields.get("FS")
    for numbers, form in ((room, _ROOM), (pace, _PACE)):
        if numbers is not None and not form.fullmatch(numbers):
            return None
    free = [int(part) for part in room.split(",")] if room is not None else [None, None]
    return Report(
        state=RunState(found["state"]),
        substate=int(found["substate"]) if found["substate"] else None,
        machine_mm=_coordinates(fields.get("MPos")),
        work_mm=_coordinates(fields.get("WPos")),
        offset_mm=_coordinates(fields.get("WCO")),
        blocks_free=free[0],
        receive_free=free[1],
        pins=fields.get("Pn", ""),
        accessories=fields.get("A", "") if {"A", "Ov"} & set(fields) else None,
        power=float(pace.split(",")[1]) if pace is not None else None,
    )


def _coordinates(text: str | None) -> tuple[float, ...] | None:
    return None if text is None else tuple(float(part) for part in text.split(","))


def travel_line(x_mm: float, y_mm: float) -> bytes:
    """Travel at full speed to a machine position; an output in laser mode is off on the way."""
    return b"G53G0X%sY%s\n" % (number(x_mm), number(y_mm))


def stroke_line(x_mm: float, y_mm: float, speed_mm_s: float, power: float | None = None) -> bytes:
    """Drive straight to a machine position at a speed, with the output's power if given.

    Power and speed come first: of a line whose end is lost, the beam is still right, and the place wrong, which shows.
    """
    spindle = b"" if power is None else b"S%s" % number(power)
    return b"G53G1%sF%sX%sY%s\n" % (spindle, number(speed_mm_s * 60.0), number(x_mm), number(y_mm))


def setting_line(setting: int, value: float) -> bytes:
    """Write a setting: to be sent alone and waited for, as it is written to EEPROM."""
    return b"$%d=%s\n" % (setting, number(value))


def number(value: float) -> bytes:
    """A number as short as it goes, to a thousandth."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return b"0" if text in ("-0", "") else text.encode("ascii")


def _shown(line: bytes) -> str:
    return line[:60].decode("ascii", "backslashreplace").strip("\r\n ")
