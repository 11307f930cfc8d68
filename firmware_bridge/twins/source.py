"""What a twin asks of the object under its beam: the radiation at a pose, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """Characteristic radiation that leaves the object towards the detector, before any detector effect."""

    energies_kev: NDArray[np.float64]
    """Line energies, shape (lines,)."""
    rates_hz: NDArray[np.float64]
    """Photons per second that enter the detector, shape (lines,)."""
    matrix_rate_hz: float
    """Photons per second of tube radiation scattered by the object; the twin gives it a spectrum."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedCounts:
    """A spectrum that a real detector recorded at this place."""

    counts: NDArray[np.uint32]
    """Shape (channels,)."""
    live_s: float
    """Live time that it took. Asked for as much, the twin hands these counts over unchanged; for less, thins them."""


class SpectrumSource(Protocol):
    """An object on the easel."""

    def at(self, start: StagePose, end: StagePose) -> Emission | RecordedCounts:
        """Mean radiation over the beam's way from start to end (its footprint included)."""
        ...
