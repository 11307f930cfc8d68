"""The seam for stages that are a device of their own: they move and gate the beam, and know nothing of spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True)
class StageCapabilities:
    """What a stage says of itself."""

    firmware: str
    x_limits_mm: tuple[float, float]
    y_limits_mm: tuple[float, float]
    max_speed_mm_s: float
    max_acceleration_mm_s2: float
    has_gate: bool
    """Whether an output that closes by itself (an external monostable) lets the beam on while standing still."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    """A snapshot of a stage."""

    pose: StagePose
    is_homed: bool
    is_moving: bool
    is_beam_on: bool
    is_door_closed: bool
    fault: str
    """Sentence naming what stopped it, empty when nothing did."""


@dataclass(frozen=True, slots=True)
class PoseAt:
    """Where the stage said that it was, and when this computer heard it."""

    monotonic_s: float
    pose: StagePose


class Stage(Protocol):
    """Two axes and an output for the shutter.

    Every method raises a `firmware_bridge.faults.BridgeError` when the stage cannot do what is asked; the beam is off
    then. One thread at a time, but `halt` from any.
    """

    @property
    def capabilities(self) -> StageCapabilities: ...

    def status(self) -> StageStatus:
        """Ask for a fresh snapshot."""
        ...

    def home(self) -> None:
        """Find the origin; returns when it is found."""
        ...

    def move_to(self, pose: StagePose) -> StagePose:
        """Travel with the beam as it is; returns the verified pose once it stands still there."""
        ...

    def fly(self, start: StagePose, end: StagePose, speed_mm_s: float, *, with_beam: bool) -> tuple[PoseAt, ...]:
        """Drive a straight stroke at constant speed, with run-up and run-out outside it; returns reported poses.

        With the beam: on from start to end only, by an output that drops at the end of motion and on hold.
        """
        ...

    def hold_beam(self, seconds: float) -> None:
        """Let the beam on for so long from now, at most 0.5 s, unless this is called again before (`has_gate`)."""
        ...

    def drop_beam(self) -> None:
        """Beam off; returns when the stage has confirmed it."""
        ...

    def halt(self) -> None:
        """Beam off and motion stopped at once, whatever is queued; the position may have to be found again."""
        ...

    def close(self) -> None:
        """Beam off, then the port. Safe to call twice."""
        ...
