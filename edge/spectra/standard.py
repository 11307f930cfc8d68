"""A reference standard visited at the start of a scan and at intervals: the tube's output, and where peaks lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.faults import UsageError
from edge.spectra.drift import ScaleDrift, follow_drift, smoothed_walk
from edge.spectra.model import SpectrumModel
from edge.spectra.rates import ElementRates, checked_spectra


@dataclass(frozen=True, slots=True, eq=False)
class TubeOutput:
    """Output of tube and optics through a scan, 1 being that of the first visit."""

    positions: NDArray[np.float64]
    """When the standard was visited, in exposures from the scan's first, ascending, shape (visits,)."""
    factors: NDArray[np.float64]
    """Counts per second of the standard over those of the first visit, smoothed, shape (visits,)."""
    relative_errors: NDArray[np.float64]
    """Standard error of each from counting, relative; the first visit's own is in all of them."""
    taken_up: NDArray[np.float64] | None = None
    """How many exposures had been measured when the scan was last begun or taken up before each visit, shape
    (visits,); None: it never stood still."""

    def at(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Output at exposures, shape (n,): on a straight line between two visits, unless the scan stood between them.

        Nobody knows what the tube did meanwhile: up to there it holds what the visit before found, from there on what
        the next one did.
        """
        when = np.asarray(positions, dtype=float)
        along = np.asarray(np.interp(when, self.positions, self.factors))
        if self.taken_up is None:
            return along
        following = np.clip(np.searchsorted(self.positions, when, side="right"), 1, len(self.positions) - 1)
        before, taken_up = following - 1, self.taken_up[following]
        held = np.where(when < taken_up, self.factors[before], self.factors[following])
        return np.where(taken_up > self.positions[before], held, along)

    def normalised(self, rates: ElementRates, positions: ArrayLike) -> ElementRates:
        """Rates as they would be at the first visit's output; the output's own error is common to all and left out."""
        factors = np.broadcast_to(self.at(positions), (len(rates.values),))[:, None]
        return ElementRates(
            (rates.values / factors).astype(np.float32), (rates.variance / np.square(factors)).astype(np.float32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class FollowedStandard:
    """What visits to a standard say of a scan."""

    drift: ScaleDrift
    """Of the energy scale, from the standard's own model; `ScaleDrift.seen_from` takes it to the object's."""
    output: TubeOutput


def follow_standard(
    model: SpectrumModel,
    visits: NDArray[np.unsignedinteger],
    live_s: ArrayLike,
    positions: ArrayLike,
    *,
    taken_up: ArrayLike | None = None,
) -> FollowedStandard:
    """Follow energy scale and output by a standard that does not change.

    Parameters
    ----------
    model
        Learned from the sum of the visits.
    visits
        Spectra of the standard, shape (visits, channels).
    live_s
        Live time of each, shape (visits,) or one for all.
    positions
        How many exposures had been measured before each visit, ascending, shape (visits,).
    taken_up
        How many had been when the scan was last begun or taken up before each; None: it never stood still.

    Raises
    ------
    UsageError
        No visit, one without counts or live time, spectra of another length, or visits out of order.
    """
    spectra, live = checked_spectra(visits, live_s, model.sum_fit.shape.channels)
    when = np.asarray(positions, dtype=float)
    if when.shape != live.shape or when.size == 0 or np.any(np.diff(when) < 0):
        raise UsageError(
            f"{len(spectra)} visits to the standard and {when.size} positions: give each visit the number of exposures "
            "measured before it, in ascending order"
        )
    counts = spectra[:, model.sum_fit.fitted].sum(axis=1, dtype=float)
    if not np.all(counts > 0):
        raise UsageError(
            f"visit {int(np.argmin(counts > 0))} to the standard counted nothing: check that it lay under the beam"
        )
    since = None if taken_up is None else np.broadcast_to(np.asarray(taken_up, dtype=float), when.shape)
    rates = counts / live
    course = smoothed_walk(np.log(rates / rates[0]), 1.0 / counts)
    output = TubeOutput(when, np.exp(course - course[0]), np.sqrt(1.0 / counts + 1.0 / counts[0]), since)
    return FollowedStandard(follow_drift(model, spectra.astype(float), when), output)
