"""Element rates from sums over regions of interest: the simple alternative to the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.configuration.config import DetectorConfig, TubeConfig
from edge.faults import UsageError
from edge.spectra.channels import bridged, checked_sum, dead_channels
from edge.spectra.energy import EnergyCalibration, NotCalibrated, calibrate_energy
from edge.spectra.lines import LineGroup, default_group
from edge.spectra.propose import propose_elements
from edge.spectra.rates import ElementRates, checked_spectra
from edge.spectra.response import lines_spectrum
from edge.spectra.templates import SpectrumShape

_HALF_WIDTH_FWHM = 0.75
_MARGIN_FWHM = 0.5
"""Gap between the region and the strips on either side that give its background."""
_STRIP_FWHM = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class RoiModel:
    """Net counts around each element's strongest line, scaled to its whole group.

    The background is the straight line between strips beside the region. Overlapping lines are not told apart: where
    that matters, fit (`edge.spectra.model.SpectrumModel`).
    """

    elements: tuple[str, ...]
    """Line groups in the order of the values' columns."""
    calibration: EnergyCalibration | NotCalibrated
    channels: int
    filters: NDArray[np.float32]
    """Weight of each channel in each net count, shape (elements, channels)."""
    least_variance: NDArray[np.float64]
    """Variance of one count spread as the sum spectrum is: the least that an exposure is given, shape (elements,)."""

    @classmethod
    def from_sum_spectrum(
        cls,
        sum_counts: NDArray[np.generic],
        live_s: float,
        *,
        detector: DetectorConfig,
        tube: TubeConfig,
        elements: Sequence[str] = (),
    ) -> RoiModel:
        """Place the regions; parameters and errors as in `edge.spectra.model.SpectrumModel.from_sum_spectrum`."""
        if not live_s > 0:
            raise UsageError(f"the sum spectrum has a live time of {live_s:g} s: it takes at least one exposure")
        measured = checked_sum(sum_counts, detector.channels)
        dead = dead_channels(measured)
        counts = bridged(measured, dead)
        top_kev = detector.offset_kev + detector.gain_kev * (detector.channels - 1)
        groups = [default_group(name, tube.kv, max_kev=top_kev) for name in elements]
        calibration = calibrate_energy(counts, detector, elements, anode=tube.anode, tube_kv=tube.kv)
        scale = calibration if calibration else calibration.nominal
        if not groups:
            groups = [default_group(name, tube.kv) for name in propose_elements(counts, scale, tube)]
        if not groups:
            raise UsageError("the sum spectrum shows no element: name some under elements, or measure for longer")
        shape = SpectrumShape(detector.channels, scale.offset_kev, scale.gain_kev, scale.response)
        filters = np.array([region_filter(group, shape, dead) for group in groups])
        least = np.square(filters) @ (counts / max(float(counts.sum()), 1.0))
        names = tuple(group.name for group in groups)
        return cls(names, calibration, detector.channels, filters.astype(np.float32), least)

    def fit(self, counts: NDArray[np.unsignedinteger], live_s: ArrayLike) -> ElementRates:
        """Sum spectra of shape (n, channels) over the regions; live times of shape (n,) or one for all."""
        spectra, live = checked_spectra(counts, live_s, self.channels)
        numbers = spectra.astype(np.float32)
        net = numbers @ self.filters.T
        variance = np.maximum(numbers @ np.square(self.filters).T, self.least_variance)
        seconds = live[:, None]
        return ElementRates((net / seconds).astype(np.float32), (variance / seconds**2).astype(np.float32))


def region_filter(group: LineGroup, shape: SpectrumShape, dead: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Channel weights whose sum over a spectrum is the peak area of a group, shape (channels,), 0 for dead channels.

    Raises
    ------
    UsageError
        The region or its background strips lie outside the recorded energies.
    """
    energies = np.array(group.energies_kev)
    shares = np.array(group.relative_intensities)
    main = list(group.families[0])
    near = [i for i in main if abs(energies[i] - energies[main[0]]) < 0.15]
    centre = float(energies[near] @ shares[near] / shares[near].sum())
    fwhm = float(shape.response.fwhm_kev(centre))
    distance = shape.energies_kev() - centre
    distance[slice(0) if dead is None else dead] = np.inf
    region = np.abs(distance) <= _HALF_WIDTH_FWHM * fwhm
    inner = (_HALF_WIDTH_FWHM + _MARGIN_FWHM) * fwhm
    outer = inner + max(_STRIP_FWHM * fwhm, 2.0 * shape.gain_kev)
    left = (distance <= -inner) & (distance >= -outer)
    right = (distance >= inner) & (distance <= outer)
    if not (region.any() and left.any() and right.any()):
        raise UsageError(
            f"{group.name}: its line at {centre:.2f} keV has no room within the recorded energies: leave it out "
            "or widen the detector's range"
        )
    width = float(region.sum())
    weights = region.astype(float) - 0.5 * width * (left / left.sum() + right / right.sum())
    captured = float(weights @ lines_spectrum(shape.edges_kev(), energies, shares, shape.response))
    return np.asarray(weights / max(captured, 1e-6))
