"""Exposures of a recording as a page shows them, kept in little memory and added to as they come."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.monitor.wire import CELL
from edge.record.reader import MeasuredArrays
from edge.strokes import counted_cells

_APART = 256
"""Exposures between two marks, from which one is looked for."""


class Taken:
    """Where each exposure was and how long it took; 12 bytes each.

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
        self._count = 0
        self._marks: list[tuple[int, int]] = []
        self.sum_counts: NDArray[np.int64] = np.zeros(channels, np.int64)
        """Of all spectra."""
        self.live_s = 0.0
        self.last_seq = 0
        self.last_mm: tuple[float, float] | None = None
        """Where the last exposure ended."""

    def __len__(self) -> int:
        return self._count

    @property
    def cells(self) -> NDArray[np.void]:
        """All of them, of type `CELL`, in the order of recording; not to be written to."""
        return self._cells[: self._count]

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
            grown = np.empty(max(2 * len(self._cells), self._count + more), CELL)
            grown[: self._count] = self.cells
            self._cells = grown
        at = self._cells[self._count : self._count + more]
        # the maps know an exposure in motion at its middle alone: what it crossed besides is inferred there
        cells = counted_cells(block.starts_mm, block.ends_mm, self._grid)
        at["row0"] = at["row1"] = cells[:, 0]
        at["column0"] = at["column1"] = cells[:, 1]
        at["live_s"] = block.live_s
        self.last_mm = float(block.ends_mm[-1, 0]), float(block.ends_mm[-1, 1])
        self.live_s += float(block.live_s.sum())
        if block.counts.shape[1] == len(self.sum_counts):
            self.sum_counts = self.sum_counts + block.counts.sum(axis=0, dtype=np.int64)
        self._count += more

    def nearest(self, row: int, column: int) -> int | None:
        """Which exposure touched a cell last, or came nearest to it; None where there is none."""
        if not self._count:
            return None
        cells = self.cells
        down, across = (
            np.maximum(np.maximum(cells[first].astype(np.int64) - at, at - cells[last].astype(np.int64)), 0)
            for first, last, at in (("row0", "row1", row), ("column0", "column1", column))
        )
        distance = down**2 + across**2
        return int(len(distance) - 1 - np.argmin(distance[::-1]))

    def seq_before(self, exposure: int) -> tuple[int, int]:
        """A record's number from which on an exposure can be read, and how many exposures to skip there."""
        first, seq = self._marks[bisect_right(self._marks, (exposure, 2**62)) - 1]
        return seq, exposure - first
