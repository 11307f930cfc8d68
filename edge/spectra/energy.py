"""Energy scale and peak width, found from known lines in the sum spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import DetectorConfig
from edge.faults import UsageError
from edge.spectra.peaks import FoundPeaks, find_peaks
from edge.spectra.response import DetectorResponse, nominal_response
from edge.spectra.scale_search import (
    Span,
    candidate_groups,
    explained,
    family_centroids,
    hypotheses,
    present_groups,
)
from edge.spectra.sum_fit import SCALE, SCATTERING, WIDTH, SumFit, fit_sum
from edge.spectra.templates import SpectrumShape

COMMON_ELEMENTS = (
    *("Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As"),
    *("Se", "Br", "Sr", "Zr", "Rh", "Pd", "Ag", "Cd", "Sn", "Sb", "Ba", "W", "Au", "Hg", "Pb", "Bi"),
)
"""Elements that paintings, their grounds, the air and tubes show."""

_FEWEST_PEAKS = 3
_FEWEST_COUNTS = 300
_LEAST_SHARE = 0.6
"""Of the peaks' weight that must sit on lines: right scales reached 0.67 to 1 in trials, wrong ones 0.4 to 0.72."""
_LARGEST_RESIDUAL_KEV = 0.012
"""Root mean square beyond what counting explains: 1 to 9 eV at right scales, 12 to 36 eV at wrong ones."""
_MISTAKEN = 5.0
"""A peak this many times as far off as the median one was taken for the wrong line, and counts as unexplained."""

_SPANS = (Span(0.026, 0.10, 8, _FEWEST_PEAKS), Span(0.06, 0.32, 16, 8))


@dataclass(frozen=True, slots=True)
class CalibrationPeak:
    """A peak of the sum spectrum and the line that it was taken for."""

    line: str
    """Element and the strongest line at that place, IUPAC: ``Fe K-L3``."""
    energy_kev: float
    """Tabulated centroid of the family."""
    channel: float
    """Centroid in the sum spectrum, channel 0 being the first."""
    residual_kev: float
    """Energy of the centroid by the calibration, less that of the fitted spectrum's centroid at the same place.

    The fitted spectrum holds the tabulated lines at their energies, so this is what the lines miss the scale by once
    the pull of neighbouring lines on a centroid is taken off; ``energy_kev`` alone leaves that in.
    """


