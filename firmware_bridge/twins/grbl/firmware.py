"""GRBL's main loop: takes lines from the receive buffer, one at a time, and does what they say.

A generator: it yields what it waits for, a function that gives the time at which the wait ends (infinite while that
isn't known), and is gone on with then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator
from typing import Final

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.board import Board
from firmware_bridge.twins.grbl.gcode import Command, GcodeError, read_line, strip_line

Wait = Callable[[], float]
Task = Generator[Wait, None, None]
Answering = Generator[Wait, None, int]

RESET_WANTED: Final = "[MSG:Reset to continue]"
_LONGEST_LINE: Final = 80
_DWELL_STEP_S: Final = 0.05
_ALWAYS_LOCKED: Final = 255
_WITH_DECIMALS: Final = frozenset({11, 12, 24, 25, 27})


class Firmware:
    """The main loop of one boot.

    Parameters
    ----------
    ring
        The receive buffer; shrinks as lines are read.
    """

    def __init__(self, board: Board, ring: bytearray) -> None:
        self._board = board
        self._ring = ring
        self._motion_word = "G0"
        self._feed_mm_s = 0.0
        self.is_in_line = False
        """Whether a line has been begun and not been answered."""
        self.deaf_until_s = -math.inf
        """Until when what arrives is lost: settings are being written."""

    def run(self) -> Task:
        """Read, do, answer, for ever."""
        line = bytearray()
        while True:
            yield self._input
            octet = self._ring[0]
            del self._ring[0]
            if octet not in b"\r\n":
                line.append(octet)
                continue
            text, length = strip_line(line.decode("ascii", "ignore")), len(line)
            line.clear()
            if length == 0 and octet == 0x0D:
                continue
            self.is_in_line = True
            yield self._after(self._takes_s(text))
            number = 11 if length >= _LONGEST_LINE else (yield from self._answer(text))
            self._board.record("line", self._board.time_s, text=text, answer=number)
            self.is_in_line = False
            self._board.say(f"error:{number}" if number else "ok")

    def _takes_s(self, text: str) -> float:
        """Moves have to be planned; everything else is quick."""
        settings = self._board.settings
        return settings.line_s if re.match(r"[^$]*[XYZ]", text) else settings.short_line_s

    def _input(self) -> float:
        return self._board.time_s if self._ring else math.inf

    def _room(self) -> float:
        return self._board.time_s if self._board.motion.has_room else math.inf

    def _still(self) -> float:
        motion = self._board.motion
        if motion.blocks or motion.is_holding:
            return math.inf
        lock_ms = self._board.registers[1]
        locked_s = 0.0 if lock_ms == _ALWAYS_LOCKED else lock_ms / 1000
        return max(self._board.time_s, self._board.rests_since_s + locked_s)

    def _at_rest(self) -> float:
        return math.inf if self._board.motion.is_moving else self._board.time_s

    @staticmethod
    def _never() -> float:
        return math.inf

    def _after(self, seconds: float) -> Wait:
        end_s = self._board.time_s + seconds
        return lambda: end_s

    def _answer(self, text: str) -> Answering:
        if text.startswith("$"):
            return (yield from self._system(text))
        if self._board.is_alarmed and text:
            return 9
        try:
            yield from self._do(read_line(text))
        except GcodeError as error:
            return error.number
        return 0

    def _system(self, text: str) -> Answering:
        board = self._board
        is_busy = board.motion.is_moving or board.motion.is_holding
        assigned = re.fullmatch(r"\$(\d+)=(\d+\.?\d*)", text)
        if text not in ("$$", "$I", "$N", "$H", "$X") and not assigned:
            return 3
        if is_busy:
            return 8
        match text:
            case "$$":
                for number, value in board.registers.items():
                    has_decimals = number in _WITH_DECIMALS or number >= 100
                    board.say(f"${number}={value:.3f}" if has_decimals else f"${number}={value:g}")
            case "$N":
                board.say(f"$N0={board.settings.startup_line}")
                board.say("$N1=")
            case "$I":
                self._introduce()
            case "$H" if not board.registers[22]:
                return 5
            case "$H":
                board.is_homing = True
                yield self._after(board.settings.homing_s)
                board.finish_homing()
                board.carry_out_startup()
            case "$X":
                board.is_alarmed = False
                board.say("[MSG:Caution: Unlocked]")
            case _ if assigned:
                return (yield from self._write(int(assigned[1]), float(assigned[2])))
        return 0

    def _introduce(self) -> None:
        settings = self._board.settings
        blocks = settings.announced_blocks or settings.planner_blocks
        octets = settings.announced_bytes or settings.receive_bytes
        self._board.say(f"[VER:{settings.version}:]")
        self._board.say(f"[OPT:{settings.options},{blocks},{octets}]")

    def _write(self, number: int, value: float) -> Answering:
        board = self._board
        if number not in board.registers:
            return 3
        if number == 20 and value and not board.registers[22]:
            return 10
        self.deaf_until_s = board.time_s + board.settings.eeprom_s
        yield self._after(board.settings.eeprom_s)
        board.registers[number] = value
        if number == 22 and not value:
            board.registers[20] = 0
        if number == 32:
            board.outputs.is_laser = bool(value)
        return 0

    def _do(self, command: Command) -> Task:
        values, groups = command.values, command.groups
        moves = command.has_axes
        if "motion" in groups:
            self._motion_word = groups["motion"]
        if "F" in values:
            self._feed_mm_s = values["F"] / 60
        is_stroke = self._motion_word == "G1"
        if moves and is_stroke and self._feed_mm_s <= 0:
            raise GcodeError(22)
        if groups.get("once") == "G4" and "P" not in values:
            raise GcodeError(28)
        yield from self._set_outputs(command, goes_with_motion=moves and is_stroke)
        if groups.get("once") == "G4":
            yield self._still
            yield self._after(_DWELL_STEP_S * math.ceil(values["P"] / _DWELL_STEP_S - 1e-9))
        elif moves:
            yield from self._move(command, is_stroke)

    def _set_outputs(self, command: Command, *, goes_with_motion: bool) -> Task:
        board, outputs = self._board, self._board.outputs
        power = command.values.get("S", outputs.power)
        spindle = command.groups.get("spindle", outputs.spindle)
        rides_along = outputs.is_laser and goes_with_motion and spindle == outputs.spindle
        if spindle != outputs.spindle or (power != outputs.power and not rides_along):
            yield self._still
        outputs.power = power
        outputs.spindle = spindle
        coolant = command.groups.get("coolant")
        if coolant is not None and (coolant != "M7" or "M" in board.settings.options):
            yield self._still
            outputs.coolants = set() if coolant == "M9" else outputs.coolants | {coolant}
        elif coolant is not None:
            raise GcodeError(20)
        board.refresh(board.time_s)

    def _move(self, command: Command, is_stroke: bool) -> Task:
        board = self._board
        end = board.motion.end
        target = StagePose(command.values.get("X", end.x_mm), command.values.get("Y", end.y_mm))
        if board.is_outside(target):
            board.motion.hold(board.time_s)
            yield self._at_rest
            yield from self._alarm_of_limits()
            yield self._never
        yield self._room
        outputs = board.outputs
        has_power = is_stroke and outputs.is_laser and outputs.spindle in ("M3", "M4")
        board.queue(target, self._feed_mm_s if is_stroke else None, outputs.power if has_power else 0.0)
        board.z_mm = command.values.get("Z", board.z_mm)

    def _alarm_of_limits(self) -> Task:
        board = self._board
        board.stop_dead()
        board.is_alarmed = board.is_locked = True
        board.record("alarm", board.time_s, number=2)
        board.say("ALARM:2")
        board.alarm_until_s = board.time_s + board.settings.alarm_s
        yield self._after(board.settings.alarm_s)
        board.say(RESET_WANTED)
