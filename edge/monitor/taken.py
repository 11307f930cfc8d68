"""Exposures of a recording as a page shows them, kept in little memory and added to as they come."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.monitor.wire import AVERAGED, CELL, HELD, INFERRED, MEASURED, NOWHERE
from edge.planning.scan_plan import ScanPlan, fitted_exposures
from edge.record.reader import MeasuredArrays
from edge.strokes import crossed_cells, is_long

_APART = 256
"""Exposures between two marks, from which one is looked for."""
_SIDES = ("row0", "row1"), ("column0", "column1")
_Kind = TypeVar("_Kind", bound=np.generic)


class Taken:
    """Where each exposure was, how long it took and whether maps may know it; 20 bytes each.

    Parameters
    ----------
    grid
        The scan's.
    channels
        Of a spectrum.
    """

    def __init__(self, grid: ScanGrid, channels: int) -> None:
        self._grid = grid
        self._cells = np.empty(1_024, CELL)
        self._indices = np.empty(1_024, np.uint32)
        self._plan: ScanPlan | None = None
        self._count = 0
        self._marks: list[tuple[int, int]] = []
        self.sum_counts: NDArray[np.int64] = np.zeros(channels, np.int64)
        """Of all spectra."""
        self.live_s = 0.0
        """Of all exposures that tell something, as maps and report count it."""
        self.telling = 0
        """How many these are."""
        self.last_seq = 0
        self.last_mm: tuple[float, float] | None = None
        """Where the last exposure ended."""

    def __len__(self) -> int:
        return self._count

    @property
    def cells(self) -> NDArray[np.void]:
        """All of them, of type `CELL`, in the order of recording; not to be written to."""
        return self._cells[: self._count]

    @property
    def states(self) -> NDArray[np.uint8]:
        """What is known of each cell, shape of the grid: `INFERRED`, `MEASURED`, `HELD` or `AVERAGED`."""
        found = np.full(self._grid.shape, INFERRED, np.uint8)
        cells = self.cells
        cells = cells[cells["row0"] != NOWHERE]
        known = cells["held"] == 0
        is_mean = cells["averaged"] != 0
        # what says most of a cell comes last
        for state, chosen in ((HELD, ~known), (AVERAGED, known & is_mean), (MEASURED, known & ~is_mean)):
            found[_all_of(cells[chosen])] = state
        return found

    def know(self, plan: ScanPlan) -> None:
        """Tell by this plan from now on which exposures are held out, of those taken in already too.

        A plan that has grown lets go of some, and exposures may be read before the plan that they belong to.
        """
        self._plan = plan
        held = self._held(self._indices[: self._count])
        if not np.array_equal(held, self.cells["held"]):
            # another thread may be reading what there was until now
            cells = self._cells.copy()
            cells["held"][: self._count] = held
            self._cells = cells

    def add(self, block: MeasuredArrays) -> None:
        """Take in what was recorded next."""
        more = len(block)
        # one for each look would take ten times what the exposures do
        if not self._marks or self._count - self._marks[-1][0] >= _APART:
            self._marks.append((self._count, self.last_seq))
        self.last_seq = block.last_seq
        if not more:
            return
        if self._count + more > len(self._cells):
            room = max(2 * len(self._cells), self._count + more)
            self._cells = _grown(self.cells, room)
            self._indices = _grown(self._indices[: self._count], room)
        self._indices[self._count : self._count + more] = block.indices
        at = self._cells[self._count : self._count + more]
        tells = block.tells
        cells = np.where(tells[:, None], crossed_cells(block.starts_mm, block.ends_mm, self._grid), NOWHERE)
        for place, name in enumerate(("row0", "column0", "row1", "column1")):
            at[name] = cells[:, place]
        at["averaged"] = is_long(block.starts_mm, block.ends_mm, self._grid)
        at["live_s"] = block.live_s
        at["held"] = self._held(block.indices)
        self.last_mm = float(block.ends_mm[-1, 0]), float(block.ends_mm[-1, 1])
        self.live_s += float(block.live_s[tells].sum())
        self.telling += int(tells.sum())
        if block.counts.shape[1] == len(self.sum_counts):
            self.sum_counts = self.sum_counts + block.counts.sum(axis=0, dtype=np.int64)
        self._count += more

    def _held(self, indices: NDArray[Any]) -> NDArray[np.bool_]:
        if self._plan is None:
            return np.zeros(len(indices), np.bool_)
        return ~fitted_exposures(indices.astype(np.int64), self._plan)

    def nearest(self, row: int, column: int) -> int | None:
        """Which of those that tell something touched a cell last, or came nearest to it; None where there is none."""
        if not self.telling:
            return None
        cells = self.cells
        down, across = (
            np.maximum(np.maximum(cells[first].astype(np.int64) - at, at - cells[last].astype(np.int64)), 0)
            for (first, last), at in zip(_SIDES, (row, column), strict=True)
        )
        distance = down**2 + across**2
        distance[cells["row0"] == NOWHERE] = np.iinfo(np.int64).max
        return int(len(distance) - 1 - np.argmin(distance[::-1]))

    def seq_before(self, exposure: int) -> tuple[int, int]:
        """A record's number from which on an exposure can be read, and how many exposures to skip there."""
        first, seq = self._marks[bisect_right(self._marks, (exposure, 2**62)) - 1]
        return seq, exposure - first


def _all_of(cells: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of every cell of these rectangles."""
    rows, columns = (cells[last].astype(np.intp) - cells[first] + 1 for first, last in _SIDES)
    which = np.repeat(np.arange(len(cells)), rows * columns)
    within = np.arange(len(which)) - np.repeat(np.cumsum(rows * columns) - rows * columns, rows * columns)
    down, across = np.divmod(within, columns[which])
    return cells["row0"][which] + down, cells["column0"][which] + across


def _grown(array: NDArray[_Kind], room: int) -> NDArray[_Kind]:
    grown = np.empty(room, array.dtype)
    grown[: len(array)] = array
    return grown
