"""The seam for stages that are a device of their own: they move and gate the beam, and know nothing of spectra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.messages import Observation, StagePose


@dataclass(frozen=True, slots=True)
class StageOptions:
    """What the operator says of a stage: where it is, and what is wired to it."""

    port: str
    """Path or address, see `firmware_bridge.ports.open_port`."""
    baud: int
    gate: str | None = None
    """Output that triggers the external monostable which lets the beam through at rest, as the stage names it."""
    has_trigger: bool = False
    """Whether the spectrometer's trigger input is wired to this stage."""


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
    flies_with_beam: bool
    """Whether an output that drops at the end of motion and on hold lets the beam on in motion."""
    has_trigger: bool
    """Whether it gives the spectrometer an edge at the boundaries of a row's cells."""
    pose_uncertainty_mm: float
    """Standard uncertainty of a verified pose at rest, along each axis."""


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
    is_probe_active: bool = False
    """The probe input, where a switch may tell that the object is too near or too far."""


@dataclass(frozen=True, slots=True)
class PoseAt:
    """Where the stage said that it was, and when."""

    monotonic_s: float
    """Best estimate of the moment, by this computer's clock."""
    pose: StagePose
    uncertainty_s: float
    """Standard uncertainty of the moment: half the round trip of the question, over the root of three."""


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

    def diagnose(self) -> tuple[Observation, ...]:
        """What can be found out with the beam off and nothing moving: buffers, round trips, doubtful settings."""
        ...

    def home(self) -> None:
        """Find the origin; returns when it is found."""
        ...

    def move_to(self, pose: StagePose) -> StagePose:
        """Travel with the beam as it is; returns the verified pose once it stands still there."""
        ...

    def fly(
        self,
        start: StagePose,
        end: StagePose,
        speed_mm_s: float,
        *,
        with_beam: bool,
        cells: int = 1,
        lead_s: float = 0.0,
        heard: Callable[[PoseAt], None] | None = None,
    ) -> tuple[PoseAt, ...]:
        """Drive a straight row at constant speed, with run-up and run-out outside it; returns reported poses.

        With the beam: on from start to end only, by an output that drops at the end of motion and on hold.

        Parameters
        ----------
        cells
            Equal parts of the row; with `StageCapabilities.has_trigger` there is one edge at each boundary between
            two of them and one at the row's end, and there may be one at its start.
        lead_s
            Constant speed for at least so long before the start, so that reports can foretell when it is passed.
        heard
            Called with every pose as soon as it is reported, from the thread that called this. Whatever it raises
            stops the stage, beam off, and is raised here.
        """
        ...

    def hold_beam(self, seconds: float) -> float:
        """Let the beam on for so long from now, at most 0.5 s, unless this is called again before (`has_gate`).

        Returns
        -------
        float
            When the stage was told, by this computer's monotonic clock: the beam is on by the time of the return, and
            stays on at least as long after this moment as the gate holds.
        """
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
