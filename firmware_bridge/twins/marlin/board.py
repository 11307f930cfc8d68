"""What Marlin commands do: motion, pins, and what the board says of itself.

A generator for each command: it yields what it waits for, a function that gives the time at which the wait ends
(infinite while that isn't known), and is gone on with then.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Generator
from typing import Any

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.motion import Block, Motion
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from firmware_bridge.twins.marlin.shutter import Shutter
from firmware_bridge.twins.twin_log import TwinLog

Wait = Callable[[], float]
Task = Generator[Wait, None, None]

QUICK_STOP_S = 1.0
"""A quick stop drops moves for so long, and does nothing else meanwhile."""
_MOST_LOST_MM = 0.5
_WITHOUT_EFFECT = frozenset({"G21", "G90", "M84", "M110", "M113", "M112", "M410"})
"""Here, that is: some are heeded elsewhere."""
_WORD = re.compile(r"([A-Z])(-?\d+\.?\d*)?")


class Board:
    """Everything but the serial line and the order in which commands are done."""

    def __init__(self, settings: MarlinTwinSettings, log: TwinLog) -> None:
        self.settings = settings
        self.time_s = 0.0
        self.said = bytearray()
        """What the board has sent and nobody has taken yet."""
        self.shutter = Shutter(settings, self.record)
        self.motion = Motion(settings.planner_blocks, StagePose(0.0, 0.0))
        self.is_homing = False
        self._chance = random.Random(settings.seed)
        shares = (0.0, 0.0) if settings.starts_homed else (self._chance.random(), self._chance.random())
        self.lost_mm = (shares[0] * settings.travel_mm[0], shares[1] * settings.travel_mm[1])
        """Where the stage really is, less where the firmware believes that it is."""
        self._log = log
        self._feed_mm_s = settings.max_speed_mm_s

    def record(self, event: str, time_s: float, **details: Any) -> None:
        """Write to the twin's own log, with the pose where the beam is concerned."""
        if event.startswith("beam"):
            pose = self.true_pose(time_s)
            details = {**details, "x_mm": round(pose.x_mm, 4), "y_mm": round(pose.y_mm, 4)}
        self._log.write(event, time_s, **details)

    def say(self, text: str) -> None:
        """Send a line."""
        self.said += text.encode("latin-1") + b"\n"

    def true_pose(self, time_s: float) -> StagePose:
        """Where the beam is."""
        pose = self.motion.pose(time_s)
        return StagePose(pose.x_mm + self.lost_mm[0], pose.y_mm + self.lost_mm[1])

    def lose_position(self) -> None:
        """What a boot does: it counts from 0 wherever it stands."""
        pose = self.true_pose(self.time_s)
        self.lost_mm = (pose.x_mm, pose.y_mm)
        self.motion.place(StagePose(0.0, 0.0))

    def stop_dead(self) -> None:
        """Drop all planned motion; in motion the stage slips."""
        pose = self.motion.pose(self.time_s)
        if self.motion.is_moving:
            slip = [self._chance.uniform(-_MOST_LOST_MM, _MOST_LOST_MM) for _ in range(2)]
            self.lost_mm = (self.lost_mm[0] + slip[0], self.lost_mm[1] + slip[1])
        self.motion.place(pose)

    def do(self, text: str) -> Task:
        """Carry out one command."""
        word = re.match(r"[GM]\d+", text)
        name = word[0] if word else ""
        values = {letter: float(number or 0) for letter, number in _WORD.findall(text[len(name) :])}
        match name:
            case "G0" | "G1":
                yield from self._drive(values)
            case "G4":
                yield self._still
                yield self._after(values.get("P", 0.0) / 1000.0 + values.get("S", 0.0))
            case "G28":
                yield self._still
                self.is_homing = True
                yield self._after(self.settings.homing_s)
                self.is_homing = False
                self.lost_mm = (0.0, 0.0)
                self.motion.place(StagePose(0.0, 0.0))
                self.record("homed", self.time_s)
            case "M400":
                yield self._still
            case "M410" if not self.settings.emergency_parser:
                self.stop_dead()
                yield self._after(QUICK_STOP_S)
            case "M42":
                self._set_pin(int(values.get("P", 0)), values)
            case "M118":
                self.say(text[5:])
            case "M114":
                self._tell_place()
            case "M115" | "M119" | "M211" | "M503":
                self._tell(name)
            case _ if name not in _WITHOUT_EFFECT:
                self.say(f'echo:Unknown command: "{text}"')

    def _still(self) -> float:
        return math.inf if self.motion.blocks else self.time_s

    def _room(self) -> float:
        return self.time_s if self.motion.has_room else math.inf

    def _after(self, seconds: float) -> Wait:
        end_s = self.time_s + seconds
        return lambda: end_s

    def _drive(self, values: dict[str, float]) -> Task:
        """Plan a straight move; targets outside are clamped without a word."""
        settings, start = self.settings, self.motion.end
        if values.get("F", 0.0) > 0:
            self._feed_mm_s = values["F"] / 60.0
        target = (values.get("X", start.x_mm), values.get("Y", start.y_mm))
        if settings.soft_endstops:
            target = (
                min(max(target[0], 0.0), settings.travel_mm[0]),
                min(max(target[1], 0.0), settings.travel_mm[1]),
            )
        yield self._room
        start = self.motion.end
        end = StagePose(*(round(each * settings.steps_per_mm) / settings.steps_per_mm for each in target))
        length_mm = math.hypot(end.x_mm - start.x_mm, end.y_mm - start.y_mm)
        if length_mm == 0.0:
            return
        steepest = max(abs(end.x_mm - start.x_mm), abs(end.y_mm - start.y_mm)) / length_mm
        speed_mm_s = min(self._feed_mm_s, settings.max_speed_mm_s / steepest) * settings.speed_factor
        rate = settings.max_acceleration_mm_s2 * settings.acceleration_factor
        self.motion.append(self.time_s, Block(start, end, speed_mm_s, rate, 0.0))

    def _set_pin(self, pin: int, values: dict[str, float]) -> None:
        """At once: moves that are planned go on."""
        if pin in self.settings.protected_pins:
            self.say("Error:Protected Pin")
        elif "S" in values:
            self.shutter.set_pin(self.time_s, pin, is_high=values["S"] > 0)

    def _tell_place(self) -> None:
        """Where the queue ends, as the firmware tells it."""
        end = self.motion.end
        steps = [round(each * self.settings.steps_per_mm) for each in (end.x_mm, end.y_mm)]
        self.say(f"X:{end.x_mm:.2f} Y:{end.y_mm:.2f} Z:0.00 E:0.00 Count X:{steps[0]} Y:{steps[1]} Z:0")

    def _tell(self, name: str) -> None:
        settings = self.settings
        (x_mm, y_mm), steps = settings.travel_mm, settings.steps_per_mm
        speed, rate = settings.max_speed_mm_s, settings.max_acceleration_mm_s2
        lines = {
            "M115": [
                f"FIRMWARE_NAME:{settings.firmware} (Nov 20 2025 12:00:00) SOURCE_CODE_URL:github.com/MarlinFirmware/"
                "Marlin PROTOCOL_VERSION:1.0 MACHINE_TYPE:Stage EXTRUDER_COUNT:0 ",
                "Cap:EEPROM:1",
                f"Cap:EMERGENCY_PARSER:{int(settings.emergency_parser)}",
            ],
            "M119": ["Reporting endstop status", "x_min: open", "y_min: open"],
            "M211": [
                f"  M211 S{int(settings.soft_endstops)} ; {'ON' if settings.soft_endstops else 'OFF'}",
                f"  Min:  X0.00 Y0.00 Z0.00   Max:  X{x_mm:.2f} Y{y_mm:.2f} Z200.00",
            ],
            "M503": [
                "echo:  G21    ; Units in mm (mm)",
                "echo:; Steps per unit:",
                f"echo: M92 X{steps:.2f} Y{steps:.2f} Z400.00",
                "echo:; Max feedrates (units/s):",
                f"echo:  M203 X{speed:.2f} Y{speed:.2f} Z5.00",
                "echo:; Max Acceleration (units/s2):",
                f"echo:  M201 X{rate:.2f} Y{rate:.2f} Z100.00",
                "echo:; Acceleration (units/s2) (P<print-accel> R<retract-accel> T<travel-accel>):",
                f"echo:  M204 P{rate:.2f} R{rate:.2f} T{rate:.2f}",
            ],
        }
        for line in lines[name]:
            self.say(line)
