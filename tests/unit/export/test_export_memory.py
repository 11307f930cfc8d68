"""Spectra are never in memory all together, however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.export.contents import CellSpectra, CellTotals
from edge.export.cube import write_cube
from edge.export.packed import write_list
from edge.export.rpl import write_raw
from edge.grid import ScanGrid

CHANNELS, PORTION = 1024, 64


@dataclass(frozen=True)
class Spectra:
    """As much of a recording as these need, made when it is read."""

    grid: ScanGrid
    channels: int = CHANNELS

    @property
    def counts_type(self) -> np.dtype[np.unsignedinteger]:
        return np.dtype("<u2")

    @property
    def exposures(self) -> int:
        return self.grid.rows * self.grid.columns

    def _counts(self, first: int) -> NDArray[np.uint32]:
        return np.random.default_rng(first).poisson(0.3, (PORTION, CHANNELS)).astype(np.uint32)

    @property
    def totals(self) -> CellTotals:
        once, zeros = np.ones(self.grid.shape, np.int32), np.zeros(self.grid.shape)
        return CellTotals(once, zeros, zeros, zeros, zeros, most_counts=100)

    def cell_spectra(self) -> Iterator[CellSpectra]:
        for first in range(0, self.exposures, PORTION):
            cells = np.column_stack(np.divmod(np.arange(first, first + PORTION), self.grid.columns))
            yield CellSpectra(cells, self._counts(first), np.ones(PORTION, np.intp), first + PORTION)

    def spectra(self) -> Iterator[tuple[Any, None]]:
        @dataclass
        class Batch:
            counts: NDArray[np.uint32]

        for first in range(0, self.exposures, PORTION):
            yield Batch(self._counts(first)), None


def into_hdf5(write: Callable[..., Any]) -> Callable[[Path, Any], None]:
    def do(path: Path, spectra: Any) -> None:
        with h5py.File(path, "w") as file:
            write(file, "data", spectra, lambda _: None)

    return do


def into_raw(path: Path, spectra: Any) -> None:
    write_raw(path, spectra, lambda _: None)


@pytest.mark.parametrize("write", [into_hdf5(write_cube), into_hdf5(write_list), into_raw], ids=["grid", "list", "raw"])
def test_four_times_the_spectra_take_no_more_memory(tmp_path: Path, write: Callable[[Path, Any], None]) -> None:
    peaks = []
    write(tmp_path / "first", Spectra(ScanGrid(0.0, 0.0, 1.0, 16, 16)))
    for rows in (16, 64):
        tracemalloc.start()
        write(tmp_path / str(rows), Spectra(ScanGrid(0.0, 0.0, 1.0, rows, 16)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 64 * 16 * CHANNELS * 2, "less than the cube itself"
