"""What a GRBL board says of itself (``$I``, ``$$``), checked, in the stage's frame.

After homing GRBL counts machine positions from 0 at the switch down to minus the travel; a firmware whose origin was
forced to the switch (letter Z in ``$I``) counts up from 0 on axes that home to the low end. Stage millimetres begin at
the low end of the travel in either case: stage = machine - low. Work offsets (G54, G92) never enter: every move is
given in machine coordinates (G53), and a report of work positions is brought back by the offset that the firmware
tells (WCO).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_bridge.faults import ProtocolViolation, SettingRefused, WrongDevice
from firmware_bridge.grbl import codec as c
from firmware_bridge.messages import StagePose

GATES: Final[dict[str, tuple[bytes, bytes]]] = {
    "M7": (b"M7\n", c.COOLANT_OFF),
    "M8": (b"M8\n", c.COOLANT_OFF),
    "M3": (b"M3S%s\n", c.OUTPUT_OFF),
}
"""Outputs that may trigger a monostable: the line that switches on and the one that switches off."""

_DIMMED: Final = 0.6
"""Level of every other cell of a triggered row, as a share of the full one: the shutter stays open, well above its own
threshold, and the trigger's comparator at 0.8 sees the change."""
_NEEDED: Final = (13, 20, 22, 30, 32, 100, 101, 110, 111, 120, 121, 130, 131)
_SMALLEST_BUFFER: Final = 64
_LARGEST_BUFFER: Final = 65_536
_HARMFUL_AT_START: Final = re.compile(r"M0*[3478](?!\d)|G0*(?:20|93)(?!\d)", re.IGNORECASE)
"""Words of a start-up line that switch outputs on, or change what lengths and speeds mean."""
_ALWAYS_LOCKED: Final = 255
_MOST_BLOCKS: Final = 1_000
"""What grblHAL's ``$398`` allows at most."""
_REPORT_ROUNDING_MM: Final = 0.002
"""Rounding of a coordinate to 0.001 mm on its way out and again on its way back, with as much to spare."""


