"""Everything that the Marlin stage's twin can be told about the board and the stage that it imitates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MarlinTwinSettings:
    """Parameters of a simulated stage on a Marlin 2 board.

    What the board announces and how the stage behaves differ on purpose. Times are seconds of the simulated clock,
    except where the name says wall.
    """

    travel_mm: tuple[float, float] = (300.0, 300.0)
    steps_per_mm: float = 80.0
    max_speed_mm_s: float = 50.0
    """As announced, along each axis."""
    max_acceleration_mm_s2: float = 500.0
    speed_factor: float = 0.98
    """True speed over announced speed."""
    acceleration_factor: float = 0.92
    homing_s: float = 2.0
    starts_homed: bool = False
    """Whether it stands at the origin when it is switched on."""

    firmware: str = "Marlin 2.1.2"
    advanced_ok: bool = True
    """Whether ``ok`` tells how much room the buffers have."""
    ok_after_resend: bool = True
    """Whether a request to send again is followed by an ``ok``, as in most versions."""
    emergency_parser: bool = True
    soft_endstops: bool = True
    buffer_lines: int = 4
    """Command buffer."""
    planner_blocks: int = 16
    receive_bytes: int = 128
    line_s: float = 0.002
    """Time that the board takes to read and plan a line."""
    boot_s: float = 0.3
    """From reset to ``start``."""
    busy_s: float = 2.0
    """Between two lines that say that it is busy."""

    gate: str | None = "P57"
    """Pin that triggers the monostable."""
    protected_pins: tuple[int, ...] = (2, 10)
    monostable_wall_s: float = 0.5
    """It stays on for so long after the last rising edge."""
    gate_lag_s: float = 0.006
    """A gap shorter than this between two pulses doesn't close the shutter."""

    reboots_at_s: float | None = None
    """The supply fails for a moment at this time."""
    halts_at_s: float | None = None
    """From this time on the board neither moves nor answers: its outputs stay as they are."""
    door_opens_at_s: float | None = None
    door_stays_open_s: float | None = None
    """The door cuts the shutter in hardware, and the board knows nothing of it. None: it stays open for good."""

    seed: int = 0
    clock_factor: float = 1.0
    """How much faster than the wall clock the stage runs; the monostable never does."""
    log: Path | None = None
    """The twin's own record, one JSON object a line: pin, beam, lines, boots, overflows."""
    pose: Path | None = None
    """Where the beam is, for a detector's twin to read; see `firmware_bridge.twins.shared_pose`."""

    def __post_init__(self) -> None:
        if min(self.travel_mm) <= 0:
            raise ValueError(f"a travel of {self.travel_mm} mm encloses nothing: give positive lengths")
        if not self.clock_factor > 0:
            raise ValueError(f"a clock factor of {self.clock_factor}: give a positive number")
        if self.gate is not None and not re.fullmatch(r"P\d{1,3}", self.gate):
            raise ValueError(f"a gate on {self.gate}: name a pin of the board, such as P57")
        if not 0 < self.monostable_wall_s <= 0.5:
            raise ValueError(f"a monostable of {self.monostable_wall_s} s: a shutter may stay open for 0.5 s at most")
