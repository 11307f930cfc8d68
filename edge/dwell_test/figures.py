"""What long measurements of a few points say of every shorter dwell: counts, their scatter, and what could be seen.

Rates and their variances are the fit's, which is linear: at another dwell the counts of an element have the same mean
and variance per second. What the variance holds beside the element's own counts is taken as its background, counts
under its lines as the fit sees them. The detection limit at a dwell t is Currie's for a background that is known well,
(2.71 + 3.29 sqrt(B t)) / t (L. A. Currie, Analytical Chemistry 40, 1968, 586, table II): with few counts the three
standard deviations of the background alone would promise less than a count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.dwell_test.points import DwellPoint, points_of_cells
from edge.faults import UsageError
from edge.folds.ledger import read_ledger
from edge.planning.area import allowed_cells
from edge.record.folder import Recording
from edge.results import Planned, fit_recording
from edge.spectra.model import SpectrumModel

DWELLS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
GOALS = (0.1, 0.05)
"""Relative standard deviations whose dwell is told."""
FEWEST_COUNTS = 1_000
"""In all: an element that has a tenth of them is known to a tenth then, and no fewer say anything of shorter dwells."""
_SEEN = 3.0
"""Standard deviations from zero from which on an element is taken to be there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DwellTest:
    """Points and what was counted there."""

    elements: tuple[str, ...]
    """Line groups."""
    points: tuple[DwellPoint, ...]
    poses_mm: Floats
    """Centres of their cells, (x, y), shape (points, 2)."""
    live_s: Floats
    """Shape (points,)."""
    real_s: Floats
    counts: Floats
    """Of the whole spectra, shape (points,)."""
    rates_per_s: Floats
    """Net counts per second of live time, shape (points, elements)."""
    variances_per_s: Floats
    """Variance of the net counts per second of live time, same shape: that of a rate at a dwell t is this over t."""
    backgrounds_per_s: Floats
    """Part of the variance that is not the element's own, counts per second, same shape."""

    @property
    def errors_per_s(self) -> Floats:
        """Standard error of each rate, same shape."""
        return np.asarray(np.sqrt(self.variances_per_s / self.live_s[:, None]))

    @property
    def bright_per_s(self) -> Floats:
        """Rate where each element is strongest among the points, at least 0, shape (elements,)."""
        return np.asarray(np.maximum(self.rates_per_s.max(axis=0), 0.0))

    @property
    def mean_per_s(self) -> Floats:
        """Rate over the area, each point weighted by the cells that it stands for, at least 0, shape (elements,)."""
        return np.maximum(self._weights @ self.rates_per_s, 0.0)

    @property
    def background_per_s(self) -> Floats:
        """Background over the area, weighted alike, shape (elements,)."""
        return np.asarray(self._weights @ self.backgrounds_per_s)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Elements that are there at one point at least, shape (elements,)."""
        return np.asarray((self.rates_per_s > _SEEN * self.errors_per_s).any(axis=0))

    @property
    def live_fractions(self) -> Floats:
        """Live over real time at each point, shape (points,)."""
        return self.live_s / self.real_s

    def scatter(self, dwell_s: float) -> Floats:
        """Relative standard deviation of net counts at a dwell, shape (points, elements); infinite without a rate."""
        rates = np.maximum(self.rates_per_s, 0.0)
        spread = np.sqrt(self.variances_per_s / dwell_s)
        return np.divide(spread, rates, out=np.full_like(spread, np.inf), where=rates > 0)

    def dwell_for(self, scatter: float) -> Floats:
        """Dwell in s at which net counts reach a relative standard deviation, shape (points, elements)."""
        rates = np.maximum(self.rates_per_s, 0.0)
        needed = self.variances_per_s / scatter**2
        return np.divide(needed, np.square(rates), out=np.full_like(needed, np.inf), where=rates > 0)

    def detection_limits(self, dwell_s: float) -> Floats:
        """Lowest rate that is detected surely at a dwell on the area's mean background, counts/s, shape (elements,)."""
        return np.array([detection_limit_per_s(float(rate), dwell_s) for rate in self.background_per_s])

    @property
    def _weights(self) -> Floats:
        shares = np.array([point.share for point in self.points])
        total = float(shares.sum())
        return shares / total if total > 0 else np.full(len(shares), 1 / len(shares))


def detection_limit_per_s(background_per_s: float, dwell_s: float) -> float:
    """Rate whose presence one exposure shows in 95 of 100 cases, and feigns in 5 (Currie 1968), counts/s."""
    return (2.71 + 3.29 * math.sqrt(background_per_s * dwell_s)) / dwell_s


def dwell_test_of(recording: Recording, planned: Planned) -> DwellTest:
    """Fit a recording of a few points, and tell what they say.

    Exposures of the same cell are taken together.

    Raises
    ------
    UsageError
        Nothing was measured, or too few counts came to say anything.
    """
    ledger = read_ledger(recording.reader, planned.plan.grid)
    total, seconds = int(ledger.counts.sum()), float(ledger.live_s.sum())
    cells, of_cell = np.unique(ledger.cells, axis=0, return_inverse=True)
    if total < FEWEST_COUNTS:
        raise UsageError(
            f"{len(cells)} points gave {total} counts in {seconds:.3g} s, too few to say anything of shorter "
            "dwells: measure longer with --live-s, or look whether the tube is on"
        )
    fitted = fit_recording(recording, planned)
    allowed = allowed_cells(planned.config, planned.plan.grid)
    points = points_of_cells([(int(row), int(column)) for row, column in cells], planned.sighting.rgb, allowed)
    place = {(int(row), int(column)): i for i, (row, column) in enumerate(cells)}
    order = np.array([place[point.row, point.column] for point in points])

    def summed(values: NDArray[np.floating]) -> Floats:
        sums: Floats = np.zeros((len(cells), *values.shape[1:]))
        np.add.at(sums, of_cell.reshape(-1), values)
        return np.asarray(sums[order])

    live_s = summed(ledger.live_s)
    rates = summed(fitted.samples.values * ledger.live_s[:, None]) / live_s[:, None]
    variances = summed(fitted.samples.variance * np.square(ledger.live_s)[:, None]) / live_s[:, None]
    return DwellTest(
        elements=fitted.model.elements,
        points=points,
        poses_mm=planned.plan.grid.centres_mm(*cells[order].T),
        live_s=live_s,
        real_s=summed(ledger.real_s),
        counts=summed(ledger.counts.astype(np.float64)),
        rates_per_s=rates,
        variances_per_s=variances,
        backgrounds_per_s=backgrounds_of(fitted.model, rates, variances),
    )


def backgrounds_of(model: SpectrumModel, rates_per_s: Floats, variances_per_s: Floats) -> Floats:
    """What the variance of rates holds beside the elements' own counts, at least 0, shape (points, elements).

    Parameters
    ----------
    model
        Says how the counts of an element scatter in its own rate.
    rates_per_s, variances_per_s
        Net counts per second, and their variance per second, shape (points, elements).
    """
    own = np.diag(model.spread)[: rates_per_s.shape[1]]
    return np.asarray(np.maximum(variances_per_s - own * np.maximum(rates_per_s, 0.0), 0.0))
