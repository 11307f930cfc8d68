"""Everything that a twin can be told about the instrument that it imitates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TwinSettings:
    """Parameters of a simulated controller, stage, shutter and detector.

    What the twin *announces* (limits, speed, energy scale) and how it *behaves* differ on purpose, as they do in
    hardware: the application has to find out. Set the errors to zero, and the speed and acceleration factors to one,
    for an ideal instrument.

    Times are seconds of the simulated clock, except where the name says wall.
    """

    x_limits_mm: tuple[float, float] = (0.0, 300.0)
    y_limits_mm: tuple[float, float] = (0.0, 300.0)
    channels: int = 2048
    offset_kev: float = 0.0
    """Nominal energy of channel 0's lower edge."""
    gain_kev: float = 0.01
    """Nominal keV per channel."""
    seed: int = 0
    """The spectrum of an exposure depends on this and on its index, not on when it is measured (drift apart)."""
    clock_factor: float = 1.0
    """How much faster than the wall clock stage and detector run; the lease and the link's timers never do."""
    log: Path | None = None
    """The twin's own record, one JSON object a line: shutter, lease, door, exposures with measured poses."""

    firmware: str = "pointillist-twin 1"
    queue_length: int = 64
    store_length: int = 512
    """Spectra that it keeps until they are acknowledged; it stops measuring when that many wait."""
    lease_s: float = 0.5
    """Longest lease that it grants, wall clock."""
    receive_window: int = 16
    """Sequenced frames that it takes out of order."""
    max_frame: int = 1024
    """Bytes of the longest frame that it takes."""
    batch_bytes: int = 2048
    """Spectra that wait together travel together, up to about this much in a frame."""
    starts_homed: bool = False
    homing_s: float = 2.0

    max_speed_mm_s: float = 50.0
    """As announced, along each axis."""
    max_acceleration_mm_s2: float = 500.0
    speed_factor: float = 0.97
    """True speed over announced speed."""
    acceleration_factor: float = 0.92
    jerk_mm_s3: float = math.inf
    """True change of acceleration, along each axis; infinite: trapezoids of speed with sharp corners."""
    settle_s: float = 0.004
    """Between arriving and counting."""
    overhead_s: float = 0.0
    """What each dwell, and each run of strokes, costs besides: reading out, and taking in the next command."""
    encoder_noise_mm: float = 0.002
    """Standard deviation of a measured pose."""
    position_error_mm: float = 0.004
    """Standard deviation of where it stops against where it was sent."""

    gain_error: float = 0.003
    """True gain over nominal, less one."""
    offset_error_kev: float = -0.008
    gain_drift_per_hour: float = 4e-4
    output_drift_per_hour: float = 0.0
    """Relative change of the tube's output, compounding: the logarithm of the output grows by this in an hour."""
    fano: float = 0.115
    noise_fwhm_kev: float = 0.075
    """Electronic noise, full width at half maximum."""
    tail_fraction: float = 0.02
    """Share of a line's events with incomplete charge, at 3 keV; falls with energy."""
    dead_time_s: float = 2.5e-6
    """Per recorded event, non-paralyzable."""
    pile_up_s: float = 4e-7
    """Events nearer together than this count as one of their summed energy."""
    window_kev: float = 1.1
    """Energy at which the entrance window passes 1/e."""
    silicon_mm: float = 0.5
    """Thickness of the crystal."""
    tube_kv: float = 40.0
    anode_lines_kev: tuple[tuple[float, float], ...] = ((2.70, 0.03), (20.21, 0.16), (22.72, 0.03))
    """Energy and share of the scattered tube radiation; the rest is bremsstrahlung."""
    scatter_angle_deg: float = 135.0
    max_count: int = 2**24 - 1
    """Largest count that a channel holds."""

    door_open_at_s: float | None = None
    """The door opens at this time on the simulated clock."""
    door_opens_after: int | None = None
    """The door opens when this many exposures have been finished since boot."""
    door_stays_open_s: float | None = None
    """How long it stays open; None: for good."""
    clock_step_s: float = 0.0
    """By how much the times that it tells jump, negative backwards; what it does is not touched."""
    clock_steps_at_s: float | None = None
    """When they do; None: never."""
    clock_steps_after: int | None = None
    """They do when this many exposures have been finished since boot."""

    standoff_mm: float | None = None
    """What the controller's rangefinder reads at the edges of the travel; None without one."""
    bow_mm: float = 0.0
    """How much nearer the object's surface is in the middle of the travel: a dome; negative: a dish."""
    nearest_mm: float = 8.0
    """Nearer than this is too near."""
    farthest_mm: float = 12.0
    standoff_leaves_at_s: float | None = None
    """The object is moved away at this time on the simulated clock, out of range."""
    standoff_leaves_after: int | None = None
    """The object is moved away when this many exposures have been finished since boot."""
    standoff_stays_out_s: float | None = None
    """How long it stays out of range; None: for good."""

    def __post_init__(self) -> None:
        for low, high in (self.x_limits_mm, self.y_limits_mm):
            if not low < high:
                raise ValueError(f"limits {low} to {high} mm enclose nothing: give the lower one first")
        if not 16 <= self.channels <= 16_384:
            raise ValueError(f"{self.channels} channels: the protocol carries 16 to 16,384")
        if not 0 < self.lease_s <= 0.5:
            raise ValueError(f"a lease of {self.lease_s} s: the protocol allows at most 0.5 s")
        if not (self.jerk_mm_s3 > 0 and self.overhead_s >= 0):
            raise ValueError(f"a jerk of {self.jerk_mm_s3} mm/s^3, {self.overhead_s} s besides: give what can be")
        if not self.clock_factor > 0:
            raise ValueError(f"a clock factor of {self.clock_factor}: give a positive number")
        if not 1 <= self.receive_window <= 32:
            raise ValueError(f"a window of {self.receive_window} frames: the protocol allows 1 to 32")
        if not 0 < self.nearest_mm < self.farthest_mm:
            raise ValueError(f"{self.nearest_mm} to {self.farthest_mm} mm: give the nearest distance first, above 0")
        if self.standoff_mm is None and (self.standoff_leaves_at_s, self.standoff_leaves_after) != (None, None):
            raise ValueError("the object leaves a range that nothing measures: give standoff_mm as well")
