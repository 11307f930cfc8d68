"""A reference standard beside the specimen: a piece of glass that is the same wherever the beam meets it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.simulate.config import GlassConfig
from edge.simulate.emission import PaintLayer, paint_rates
from edge.simulate.pigments import ELEMENTS
from edge.simulate.specimen import Specimen
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.source import Emission, RecordedCounts

_MASSES_MG_CM2 = {"Si": 20.0, "K": 2.0, "Ca": 6.0, "Fe": 2.0, "Cu": 1.2, "Sr": 1.0, "Pb": 3.0}
"""Lines from 3 to 16 keV, which place offset and gain; some 12,000 events a second in all."""
_TUBE_RATE_HZ = 6.0
_MATRIX_RATE_HZ = 9_000.0


class BesideGlass:
    """A specimen with the glass beside it; where both lie, the glass is on top."""

    def __init__(self, specimen: Specimen, glass: GlassConfig) -> None:
        self._specimen = specimen
        self._glass = glass
        self._emission = glass_emission()

    @property
    def origin(self) -> StagePose:
        return self._specimen.origin

    @property
    def size_mm(self) -> tuple[float, float]:
        return self._specimen.size_mm

    def at(self, start: StagePose, end: StagePose) -> Emission | RecordedCounts:
        """The glass where the middle of the beam's way lies on it, else what the specimen gives."""
        x_mm, y_mm = (start.x_mm + end.x_mm) / 2, (start.y_mm + end.y_mm) / 2
        half_mm = self._glass.side_mm / 2
        if abs(x_mm - self._glass.x_mm) <= half_mm and abs(y_mm - self._glass.y_mm) <= half_mm:
            return self._emission
        return self._specimen.at(start, end)

    def photograph(self, mm_per_px: float) -> NDArray[np.uint8]:
        return self._specimen.photograph(mm_per_px)


def glass_emission() -> Emission:
    """What the glass sends to the detector at the output of the tube that paints the panel."""
    masses = np.array([_MASSES_MG_CM2.get(element, 0.0) for element in ELEMENTS], dtype=np.float32)
    rates = paint_rates(
        [PaintLayer(masses.reshape(1, 1, -1))], tube_rate_hz=_TUBE_RATE_HZ, matrix_rate_hz=_MATRIX_RATE_HZ
    )
    energies_kev = np.concatenate([bundle.energies_kev for bundle in rates.bundles])
    shares = [bundle.shares / bundle.shares.sum() for bundle in rates.bundles]
    rates_hz = np.concatenate([float(rate) * share for rate, share in zip(rates.rates_hz[0, 0], shares, strict=True)])
    return Emission(energies_kev, rates_hz, float(rates.matrix_rate_hz[0, 0]))
