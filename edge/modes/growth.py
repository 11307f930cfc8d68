"""How the plan of a scan in a mode grows: part after part of its time."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.adaptive.growth import spread_cells
from edge.faults import UsageError
from edge.modes.mode import Mode
from edge.modes.pieces import Pieces
from edge.modes.planning import grown
from edge.modes.pricing import points_in
from edge.modes.setting import Setting
from edge.planning.passage import Passage
from edge.planning.scan_plan import ScanPlan

_SPENT = 0.02
"""Part of the budget that is not worth another batch."""
_NEARLY = 0.1
"""Part of a part that may be missing from it, and it counts as planned."""
_MOST_OVER = 1.5
"""Times its part's time that a batch which was left may take."""


class ByTime:
    """A time, part after part as a mode shares it out."""

    def __init__(self, mode: Mode, setting: Setting, budget_s: float, passage: Passage) -> None:
        self._setting = setting
        self._budget_s, self._passage = budget_s, passage
        # asked for at every turn of a running scan, and not free
        self._parts_s = np.array(mode.parts(setting, budget_s))
        self._is_content = False

    def is_whole(self, plan: ScanPlan) -> bool:
        """Whether the time is planned, or the mode wants nothing more."""
        return self._is_content or self.part_s(plan) == 0

    def expected(self, plan: ScanPlan) -> int:
        """As if the rest of the time went on like the plan so far."""
        return len(plan.table) if self.is_whole(plan) else round(len(plan.table) * self._budget_s / plan.predicted_s)

    def part_s(self, plan: ScanPlan) -> float:
        """Time for the part that follows a plan; 0 when there is none."""
        left_s = self._budget_s - plan.predicted_s
        if left_s < _SPENT * self._budget_s:
            return 0.0
        nearly_s = np.cumsum(self._parts_s) - _NEARLY * self._parts_s
        open_parts = int((nearly_s > plan.predicted_s).sum())
        return left_s / open_parts if open_parts else 0.0

    def taken(self, plan: ScanPlan, left: Any) -> ScanPlan | None:
        """The plan with the pieces that these numbers say; the plan itself where there are none to come."""
        pieces = pieces_from_json(left, self._setting)
        if pieces is None:
            return None
        if not len(pieces):
            self._is_content = True
            return plan
        found = grown(plan, pieces, allowed=self._setting.allowed, passage=self._passage)
        return found if found.predicted_s - plan.predicted_s <= _MOST_OVER * self.part_s(plan) else None

    def spread(self, plan: ScanPlan) -> ScanPlan:
        """The plan with points far from what it has."""
        planned, allowed = plan.mask.cells, self._setting.allowed & ~plan.mask.cells

        def points(count: int) -> Pieces:
            return Pieces.points(spread_cells(planned, allowed, count), self._setting.dwell_s)

        try:
            pieces = points_in(self._setting, points, self.part_s(plan), int(allowed.sum()))
        except UsageError:
            pieces = Pieces.none()
        if not len(pieces):
            self._is_content = True
            return plan
        return grown(plan, pieces, allowed=self._setting.allowed, passage=self._passage)


def pieces_to_json(pieces: Pieces) -> list[list[float]]:
    """A row, column, row, column and time a cell for each piece."""
    ends = np.hstack([pieces.first, pieces.last]).tolist()
    return [[*four, cell_s] for four, cell_s in zip(ends, pieces.cell_s.tolist(), strict=True)]


def pieces_from_json(left: Any, setting: Setting) -> Pieces | None:
    """The pieces, all on allowed cells; None where that is not what the numbers say."""
    try:
        rows = np.array(left, np.float64).reshape(-1, 5)
    except (ValueError, TypeError):
        return None
    if not np.isfinite(rows).all():
        return None
    ends, cell_s = rows[:, :4].astype(np.intp), rows[:, 4]
    first, last = ends[:, :2], ends[:, 2:]
    is_straight = ((last >= first).all() and ((last > first).sum(axis=1) <= 1).all()) if len(rows) else True
    is_inside = (first >= 0).all() and (last < np.array(setting.shape)).all()
    if not (is_straight and is_inside and (cell_s > 0).all() and np.array_equal(ends, rows[:, :4])):
        return None
    pieces = Pieces(first, last, cell_s)
    where, _ = pieces.cells()
    return pieces if setting.allowed[where[:, 0], where[:, 1]].all() else None
