"""Points and runs: what a mode asks to be measured, before anybody has ordered or priced it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid

Cells = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Stretches of cells along a row or a column, each measured in one go: of one cell, a point dwelt upon."""

    first: Indices
    """Row and column of the first cell of each, shape (n, 2)."""
    last: Indices
    """Of the last cell, in the same row or the same column and not before the first; shape (n, 2)."""
    cell_s: NDArray[np.float64]
    """Time on each cell of a piece, shape (n,): of live time at a point, of real time in a run."""

    @classmethod
    def none(cls) -> Self:
        """Nothing to measure."""
        return cls(np.empty((0, 2), np.intp), np.empty((0, 2), np.intp), np.empty(0))

    @classmethod
    def points(cls, cells: Cells, dwell_s: float) -> Self:
        """Each marked cell of a grid by itself."""
        where = np.argwhere(cells)
        return cls(where, where, np.full(len(where), dwell_s))

    @classmethod
    def along_rows(cls, cells: Cells, cell_s: float) -> Self:
        """Marked cells of a grid that lie side by side in a row, in one go."""
        padded = np.zeros((cells.shape[0], cells.shape[1] + 2), np.int8)
        padded[:, 1:-1] = cells
        change = np.diff(padded, axis=1)
        first, behind = np.argwhere(change == 1), np.argwhere(change == -1)
        return cls(first, behind - np.array([0, 1]), np.full(len(first), cell_s))

    @classmethod
    def joined(cls, parts: Sequence[Pieces]) -> Self:
        """Several together, in their order."""
        return cls(
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.last for part in parts]),
            np.concatenate([part.cell_s for part in parts]),
        )

    def picked(self, which: NDArray[np.bool_]) -> Self:
        """Those that are marked, shape (n,)."""
        return type(self)(self.first[which], self.last[which], self.cell_s[which])

    def turned(self) -> Self:
        """The same with rows and columns exchanged."""
        return type(self)(self.first[:, ::-1], self.last[:, ::-1], self.cell_s)

    def __len__(self) -> int:
        return len(self.first)

    @property
    def lengths(self) -> Indices:
        """Cells of each piece, shape (n,)."""
        return np.asarray((self.last - self.first).sum(axis=1) + 1, np.intp)

    def cells(self) -> tuple[Indices, NDArray[np.float64]]:
        """Row and column of every cell, shape (cells, 2), piece after piece, and the time on each, shape (cells,)."""
        lengths = self.lengths
        piece = np.repeat(np.arange(len(self)), lengths)
        along = np.arange(len(piece)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        step = (self.last > self.first).astype(np.intp)
        return self.first[piece] + along[:, None] * step[piece], self.cell_s[piece]

    def marked(self, shape: tuple[int, int]) -> Cells:
        """Cells of a grid that any piece holds."""
        marked = np.zeros(shape, np.bool_)
        where, _ = self.cells()
        marked[where[:, 0], where[:, 1]] = True
        return marked

    def segments_mm(self, grid: ScanGrid) -> NDArray[np.float64]:
        """Where each begins and ends on the stage, (x0, y0, x1, y1), shape (n, 4): a point stays at its centre, a run
        goes from the far edge of its first cell to that of its last."""
        begin = grid.centres_mm(self.first[:, 0], self.first[:, 1])
        end = grid.centres_mm(self.last[:, 0], self.last[:, 1])
        half_mm = (self.last > self.first)[:, ::-1] * (grid.pitch_mm / 2)
        return np.hstack([begin - half_mm, end + half_mm])

    def speeds_mm_s(self, grid: ScanGrid) -> NDArray[np.float64]:
        """At which each is flown over, shape (n,); 0 of points."""
        return np.where(self.lengths > 1, grid.pitch_mm / self.cell_s, 0.0)
