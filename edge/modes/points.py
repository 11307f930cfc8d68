"""Points dwelt upon, that listen: for how long, where anew and where again follows what was counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import FIRST, FIRST_BLIND
from edge.adaptive.choice import chosen_cells
from edge.adaptive.gain import Gain, gain_of_cells
from edge.adaptive.worth import Worth
from edge.faults import UsageError
from edge.modes.pieces import Pieces
from edge.modes.pricing import points_in, points_within, way_between_s
from edge.modes.setting import Seen, Setting
from models.masks import make_mask

_FIRST = 0.3
_BATCHES = 6
"""Each goes over the whole object: more of them cost more travel than they learn."""
_LEAST_IN_A_BATCH = 100
"""Points of a batch that learn more than the travel between them costs."""
_LONGER = 8.0
"""Times the dwell so far, or times less, that a batch dwells at the most."""
_LEAST_DWELL = 0.1
"""Of the way to a point: to stay for less saves next to nothing."""


class Points:
    """Points, each dwelt upon, where a network sees detail in the photograph and then where the maps are unsure."""

    name = "points"
    about = "points dwelt upon: a first part by the photograph; the rest, and for how long, by what is measured"
    listens = True

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """Three tenths, and six batches; fewer of the same size where these would be of few points."""
        batch_s = (1 - _FIRST) * budget_s / _BATCHES
        batches = min(_BATCHES, int((1 - _FIRST) * _points_within(setting, budget_s) / _LEAST_IN_A_BATCH))
        return [budget_s - batches * batch_s, *[batch_s] * batches]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """The mask network's, or blue noise where there is no photograph."""
        name = FIRST_BLIND if setting.rgb is None else FIRST
        least_s = _LEAST_DWELL * way_between_s(setting, _points_within(setting, part_s))
        dwell_s = max(setting.dwell_s, min(least_s, setting.longest_cell_s))

        def points(count: int) -> Pieces:
            return Pieces.points(make_mask(name, setting.mask_request(count)).mask.cells, dwell_s)

        return points_in(setting, points, part_s, int(setting.allowed.sum()), dwell_s=dwell_s)

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Cells of most worth for a second of travel and beam, and measured ones that are worth more once more."""
        gain = gain_of_cells(seen.cells, seen.planned_s, rgb=setting.rgb, interest=setting.interest)
        dwell_s = dwell_worth_its_way(setting, gain)
        wanted = _Wanted.of(gain, setting.can_bear(seen.planned_s, dwell_s), dwell_s)
        try:
            return points_in(setting, wanted.pieces, part_s, wanted.count, dwell_s=dwell_s)
        except UsageError:
            return Pieces.none()


def _points_within(setting: Setting, time_s: float) -> int:
    return points_within(time_s, setting.dwell_s, setting.stage, area_mm2=setting.area_mm2)


def dwell_worth_its_way(setting: Setting, gain: Gain) -> float:
    """Dwell at which a second more on each point brings as much as the points that it would otherwise go to, s.

    What lies between points, V, falls with their number, so with 1 / (way + dwell); what counting leaves, N, with
    1 / dwell. Their sum is least at the root of N (way + dwell) / V.
    """
    open_cells = (gain.planned_s == 0) & setting.allowed
    if not open_cells.any() or gain.power != 1:
        return setting.dwell_s
    noise = float(gain.of_a_second[setting.allowed].mean())
    between = float(gain.squared_error[open_cells].mean())
    way_s = way_between_s(setting, int((gain.planned_s > 0).sum()))
    had_s = float(gain.planned_s[gain.planned_s > 0].mean())
    best_s = np.sqrt(noise * (way_s + had_s) / max(between, 1e-20))
    return min(float(np.clip(best_s, had_s / _LONGER, had_s * _LONGER)), setting.longest_cell_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """Cells in the order in which they are wanted."""

    worth: Worth
    """Of new ones."""
    free: NDArray[np.bool_]
    """New ones that may be measured."""
    again: NDArray[np.intp]
    """Row-major indices of measured cells, those first that bring most."""
    again_brings: NDArray[np.float32]
    new_brings: NDArray[np.float32]
    """What a new one brings to all the cells that it speaks for, shape (rows, columns)."""
    dwell_s: float

    @classmethod
    def of(cls, gain: Gain, allowed: NDArray[np.bool_], dwell_s: float) -> _Wanted:
        brings = gain.of_more(dwell_s)
        is_new = (gain.distance > 0) & allowed
        score = np.sqrt(brings)
        value = np.divide(score, gain.distance, out=np.zeros_like(score), where=gain.distance > 0)
        had = np.flatnonzero(allowed & (gain.planned_s > 0) & (brings > 0))
        again = had[np.argsort(-brings.ravel()[had], kind="stable")]
        spoken_for = np.square(np.maximum(gain.distance, 1))
        return cls(Worth(value, gain.distance), is_new, again, brings.ravel()[again], brings * spoken_for, dwell_s)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.free.sum()) + len(self.again)

    def pieces(self, count: int) -> Pieces:
        """So many of them: the last of the new ones give way to measured ones that bring more once more."""
        chosen = chosen_cells(self.worth, self.free, min(count, int(self.free.sum())))
        new = np.flatnonzero(chosen)
        new = new[np.argsort(-self.new_brings.ravel()[new], kind="stable")]
        least = max(count - len(self.again), 0)
        kept = len(new)
        while kept > least and self._gives_way(new, kept, count):
            kept -= 1
        cells = np.zeros(chosen.shape, np.bool_)
        cells.ravel()[new[:kept]] = True
        cells.ravel()[self.again[: count - kept]] = True
        return Pieces.points(cells, self.dwell_s)

    def _gives_way(self, new: NDArray[np.intp], kept: int, count: int) -> bool:
        return bool(self.again_brings[count - kept] > self.new_brings.ravel()[new[kept - 1]])
