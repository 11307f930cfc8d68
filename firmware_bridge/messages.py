"""The nouns that cross the link: poses, exposures, and what the controller says of them.

Positions are stage millimetres, times are seconds. ``controller_time_s`` runs on the controller's clock, whose rate
and origin are not the host's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntFlag

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StagePose:
    """Where the beam meets the object, in stage coordinates."""

    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """One stretch of beam on the object: the unit of measurement.

    A dwell starts where it ends; a fly-scan stroke ends elsewhere and is driven at constant speed.
    """

    index: int
    """Position in the plan, from 0; unique within a scan and never reused for another exposure."""
    start: StagePose
    end: StagePose
    live_s: float
    """Live time to collect, in seconds of the detector's live clock."""

    @property
    def is_dwell(self) -> bool:
        return self.start == self.end


class ExposureFlag(IntFlag):
    """What the controller noticed during an exposure."""

    NONE = 0
    SATURATED = 1
    """A channel reached the largest count that the detector can hold."""
    TRUNCATED = 2
    """The exposure ended before its live time was collected; such a spectrum is kept and the exposure repeated."""


@dataclass(frozen=True, slots=True, eq=False)
class ExposureDone:
    """A finished exposure as the controller measured it."""

    index: int
    start: StagePose
    """Measured pose at opening."""
    end: StagePose
    """Measured pose at closing."""
    real_s: float
    live_s: float
    opened_at_s: float
    """Controller time at which counting began."""
    closed_at_s: float
    input_rate_hz: float
    """Events that reached the detector per second of live time (fast channel)."""
    output_rate_hz: float
    """Events in the spectrum per second of real time."""
    flags: ExposureFlag
    counts: NDArray[np.uint32]
    """Spectrum, shape (channels,), read-only."""
    pose_uncertainty_mm: float = math.nan
    """Standard uncertainty of both poses along the beam's way; NaN where the controller doesn't state one."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the controller says of itself on connecting."""

    firmware: str
    protocol_version: int
    boot_id: int
    """Changes at every boot: a new one means that the position is unknown."""
    x_limits_mm: tuple[float, float]
    y_limits_mm: tuple[float, float]
    max_speed_mm_s: float
    max_acceleration_mm_s2: float
    channels: int
    queue_length: int
    """Exposures that the controller accepts ahead of the one in progress."""
    lease_s: float
    """Longest time that the shutter stays open without renewal."""


class ControllerState(Enum):
    """What the controller is doing."""

    UNHOMED = "unhomed"
    IDLE = "idle"
    HOMING = "homing"
    MOVING = "moving"
    EXPOSING = "exposing"
    PAUSED = "paused"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True)
class ControllerStatus:
    """A snapshot of the controller."""

    state: ControllerState
    pose: StagePose
    is_homed: bool
    is_shutter_open: bool
    is_door_closed: bool
    controller_time_s: float
    queue_free: int
    fault: str
    """Sentence naming the controller's fault, empty when there is none."""
    standoff_mm: float | None = None
    """Distance from the rangefinder to the object's surface, None where nothing measures it."""
    is_in_range: bool = True
    """False while the object is known to be too near or too far."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that a device, or its link, was found to be or to do: for `pointillist doctor`."""

    what: str
    """One or two words: ``buffers``, ``round trip``, ``clock``."""
    text: str
    """What was found, with its units; where it isn't good, a sentence with the remedy."""
    is_good: bool = True
    """Whether nothing has to be done about it. What makes a scan impossible is raised on connecting instead."""