@dataclass(frozen=True, slots=True)
class GrblConfiguration:
    """A board's own description."""

    name: str
    version: str
    letters: str
    planner_blocks: int
    receive_bytes: int
    settings: Mapping[int, float]
    gate: str | None
    has_trigger: bool = False
    """Whether a spectrometer's trigger input follows the level of the spindle's output."""

    @property
    def travel_mm(self) -> tuple[float, float]:
        return self.settings[130], self.settings[131]

    @property
    def low_mm(self) -> tuple[float, float]:
        """Machine position of the stage's origin."""
        homes_low = int(self.settings.get(23, 0))
        x_mm, y_mm = self.travel_mm
        counts_up = [("Z" in self.letters) and bool(homes_low & 1 << axis) for axis in (0, 1)]
        return (0.0 if counts_up[0] else -x_mm, 0.0 if counts_up[1] else -y_mm)

    @property
    def has_laser_mode(self) -> bool:
        """Whether an output drops by itself at the end of motion and on hold."""
        return self.settings[32] == 1 and "V" in self.letters

    @property
    def full_power(self) -> float:
        return self.settings[30]

    @property
    def dimmed_power(self) -> float:
        """Power whose level the trigger's comparator tells from the full one; levels begin at ``$31``."""
        low = self.settings.get(31, 0.0)
        return low + _DIMMED * (self.full_power - low)

    @property
    def tolerance_mm(self) -> float:
        """Largest difference between a pose asked for and one reported that steps and rounding explain."""
        return 1.0 / min(self.settings[100], self.settings[101]) + _REPORT_ROUNDING_MM

    @property
    def max_speed_mm_s(self) -> float:
        return min(self.settings[110], self.settings[111]) / 60.0

    @property
    def max_acceleration_mm_s2(self) -> float:
        return min(self.settings[120], self.settings[121])

    @property
    def gate_lines(self) -> tuple[bytes, bytes] | None:
        """Lines that switch the gate's output on and off."""
        if self.gate is None:
            return None
        on, off = GATES[self.gate]
        return (on % c.number(self.full_power) if b"%s" in on else on), off

    def along(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        """Speed (mm/s) and acceleration (mm/s^2) that both axes allow in a direction."""
        length_mm = math.hypot(x_mm, y_mm)
        shares = [(abs(x_mm) / length_mm, 0), (abs(y_mm) / length_mm, 1)]
        speed_mm_s = min(self.settings[110 + axis] / 60.0 / share for share, axis in shares if share > 0)
        rate = min(self.settings[120 + axis] / share for share, axis in shares if share > 0)
        return speed_mm_s, rate

    def to_machine(self, pose: StagePose) -> tuple[float, float]:
        """Stage to machine millimetres."""
        return pose.x_mm + self.low_mm[0], pose.y_mm + self.low_mm[1]

    def to_stage(self, report: c.Report, offset_mm: tuple[float, ...] | None) -> StagePose | None:
        """Where a report says that the stage is; None when it tells work positions and their offset isn't known."""
        place = report.machine_mm
        if place is None and report.work_mm is not None and offset_mm is not None:
            place = tuple(work + offset for work, offset in zip(report.work_mm, offset_mm, strict=False))
        if place is None or len(place) < 2:
            return None
        return StagePose(place[0] - self.low_mm[0], place[1] - self.low_mm[1])

    def remarks(self) -> tuple[str, ...]:
        """Sentences on what works, but could be safer."""
        said = []
        if not self.settings[20]:
            said.append("soft limits are off ($20=0): a mangled move is not stopped by the board; set $20=1")
        if not self.settings[22]:
            said.append("homing is off ($22=0): the stage can't be homed; fit limit switches and set $22=1")
        if not self.has_laser_mode:
            said.append("laser mode is off ($32=0): no strokes with the beam; set $32=1 to fly")
        lock_ms = self.settings.get(1, _ALWAYS_LOCKED)
        if lock_ms != _ALWAYS_LOCKED:
            said.append(
                f"the motors let go {lock_ms:g} ms after every move, which costs that time at every stop and may cost "
                "the position ($1): set $1=255"
            )
        if self.gate is None:
            said.append(
                "no monostable is configured: no dwells; wire one and name its output to measure standing still"
            )
        return tuple(said)


def configuration_of(
    banner: c.Banner,
    options: c.BuildOptions | None,
    settings: Mapping[int, float],
    gate: str | None,
    *,
    has_trigger: bool = False,
) -> GrblConfiguration:
    """Put together and check what a board said.

    Raises
    ------
    WrongDevice
        It speaks another version.
    ProtocolViolation
        It didn't say enough.
    SettingRefused
        Its settings make a safe scan impossible.
    """
    if not banner.version.startswith("1.1"):
        raise WrongDevice(f"the stage runs {banner.name} {banner.version}: update its firmware to GRBL 1.1 or grblHAL")
    if options is None:
        raise ProtocolViolation("the stage doesn't tell its buffer sizes ($I lacks [OPT:...]): update its firmware")
    missing = [number for number in _NEEDED if number not in settings]
    if missing:
        raise ProtocolViolation(f"the stage doesn't tell its setting ${missing[0]}: update its firmware")
    configuration = GrblConfiguration(
        banner.name, banner.version, options.letters, options.planner_blocks, options.receive_bytes,
        dict(settings), gate, has_trigger,
    )  # fmt: skip
    _check_values(configuration)
    _check_beam(configuration)
    return configuration


def check_startup(lines: Mapping[str, str]) -> None:
    """Refuse start-up lines (``$N0``, ``$N1``, by their names) that make every reset dangerous.

    Raises
    ------
    SettingRefused
        One switches an output on, or changes units.
    """
    for name, text in lines.items():
        if name.startswith("$N") and _HARMFUL_AT_START.search(text.replace(" ", "")):
            raise SettingRefused(
                f"the stage carries out '{text}' by itself at every start, which switches outputs on or changes units: "
                f"clear that line with {name}="
            )


def _check_values(configuration: GrblConfiguration) -> None:
    if configuration.receive_bytes < _SMALLEST_BUFFER or configuration.planner_blocks < 2:
        raise ProtocolViolation(
            f"the stage says that it holds {configuration.receive_bytes} bytes and {configuration.planner_blocks} "
            "moves, too few to stream: update its firmware"
        )
    if configuration.receive_bytes > _LARGEST_BUFFER or configuration.planner_blocks > _MOST_BLOCKS:
        raise ProtocolViolation(
            f"the stage says that it holds {configuration.receive_bytes} bytes and {configuration.planner_blocks} "
            "moves, more than any board does: update its firmware"
        )
    if configuration.settings[13]:
        raise SettingRefused("the stage reports inches ($13=1): set $13=0")
    for number in _NEEDED[5:]:
        if not configuration.settings[number] > 0:
            raise SettingRefused(f"the stage's setting ${number} is {configuration.settings[number]:g}: correct it")


def _check_beam(configuration: GrblConfiguration) -> None:
    gate, letters = configuration.gate, configuration.letters
    if gate is not None and gate not in GATES:
        raise SettingRefused(f"a gate on '{gate}' is unknown: name one of {', '.join(GATES)}")
    if gate is None and not configuration.has_laser_mode:
        raise SettingRefused(
            "nothing would close the shutter if this computer failed: set $32=1 (laser mode, on a firmware with "
            "variable spindle) to fly, or wire a monostable and name its output as the gate"
        )
    if gate == "M7" and "M" not in letters:
        raise SettingRefused("the firmware was built without the mist output M7: trigger the monostable by M8")
    if gate == "M3" and configuration.settings[32]:
        raise SettingRefused(
            "the spindle's output can't both fly ($32=1) and trigger a monostable: trigger it by M8, or set $32=0"
        )
    if configuration.has_trigger and not configuration.has_laser_mode:
        raise SettingRefused(
            "the spectrometer's trigger follows the spindle's output, which needs laser mode: set $32=1, or fly "
            "without the trigger"
        )
