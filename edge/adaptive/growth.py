"""How a plan grows: what is still to come, and what becomes of a batch that was left in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import Batches
from edge.planning.passage import Passage
from edge.planning.plan import extended
from edge.planning.scan_plan import ScanPlan
from edge.record.own_files import read_note

Cells = NDArray[np.bool_]
_LONGEST_BATCH = 32 * 1024 * 1024
"""Longest text of a batch, in bytes: some millions of cells."""


class Growth(Protocol):
    """What a plan that grows is asked for."""

    def is_whole(self, plan: ScanPlan) -> bool:
        """Whether nothing more will come to a plan."""
        ...

    def expected(self, plan: ScanPlan) -> int:
        """How many exposures a plan will hold in the end, as far as can be told."""
        ...

    def taken(self, plan: ScanPlan, left: Any) -> ScanPlan | None:
        """The plan with a batch that was left for it; None where that is none, or a damaged one."""
        ...

    def spread(self, plan: ScanPlan) -> ScanPlan:
        """The plan with a batch that is spread evenly, for want of a better one."""
        ...


def left_for(path: Path, plan: ScanPlan) -> Any:
    """What was left to follow a plan; None where there is nothing, or nothing that can be read."""
    try:
        left = json.loads(read_note(path, at_most=_LONGEST_BATCH))
        return left["batch"] if left["plan"] == plan.digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def left_text(plan: ScanPlan, batch: Any) -> str:
    """A batch as it is left to follow a plan."""
    return json.dumps({"plan": plan.digest, "batch": batch})


class ByCells:
    """A number of cells, batch after batch.

    Parameters
    ----------
    budget, batches
        Cells in all, and how they are shared out.
    allowed
        Cells that may be visited, shape (rows, columns).
    passage
        Where the open beam may go.
    """

    def __init__(self, budget: int, batches: Batches, *, allowed: Cells, passage: Passage) -> None:
        self._budget, self._batches = budget, batches
        self._allowed, self._passage = allowed, passage

    def is_whole(self, plan: ScanPlan) -> bool:
        """Whether all cells are planned."""
        return self._next_size(plan) == 0

    def expected(self, plan: ScanPlan) -> int:
        """All cells."""
        return len(plan.table) + max(0, self._budget - int(plan.mask.cells.sum()))

    def taken(self, plan: ScanPlan, left: Any) -> ScanPlan | None:
        """The plan with the cells of these row-major indices."""
        cells = _cells_of(left, self._allowed & ~plan.mask.cells)
        if cells is None or int(cells.sum()) > self._next_size(plan):
            return None
        return extended(plan, cells, passage=self._passage)

    def spread(self, plan: ScanPlan) -> ScanPlan:
        """The plan with cells far from those that it has."""
        cells = spread_cells(plan.mask.cells, self._allowed & ~plan.mask.cells, self._next_size(plan))
        return extended(plan, cells, passage=self._passage)

    def _next_size(self, plan: ScanPlan) -> int:
        return self._batches.after(int(plan.mask.cells.sum()), self._budget)


def spread_cells(planned: Cells, allowed: Cells, count: int) -> Cells:
    """So many allowed cells far from those that are planned."""
    from scipy.ndimage import distance_transform_edt

    from edge.adaptive.choice import chosen_cells
    from edge.adaptive.worth import Worth

    distance = distance_transform_edt(~planned).astype(np.float32)
    return chosen_cells(Worth(np.ones_like(distance), distance), allowed, count)


def _cells_of(left: Any, allowed: Cells) -> Cells | None:
    """Allowed cells of row-major indices; None where that is not what was left."""
    cells = np.zeros(allowed.shape, np.bool_)
    try:
        places = np.array(left, np.intp)
        cells.ravel()[places] = True
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return cells if places.ndim == 1 and len(places) and places.min() >= 0 and not (cells & ~allowed).any() else None
