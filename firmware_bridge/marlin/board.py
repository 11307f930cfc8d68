"""What a Marlin board says of itself (``M115``, ``M211``, ``M503``), checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import ProtocolViolation
from firmware_bridge.marlin import codec as c
from firmware_bridge.marlin.faults import not_marlin, stranger
from firmware_bridge.messages import StagePose

ASK: Final = (b"M115", b"M211", b"M503", b"M114")
_REPORT_ROUNDING_MM: Final = 0.01
"""``M114`` tells two decimals; a position is rounded on its way out and again on its way back."""
_SLOWEST: Final = 10.0
"""Speeds can be turned down to a tenth at a board's own panel."""
_NEEDED: Final = {"M92": "steps per millimetre", "M201": "largest accelerations", "M203": "largest speeds"}


@dataclass(frozen=True, slots=True)
class MarlinBoard:
    """A board's own description; its origin is the stage's."""

    firmware: str
    x_limits_mm: tuple[float, float]
    y_limits_mm: tuple[float, float]
    keeps_limits: bool
    steps_per_mm: tuple[float, float]
    max_speed_mm_s: float
    """Of the slower axis."""
    max_acceleration_mm_s2: float
    """Of the slower axis, or of all moves."""
    has_emergency_parser: bool
    tells_steps: bool
    """Whether ``Count`` counts the axes' own motors."""

    @property
    def tolerance_mm(self) -> float:
        """Largest difference between two tellings of one pose that steps and rounding explain."""
        return 1.0 / min(self.steps_per_mm) + _REPORT_ROUNDING_MM

    def holds(self, pose: StagePose) -> bool:
        """Whether a pose lies within the travel; the board would clamp it without a word."""
        (x_low, x_high), (y_low, y_high) = self.x_limits_mm, self.y_limits_mm
        return x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high

    def longest_s(self, speed_mm_s: float) -> float:
        """In which any move has ended, even on a board that was slowed down."""
        (x_low, x_high), (y_low, y_high) = self.x_limits_mm, self.y_limits_mm
        way_mm = math.hypot(x_high - x_low, y_high - y_low)
        return _SLOWEST * (way_mm / speed_mm_s + speed_mm_s / self.max_acceleration_mm_s2)

    def origin_of(self, place: c.Place) -> tuple[float, float]:
        """What a place in millimetres is more than its steps: offsets that were set on the board."""
        x_steps, y_steps = place.steps or (0, 0)
        return place.x_mm - x_steps / self.steps_per_mm[0], place.y_mm - y_steps / self.steps_per_mm[1]


def board_of(told: Sequence[c.Answer], port: str) -> MarlinBoard:
    """Put together and check what a board said.

    Raises
    ------
    WrongDevice
        It is no Marlin 2.
    ProtocolViolation
        It didn't say enough, or what can't be.
    """
    name = next((answer.name for answer in told if isinstance(answer, c.Firmware)), None)
    if name is None:
        raise stranger(port)
    if not name.startswith(("Marlin 2.", "Marlin bugfix-2.")):
        raise not_marlin(port, name)
    limits = next((answer for answer in told if isinstance(answer, c.Limits)), None)
    if limits is None:
        raise ProtocolViolation("the stage doesn't tell its travel (M211): build its firmware with software endstops")
    settings = {answer.code: answer.values for answer in told if isinstance(answer, c.Setting)}
    steps, accelerations, speeds = (_both_axes(settings, code) for code in _NEEDED)
    place = next((answer for answer in told if isinstance(answer, c.Place)), None)
    general = settings.get("M204", {}).get("T", min(accelerations))
    parser = c.Capability("EMERGENCY_PARSER", True)
    return MarlinBoard(
        firmware=name,
        x_limits_mm=limits.x_mm,
        y_limits_mm=limits.y_mm,
        keeps_limits=settings.get("M211", {}).get("S") == 1.0 if limits.are_kept is None else limits.are_kept,
        steps_per_mm=steps,
        max_speed_mm_s=min(speeds),
        max_acceleration_mm_s2=min(*accelerations, general),
        has_emergency_parser=parser in told,
        tells_steps=place is not None and place.steps is not None,
    )


def _both_axes(settings: Mapping[str, Mapping[str, float]], code: str) -> tuple[float, float]:
    values = settings.get(code, {})
    x, y = values.get("X", 0.0), values.get("Y", 0.0)
    if not (x > 0 and y > 0):
        raise ProtocolViolation(
            f"the stage doesn't tell its {_NEEDED[code]} ({code} in M503): build its firmware without DISABLE_M503, "
            "and set it there"
        )
    return x, y
