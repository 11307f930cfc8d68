"""The seam for spectrometers that are a device of their own: they count, and know nothing of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SpectrometerCapabilities:
    """What a spectrometer says of itself."""

    model: str
    serial_number: str
    firmware: str
    channels: int
    preset_step_s: float
    """Granularity of a preset time; presets are rounded up to it."""
    slots: int
    """Spectra that it buffers by itself on a trigger, 0 when it cannot."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One spectrum as the device counted it."""

    counts: NDArray[np.uint32]
    """Shape (channels,), read-only."""
    live_s: float
    real_s: float
    input_rate_hz: float
    """Events that reached the detector per second of live time (fast channel)."""
    output_rate_hz: float
    """Events in the spectrum per second of real time."""
    is_preset_reached: bool


class Spectrometer(Protocol):
    """A detector with its counting electronics.

    Every method raises a `firmware_bridge.faults.BridgeError` when the device cannot do what is asked. One thread at
    a time.
    """

    @property
    def capabilities(self) -> SpectrometerCapabilities: ...

    def begin(self, preset_s: float) -> None:
        """Clear, then count until the preset (live time where the device can, else real time) is reached."""
        ...

    def read(self, timeout_s: float) -> Spectrum | None:
        """The spectrum once its preset is reached; None when that takes longer. Does not clear."""
        ...

    def snapshot(self) -> Spectrum:
        """The spectrum as it stands, and begin the next one at once: for counting in motion."""
        ...

    def stop(self) -> None:
        """Stop counting."""
        ...

    def close(self) -> None:
        """Stop counting, then the port. Safe to call twice."""
        ...
