"""Everything that the GRBL stage's twin can be told about the board and the stage that it imitates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GrblTwinSettings:
    """Parameters of a simulated stage on a GRBL 1.1h board.

    What ``$$`` announces and how the stage behaves differ on purpose. Times are seconds of the simulated clock, except
    where the name says wall.
    """

    travel_mm: tuple[float, float] = (300.0, 300.0)
    steps_per_mm: float = 250.0
    max_speed_mm_s: float = 50.0
    """As announced, along each axis."""
    max_acceleration_mm_s2: float = 500.0
    speed_factor: float = 0.98
    """True speed over announced speed."""
    acceleration_factor: float = 0.92
    pull_off_mm: float = 1.0
    """Between the limit switch and where homing ends."""
    homing_s: float = 2.0
    starts_homed: bool = False

    version: str = "1.1h.20190830"
    options: str = "V"
    """Letters of ``$I``: V variable spindle, M mist on M7, Z origin at the switch."""
    planner_blocks: int = 15
    receive_bytes: int = 128
    announced_blocks: int | None = None
    """What ``$I`` says instead of the truth."""
    announced_bytes: int | None = None
    line_s: float = 0.0036
    """Time that the board takes to read and plan a move."""
    short_line_s: float = 0.0003
    """The same for any other line."""
    idle_lock_ms: int = 255
    """``$1``: how long the motors hold after a move, while the board does nothing else; 255 for ever, and no wait."""
    eeprom_s: float = 0.02
    """Time that writing a setting takes; what arrives meanwhile is lost."""
    boot_s: float = 0.1
    """From reset by DTR to the banner."""
    reset_s: float = 0.028
    """From reset by command to the banner."""
    alarm_s: float = 0.5
    """For so long after an alarm the board does nothing but receive."""
    startup_line: str = ""
    """``$N0``: carried out, or at least answered, after every banner of a board that isn't locked and after homing."""
    door_is_hold: bool = False
    """Whether the door's switch is on the hold input, as on firmware that was built without one for the door."""

    soft_limits: bool = True
    homing: bool = True
    laser_mode: bool = True
    report_mask: int = 3
    """``$10``: 1 machine position, 2 room in the buffers."""

    gate: str | None = "M8"
    """Output that triggers the monostable: M8, M7, M3, or None without one."""
    monostable_wall_s: float = 0.5
    """It stays on for so long after the last rising edge."""
    gate_lag_s: float = 0.006
    """A gap shorter than this between two pulses doesn't close the shutter."""

    has_trigger: bool = False
    """Whether a comparator at 0.8 of the spindle output's full power gives the detector an edge at every change."""
    lost_edges: tuple[int, ...] = ()
    """Edges that never arrive, counted from 0 since the supply was switched on."""

    probe_active_at_s: float | None = None
    """A switch on the probe input closes at this time: the object is too near or too far."""
    probe_stays_active_s: float | None = None
    """How long it stays closed; None: for good."""

    door_opens_at_s: float | None = None
    door_opens_after_beam_s: float | None = None
    """The door opens so long after the beam first went on."""
    door_stays_open_s: float | None = None
    """How long it stays open; None: for good."""
    reboots_at_s: float | None = None
    """The supply fails for a moment at this time."""
    halts_at_s: float | None = None
    """From this time on the board neither moves nor answers: its outputs stay as they are."""

    seed: int = 0
    clock_factor: float = 1.0
    """How much faster than the wall clock the stage runs; the monostable never does."""
    log: Path | None = None
    """The twin's own record, one JSON object a line: outputs, beam, lines, resets, overflows."""
    pose: Path | None = None
    """Where the beam is, for a detector's twin to read; see `firmware_bridge.twins.shared_pose`."""

    def __post_init__(self) -> None:
        if min(self.travel_mm) <= 0:
            raise ValueError(f"a travel of {self.travel_mm} mm encloses nothing: give positive lengths")
        if not self.clock_factor > 0:
            raise ValueError(f"a clock factor of {self.clock_factor}: give a positive number")
        if self.gate not in (None, "M8", "M7", "M3"):
            raise ValueError(f"a gate on {self.gate}: the board has M8, M7 and M3")
        if not 0 < self.monostable_wall_s <= 0.5:
            raise ValueError(f"a monostable of {self.monostable_wall_s} s: a shutter may stay open for 0.5 s at most")
