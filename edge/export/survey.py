"""One look through all exposures: what each cell received, and the sums that the energy scale is found from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import CellTotals, Progress
from edge.grid import ScanGrid
from edge.record.reader import JournalReader, MeasuredArrays
from edge.results import cells_of, portions
from edge.spectra.drift import BlockSums


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a look through the exposures found."""

    exposures: int
    totals: CellTotals
    blocks: BlockSums
    live_s: float


def survey(reader: JournalReader, grid: ScanGrid, channels: int, progress: Progress) -> Survey:
    """Read every exposure once, in bounded memory."""
    sums = _Sums(grid)
    blocks = BlockSums(channels)
    for batch in portions(reader):
        blocks.add(batch.counts)
        sums.add(batch)
        progress(sums.read)
    return Survey(sums.read, sums.totals(), blocks, float(sums.live_s.sum()))


class _Sums:
    """Figures of every cell of a grid, growing."""

    def __init__(self, grid: ScanGrid) -> None:
        self._grid = grid
        cells = grid.rows * grid.columns
        self.read = 0
        self._exposures = np.zeros(cells, np.int32)
        self.live_s = np.zeros(cells)
        self._real_s = np.zeros(cells)
        self._x = np.zeros(cells)
        self._y = np.zeros(cells)
        self._most = np.zeros(cells, np.int64)

    def add(self, batch: MeasuredArrays) -> None:
        self.read += len(batch)
        batch = batch.telling()
        cells = cells_of(batch, self._grid)
        flat = cells[:, 0] * self._grid.columns + cells[:, 1]
        middles_mm = (batch.starts_mm + batch.ends_mm) / 2
        np.add.at(self._exposures, flat, 1)
        np.add.at(self.live_s, flat, batch.live_s)
        np.add.at(self._real_s, flat, batch.real_s)
        np.add.at(self._x, flat, batch.real_s * middles_mm[:, 0])
        np.add.at(self._y, flat, batch.real_s * middles_mm[:, 1])
        np.add.at(self._most, flat, batch.counts.max(axis=1, initial=0).astype(np.int64))

    def totals(self) -> CellTotals:
        grid, shape = self._grid, self._grid.shape
        rows, columns = np.divmod(np.arange(grid.rows * grid.columns), grid.columns)
        centres = grid.centres_mm(rows, columns)
        was_there = self._real_s > 0
        seconds = np.where(was_there, self._real_s, 1.0)

        def over_grid(values: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.where(was_there, values / seconds, centre).reshape(shape)

        return CellTotals(
            exposures=self._exposures.reshape(shape),
            live_s=self.live_s.reshape(shape),
            real_s=self._real_s.reshape(shape),
            x_mm=over_grid(self._x, centres[:, 0]),
            y_mm=over_grid(self._y, centres[:, 1]),
            most_counts=int(self._most.max()),
        )
