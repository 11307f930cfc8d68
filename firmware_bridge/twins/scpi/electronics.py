"""What the twin of a SCPI spectrometer can be told beside the detector's own settings, which are `TwinSettings`."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.scpi.answers import Identity
from firmware_bridge.scpi.vocabulary import Clock

_IDENTITY = Identity("Pointillist", "SCPI twin", "12345", "1.0")


@dataclass(frozen=True, slots=True)
class ScpiElectronics:
    """Parameters of a simulated SCPI spectrometer, and how it misbehaves.

    Of `TwinSettings` the twin uses what concerns the detector, the seed, the channels, the clock and the log. Times
    are seconds of the simulated clock, except where the name says wall.
    """

    identity: Identity = _IDENTITY
    clock: Clock = Clock.LIVE
    """What ends an exposure when the device is switched on."""
    preset_step_s: float = 0.001
    longest_preset_s: float = 86_400.0
    detector_k: float = 220.0
    high_voltage_v: float = -135.0

    answer_wall_s: float = 0.0
    """How long every command waits before it is carried out."""
    missing_channels: int = 0
    """Its spectra are so many channels too short."""
    clock_jump: tuple[float, float] | None = None
    """When its clock is set while it runs, and by how much."""

    def __post_init__(self) -> None:
        if not 0 < self.preset_step_s <= 1:
            raise ValueError(f"a preset step of {self.preset_step_s} s: give one above 0, and at most 1 s")
