"""What the visits to a reference standard say of a scan: how the tube's output went, and how the energy scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.record.fold import StandardVisit
from edge.spectra.drift import DriftingFit
from edge.spectra.model import SpectrumModel
from edge.spectra.scan_fit import AT_KEV, FollowedBy, ScanFit, StandardDrift
from edge.spectra.standard import FollowedStandard, TubeOutput, follow_standard
from firmware_bridge.messages import ExposureDone

_LEAST_VISITS = 3
"""Two give a straight line for the scale, where the object's own lines give its way block by block."""
_LEAST_COUNTS = 50_000
"""Of each visit: places the lines of a glass of six elements within half an eV at 10 keV, those of few more loosely."""
_MOST_CHANGE = 2.0
"""Of the output, either way: a tube is replaced long before, and a beam beside the standard changes more."""
_MOST_LINE_CHANGE = 0.25
"""Of the lines in all counts, and of a line's share in all lines, relative. Output that fades changes all alike, and
what air and window take changes light elements by some percent; another substance doubles or halves shares."""
_LEAST_SHARE = 0.1
"""Lines below that share of all lines at both visits are not compared: they are loose beneath strong ones."""
_SURE = 4.0
"""Standard errors by which a share must be beyond its limit: of some hundred comparisons, none is by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class StandardCourse:
    """The visits of a scan, as far as they say anything."""

    visits: int
    """Spectra of the standard that count."""
    output: TubeOutput | None = None
    """None where fewer than two visits count, or they could not be fitted."""
    scale: StandardDrift | None = None
    """None where the visits are too few or too short for the scale, or their lines could not fix it."""
    reason: str = ""
    """Why output or scale are not there, empty when both are."""


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """How scale and output went in a scan, and by what that was told."""

    scale_by: FollowedBy
    scale_range_ev: float
    """How far a line at 10 keV moved; NaN where nothing told it."""
    is_scale_followed: bool
    """Whether exposures were fitted along: a drift that is too small changes nothing."""
    standard: StandardCourse

    @property
    def at_kev(self) -> float:
        """Energy of the line whose way is told."""
        return AT_KEV

    @classmethod
    def of(cls, fit: ScanFit, standard: StandardCourse) -> Following:
        """From a scan's fit and its visits."""
        return cls(fit.by, 1_000 * fit.range_kev, fit.is_along, standard)


def course_of(visits: Sequence[StandardVisit], config: ScanConfig) -> StandardCourse:
    """Follow output and scale by the visits of a recording.

    Visits that counted nothing, elsewhere, or on another number of channels, do not count. Visits that cannot all have
    been to the same standard, by their rates or their lines, say nothing: which of them are right is not known.
    """
    instrument = config.instrument
    counted = [visit for visit in visits if _counts(visit.event.done, config)]
    if len(counted) < 2:
        reason = "fewer than two visits to the standard counted anything" if visits else "there were no visits"
        return StandardCourse(len(counted), reason=reason)
    spectra = np.array([visit.event.done.counts for visit in counted])
    live_s = np.array([visit.event.done.live_s for visit in counted])
    positions = np.array([visit.position for visit in counted], dtype=float)
    try:
        model = SpectrumModel.from_sum_spectrum(
            spectra.sum(axis=0, dtype=float), float(live_s.sum()), detector=instrument.detector, tube=instrument.tube
        )
        taken_up = [visit.taken_up for visit in counted]
        followed = follow_standard(model, spectra, live_s, positions, taken_up=taken_up)
    except UsageError as why:
        return StandardCourse(len(counted), reason=f"the standard's spectra could not be fitted ({why})")
    if strange := _strangeness(model, followed, spectra, live_s):
        return StandardCourse(len(counted), reason=strange)
    scale, reason = StandardDrift(followed.drift, model.sum_fit.shape), ""
    least = int(spectra.sum(axis=1, dtype=np.int64).min())
    if not model.calibration:
        reason = f"the standard's lines do not fix the scale ({model.calibration.reason})"
    elif len(counted) < _LEAST_VISITS:
        reason = f"{len(counted)} visits to the standard are too few for the scale"
    elif least < _LEAST_COUNTS:
        reason = f"a visit to the standard counted {least} events, too few for the scale"
    return StandardCourse(len(counted), followed.output, None if reason else scale, reason)


def _strangeness(
    model: SpectrumModel, followed: FollowedStandard, spectra: NDArray[np.unsignedinteger], live_s: NDArray[np.float64]
) -> str:
    """Why visits cannot all have been to the same standard, empty where they can."""
    factors = followed.output.factors
    far = int(np.argmax(np.abs(np.log(factors))))
    if not 1 / _MOST_CHANGE <= factors[far] <= _MOST_CHANGE:
        return (
            f"visit {far + 1} to the standard counted {factors[far]:.2g} times as much as the first, more than a tube "
            "changes: see that the standard lies where it lay"
        )
    if not model.elements:
        return ""
    rates = DriftingFit(model, followed.drift).fit(spectra, live_s, positions=followed.output.positions)
    return _strange_lines(rates.values.astype(float), rates.variance.astype(float), factors, model.elements)


def _strange_lines(
    rates_hz: NDArray[np.float64],
    variance: NDArray[np.float64],
    factors: NDArray[np.float64],
    elements: Sequence[str],
) -> str:
    """Whether the lines of visits, shape (visits, elements), are those of the first, at the outputs ``factors``."""
    totals, errors = rates_hz.sum(axis=1), np.sqrt(variance.sum(axis=1))
    due = factors * totals[0]
    slack = _MOST_LINE_CHANGE * np.maximum(totals, due) + _SURE * np.hypot(errors, factors * errors[0])
    for visit in np.flatnonzero(np.abs(totals - due) > slack):
        return (
            f"the standard's lines gave {totals[visit]:.3g} counts/s in visit {visit + 1} where {due[visit]:.3g} were "
            "due by all its counts: see that the standard lies where it lay"
        )
    shares, unsure = rates_hz / totals[:, None], np.sqrt(variance) / totals[:, None]
    strong = np.maximum(shares, shares[0])
    off = np.abs(shares - shares[0]) > _MOST_LINE_CHANGE * strong + _SURE * np.hypot(unsure, unsure[0])
    for visit, line in np.argwhere(off & (strong >= _LEAST_SHARE)):
        return (
            f"visit {visit + 1} to the standard shows {100 * shares[visit, line]:.0f} % {elements[line]} among its "
            f"lines, the first {100 * shares[0, line]:.0f} %: see that the standard lies where it lay"
        )
    return ""


def _counts(done: ExposureDone, config: ScanConfig) -> bool:
    standard = config.instrument.standard
    if standard is not None:
        off_mm = math.hypot(done.start.x_mm - standard.x_mm, done.start.y_mm - standard.y_mm)
        if off_mm > config.area.pitch_mm / 2:
            return False
    return done.counts.size == config.instrument.detector.channels and done.live_s > 0 and bool(done.counts.any())
