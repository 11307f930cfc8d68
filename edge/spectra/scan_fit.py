"""The fit of a whole scan: one model, along the way of the energy scale where that moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.spectra.drift import BlockSums, DriftingFit, ScaleDrift, follow_drift, straightened_sum
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates
from edge.spectra.templates import SpectrumShape

_WORTH_FOLLOWING_KEV = 0.004
"""Of a line at `AT_KEV`. A painting's own mixtures feign up to 2 eV; 4 eV change no rate by a tenth of its error."""
AT_KEV: Final = 10.0
"""Where the drift of the scale is told."""

FollowedBy = Literal["standard", "lines", "nothing"]


@dataclass(frozen=True, slots=True, eq=False)
class StandardDrift:
    """The way of the energy scale as visits to a standard tell it."""

    drift: ScaleDrift
    shape: SpectrumShape
    """Of the standard's model, from which the drift is told."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanFit:
    """Fits the exposures of a scan, and says how its scale was followed."""

    along: DriftingFit
    by: FollowedBy
    """What told where the scale stood; ``nothing``: neither could."""
    range_kev: float
    """How far a line at `AT_KEV` moved, by what told it; NaN where nothing did."""

    @property
    def model(self) -> SpectrumModel:
        return self.along.model

    @property
    def drift(self) -> ScaleDrift:
        return self.along.drift

    @property
    def is_along(self) -> bool:
        """Whether exposures are fitted along the drift: it was worth it."""
        return len(self.drift.positions) > 1

    def fit(self, counts: NDArray[np.unsignedinteger], live_s: ArrayLike, *, positions: ArrayLike) -> ElementRates:
        """Fit spectra as `DriftingFit.fit` does."""
        return self.along.fit(counts, live_s, positions=positions)


def fit_of_scan(
    blocks: BlockSums,
    live_s: float,
    learn: Callable[[NDArray[np.float64], float], SpectrumModel],
    standard: StandardDrift | None = None,
) -> ScanFit:
    """Learn the model of a scan; where the scale moved, learn it again from the straightened sum.

    Parameters
    ----------
    blocks
        All exposures, added up in the order of measuring.
    live_s
        Their live time.
    learn
        Makes the model of a sum spectrum, shape (channels,), and its live time.
    standard
        Tells the drift in place of the object's own lines. Only its course counts: that the calibrations of standard
        and object differ by some eV is no drift.

    Returns
    -------
    ScanFit
        Of a scale that moved a line at 10 keV by less than 4 eV, or that nothing could fix: the model as it is.
    """
    sums, middles = blocks.blocks()
    model = learn(sums.sum(axis=0), live_s)
    still = DriftingFit(model, ScaleDrift(np.zeros(1), np.zeros(1), np.zeros(1)))
    if standard is None and (len(middles) < 2 or not model.calibration):
        return ScanFit(still, "nothing", float("nan"))
    by: FollowedBy = "lines" if standard is None else "standard"
    drift = _drift_of(model, sums, middles, standard)
    range_kev = drift.range_kev(AT_KEV, model.sum_fit.shape)
    if range_kev < _WORTH_FOLLOWING_KEV:
        return ScanFit(still, by, range_kev)
    at_blocks = ScaleDrift(middles, *drift.at(middles).T)
    straight = learn(straightened_sum(sums, at_blocks, model.sum_fit.shape), live_s)
    drift = _drift_of(straight, sums, middles, standard)
    return ScanFit(DriftingFit(straight, drift), by, drift.range_kev(AT_KEV, straight.sum_fit.shape))


def _drift_of(
    model: SpectrumModel, sums: NDArray[np.float64], middles: NDArray[np.float64], standard: StandardDrift | None
) -> ScaleDrift:
    """The drift about where the model was learned, whose mean over all counts it therefore is."""
    if standard is None:
        return follow_drift(model, sums, middles)
    seen = standard.drift.seen_from(standard.shape, model.sum_fit.shape)
    counts = sums.sum(axis=1)
    offset_kev, gain = counts @ seen.at(middles) / max(float(counts.sum()), 1e-300)
    return ScaleDrift(seen.positions, seen.offset_kev - offset_kev, seen.gain - gain)