@dataclass(frozen=True, slots=True)
class EnergyCalibration:
    """Energy of channel ``c``'s centre: ``offset_kev + gain_kev * c``, channels counted from 0."""

    offset_kev: float
    gain_kev: float
    response: DetectorResponse
    """Peak width over energy."""
    peaks: tuple[CalibrationPeak, ...]
    """Peaks used, strongest first; empty for a nominal scale."""

    @property
    def residuals_kev(self) -> tuple[float, ...]:
        """Residual of each peak used."""
        return tuple(peak.residual_kev for peak in self.peaks)

    def energy_kev(self, channel: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Energy at the centre of a channel."""
        return self.offset_kev + self.gain_kev * np.asarray(channel, dtype=float)

    def fwhm_kev(self, energy_kev: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Full width at half maximum of a line."""
        return self.response.fwhm_kev(energy_kev)

    def __bool__(self) -> Literal[True]:
        return True


@dataclass(frozen=True, slots=True)
class NotCalibrated:
    """The spectrum could not correct the nominal scale; falsy, with the reason and the scale to go on with."""

    reason: str
    nominal: EnergyCalibration

    def __bool__(self) -> Literal[False]:
        return False


def nominal_calibration(detector: DetectorConfig) -> EnergyCalibration:
    """Return the scale that the configuration states."""
    return EnergyCalibration(detector.offset_kev, detector.gain_kev, nominal_response(detector.fwhm_mn_kev), ())


def calibrate_energy(
    sum_counts: NDArray[np.generic],
    nominal: DetectorConfig,
    elements: Sequence[str],
    *,
    anode: str = "Rh",
    tube_kv: float = 40.0,
) -> EnergyCalibration | NotCalibrated:
    """Find offset, gain and peak width from the lines in a sum spectrum.

    Peaks are matched to lines over all scales within 2.6 % of the nominal gain and 0.1 keV of its offset; the best
    matches compete by how well the tabulated lines then explain the spectrum, and the winner is refined by a fit of
    the whole spectrum. Where too few peaks then sit on lines, or not closely, scales within 6 % and 0.32 keV are tried
    in the same way, and failing that the nominal one stands. Nothing needs to be known of the object: ``elements``
    only helps.

    Parameters
    ----------
    sum_counts
        Sum of many spectra, shape (channels,).
    nominal
        The scale to start from.
    elements
        Elements or line groups known to be there, beside `COMMON_ELEMENTS`.
    anode, tube_kv
        Tube anode, whose scattered lines are seen, and voltage in kV.
    """
    counts = np.asarray(sum_counts, dtype=float)
    fallback = nominal_calibration(nominal)
    if counts.shape != (nominal.channels,):
        raise UsageError(
            f"the spectrum has {counts.size} channels, the configuration says {nominal.channels}: "
            "correct detector.channels"
        )
    if counts.sum() < _FEWEST_COUNTS:
        return NotCalibrated(f"only {counts.sum():.0f} counts in the sum spectrum", fallback)
    start = SpectrumShape(nominal.channels, nominal.offset_kev, nominal.gain_kev, fallback.response)
    peaks = find_peaks(counts, start)
    if peaks.channels.size < _FEWEST_PEAKS:
        return NotCalibrated(f"only {peaks.channels.size} peaks stand out in the sum spectrum", fallback)
    groups = candidate_groups([*COMMON_ELEMENTS, *elements], anode, tube_kv, float(start.energies_kev()[-1]))
    reason = ""
    for span in _SPANS:
        if reason and peaks.channels.size < span.fewest_peaks:
            break
        best = max(hypotheses(peaks, start, groups, span), key=lambda shape: explained(counts, shape, groups))
        present = present_groups(counts, best, groups)
        if len(present) < 2:
            reason = "the peaks of the sum spectrum match no known lines"
            continue
        fit = fit_sum(counts, best, present, anode=anode, tube_kv=tube_kv, free=(*SCALE, *WIDTH, *SCATTERING))
        found = calibration_of(fit)
        reason = _doubt(found, fit, start, span)
        if not reason:
            return found
    return NotCalibrated(reason, fallback)


def _doubt(found: EnergyCalibration, fit: SumFit, start: SpectrumShape, span: Span) -> str:
    """Why a scale is not to be trusted, or nothing."""
    if len(found.peaks) < span.fewest_peaks:
        return f"only {len(found.peaks)} peaks of the sum spectrum match known lines"
    gain_off, offset_off = found.gain_kev / start.gain_kev - 1, found.offset_kev - start.offset_kev
    if abs(gain_off) > span.gain or abs(offset_off) > span.offset_kev:
        return (
            "the lines of the sum spectrum lie far from where the nominal scale has them "
            f"(by {100 * gain_off:+.1f} % in gain and {1e3 * offset_off:+.0f} eV in offset, if these are the lines): "
            "check detector.gain_kev and detector.offset_kev"
        )
    peaks = find_peaks(fit.counts, fit.shape)
    matched = np.isin(peaks.channels, [peak.channel for peak in found.peaks])
    weights = np.log1p(peaks.significance)
    share = float(weights[matched].sum() / weights.sum())
    missed = float(np.mean(np.square(found.residuals_kev)))
    sigma_kev = found.response.sigma_kev(found.energy_kev(peaks.channels[matched]))
    chance = float(np.mean(np.square(sigma_kev / peaks.significance[matched])))
    if share < _LEAST_SHARE or missed > _LARGEST_RESIDUAL_KEV**2 + chance:
        return (
            f"known lines account for only {len(found.peaks)} of {matched.size} peaks of the sum spectrum, and miss "
            f"these by {1e3 * missed**0.5:.0f} eV: check detector.gain_kev and detector.offset_kev"
        )
    return ""


def calibration_of(fit: SumFit) -> EnergyCalibration:
    """Scale and widths that a fit of the sum spectrum ended with, and how well the peaks bear it out."""
    used = _calibration_peaks(fit, find_peaks(fit.counts, fit.shape))
    return EnergyCalibration(fit.shape.offset_kev, fit.shape.gain_kev, fit.shape.response, used)


def _calibration_peaks(fit: SumFit, peaks: FoundPeaks) -> tuple[CalibrationPeak, ...]:
    """Peaks that the fitted lines explain, by comparing centroids of the spectrum and of the fit's own peaks.

    Neighbours pull a centroid; they pull the fitted spectrum's in the same way. A weak peak of something else near a
    line is left out: it says nothing of the scale.
    """
    shape = fit.shape
    modelled = find_peaks(fit.expected, shape)
    if modelled.channels.size == 0:
        return ()
    names, energies = _named_families(fit)
    used = []
    for channel in peaks.channels:
        twin = modelled.channels[np.abs(modelled.channels - channel).argmin()]
        energy = shape.offset_kev + shape.gain_kev * twin
        nearest = int(np.abs(energies - energy).argmin())
        width = float(shape.response.fwhm_kev(energy))
        if abs(twin - channel) * shape.gain_kev < 0.25 * width and abs(energies[nearest] - energy) < 0.5 * width:
            residual = float((channel - twin) * shape.gain_kev)
            used.append(CalibrationPeak(names[nearest], float(energies[nearest]), float(channel), residual))
    typical = float(np.median([abs(peak.residual_kev) for peak in used])) if used else 0.0
    return tuple(p for p in used if abs(p.residual_kev) <= max(_MISTAKEN * typical, _LARGEST_RESIDUAL_KEV))


def _named_families(fit: SumFit) -> tuple[list[str], NDArray[np.float64]]:
    names, energies = [], []
    for group in fit.groups:
        if fit.area(group.name) <= 0:
            continue
        for indices, (energy, share, _) in zip(group.families, family_centroids(group), strict=True):
            if share > 0.02:
                names.append(f"{group.element} {group.line_names[indices[0]]}")
                energies.append(energy)
    return names, np.array(energies) if energies else np.array([np.inf])


def describe_calibration(calibration: EnergyCalibration | NotCalibrated) -> str:
    """One line for logs and reports."""
    if not calibration:
        return f"nominal energy scale: {calibration.reason}"
    scale = (
        f"{calibration.gain_kev * 1e3:.4f} eV a channel, offset {calibration.offset_kev * 1e3:+.1f} eV, "
        f"FWHM {float(calibration.fwhm_kev(5.895)) * 1e3:.0f} eV at 5.9 keV"
    )
    if not calibration.peaks:
        return f"{scale}, as configured: not compared with any peak"
    rms = float(np.sqrt(np.mean(np.square(calibration.residuals_kev))))
    return f"{scale}, from {len(calibration.peaks)} peaks, residuals {rms * 1e3:.1f} eV rms"
