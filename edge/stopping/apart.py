"""The exposures held out, kept apart from those that maps are made of while they arrive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.maps import ElementMaps, Samples
from edge.planning.scan_plan import ScanPlan, fitted_exposures
from edge.record.reader import MeasuredArrays
from edge.results import Planned, judged
from edge.stopping.figure import ErrorFigure

Seconds = NDArray[np.float64]


class Apart:
    """Begins empty, for the plan as it is then."""

    def __init__(self, plan: ScanPlan) -> None:
        self._first = len(plan.table)
        self._plan = plan
        self.forget()

    def forget(self) -> None:
        """Begin again: all exposures will come once more."""
        self._held: list[Samples] = []
        self._live_s: list[Seconds] = []
        self._last = -1

    def shown(self, batch: MeasuredArrays, samples: Samples) -> tuple[Samples, Seconds]:
        """Those of a batch that maps may know, with the live time of each; the others are kept."""
        is_fitted = fitted_exposures(batch.indices, self._plan)
        self._last = max(self._last, int(batch.indices.max(initial=-1)))
        if not is_fitted.all():
            self._held.append(samples.picked(~is_fitted))
            self._live_s.append(batch.live_s[~is_fitted])
        return samples.picked(is_fitted), batch.live_s[is_fitted]

    def is_outgrown(self, batch: MeasuredArrays) -> bool:
        """Whether a batch belongs to a plan that has grown."""
        return int(batch.indices.max(initial=-1)) >= len(self._plan.table)

    def released(self, plan: ScanPlan) -> tuple[Samples, Seconds] | None:
        """Those that a plan which has grown holds out no longer, as of `shown`; mostly None."""
        self._plan = plan
        if not self._held or plan.held is None:
            return None
        samples, live_s = Samples.joined(self._held), np.concatenate(self._live_s)
        is_held = plan.held[samples.rows, samples.columns]
        self._held, self._live_s = [samples.picked(is_held)], [live_s[is_held]]
        return None if is_held.all() else (samples.picked(~is_held), live_s[~is_held])

    def figure(self, maps: ElementMaps, planned: Planned, exposures: int) -> ErrorFigure | None:
        """What they tell of maps.

        None while some of them are still to come: in travel order, those measured so far lie where the maps are known,
        and would tell an error that is too small.
        """
        if not self._held or self._plan.held is None:
            return None
        samples, live_s = Samples.joined(self._held), np.concatenate(self._live_s)
        cells = np.unique(samples.rows * self._plan.grid.columns + samples.columns)
        if len(cells) < int(self._plan.held.sum()) and self._last < self._first - 1:
            return None
        return judged(maps, samples, live_s, planned, exposures=exposures)
