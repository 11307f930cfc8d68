"""The seam for spectrometers that are a device of their own: they count, and know nothing of positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import Observation


@dataclass(frozen=True, slots=True)
class SpectrometerOptions:
    """What the operator says of a spectrometer: where it is, and how it is to be set."""

    port: str
    """Path or address, see `firmware_bridge.ports.open_port`; some devices know further addresses."""
    baud: int
    """Of serial ports."""
    settings: Mapping[str, str]
    """The device's own commands and their values; empty: it stays as it is."""


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
    taken_before_s: float = math.inf
    """By this computer's monotonic clock, when the device had certainly taken it: the first byte of the answer had
    come. Infinite where nobody noted it."""
    has_live_clock: bool = False
    """Whether live time was clocked: then time without beam is live throughout. Otherwise it was worked out of the
    counts, as one share of all of the real time."""


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

    def keep_alive(self) -> None:
        """Nothing is wanted for now, but this computer still uses the device.

        Called every few seconds in a pause, but not while another device is talked to: homing may take minutes.
        """
        ...

    def diagnose(self) -> tuple[Observation, ...]:
        """What can be found out without beam: round trips, spectra a second, high voltage, temperature."""
        ...

    def close(self) -> None:
        """Stop counting, then the port. Safe to call twice."""
        ...


class BufferedSpectrometer(Spectrometer, Protocol):
    """A spectrometer that stores spectra by itself on a trigger: `SpectrometerCapabilities.slots` is not 0."""

    def begin_slots(self) -> None:
        """From now on every edge on the trigger input stores the spectrum to the next slot, from 0, and clears it."""
        ...

    def slots_filled(self) -> int:
        """How many slots edges have filled since `begin_slots`."""
        ...

    def read_slot(self, slot: int) -> Spectrum:
        """A stored spectrum; reading it again is harmless."""
        ...

    def cancel_slots(self) -> None:
        """No more storing; slots keep what they hold."""
        ...
