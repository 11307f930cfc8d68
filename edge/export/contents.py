"""What a recording gives to every format: spectra, what the cells add up to, maps, and where all of it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.record.maps_file import MapsFile
from edge.record.reader import JournalReader, MeasuredArrays
from edge.results import cells_of, portions

Provenance = Mapping[str, Mapping[str, str | float | int]]
"""Sections of names and values; units stand in the names."""
Progress = Callable[[int], None]
"""Takes the number of exposures written so far."""


@dataclass(frozen=True, slots=True)
class EnergyScale:
    """Energy of channel ``c``, counted from 0: ``zero_kev + gain_kev * c``."""

    zero_kev: float
    gain_kev: float
    origin: str
    """How it was found, in words."""

    def energies_kev(self, channels: int) -> NDArray[np.float64]:
        """Of every channel's centre."""
        return np.asarray(self.zero_kev + self.gain_kev * np.arange(channels), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class CellTotals:
    """What the exposures of each cell add up to, arrays of shape (rows, columns); zero where none was made."""

    exposures: NDArray[np.int32]
    live_s: NDArray[np.float64]
    real_s: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    """Where the beam was, as measured, weighted by real time; the cell's centre where it never was."""
    y_mm: NDArray[np.float64]
    most_counts: int
    """No channel of any cell's added spectra holds more."""

    @property
    def visited(self) -> NDArray[np.bool_]:
        """Cells that have a spectrum."""
        return self.exposures > 0


@dataclass(frozen=True, slots=True, eq=False)
class CellSpectra:
    """Spectra of some cells, none of them twice."""

    cells: NDArray[np.intp]
    """Row and column, shape (n, 2)."""
    counts: NDArray[np.uint32]
    """Shape (n, channels)."""
    exposures: NDArray[np.intp]
    """How many exposures each is the sum of, shape (n,)."""
    read: int
    """Exposures that have been read so far, these included."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """A recording, ready to be written as something else. Row 0 is at the smallest y, as everywhere."""

    name: str
    """Of the recording, for files and titles."""
    title: str
    grid: ScanGrid
    channels: int
    exposures: int
    """Spectra of the object, those that ended early among them."""
    totals: CellTotals
    sum_counts: NDArray[np.float64]
    """All spectra added up, shape (channels,)."""
    scale: EnergyScale
    maps: MapsFile | None
    """None where spectra are too few for any."""
    planned: NDArray[np.bool_]
    """Cells that the plan visits."""
    held_out: NDArray[np.bool_]
    """Cells whose exposures the maps were not shown."""
    provenance: Provenance
    config_yaml: str
    started_at: str
    """UTC, ISO 8601."""
    ended_at: str
    reader: JournalReader

    @property
    def counts_type(self) -> np.dtype[np.unsignedinteger]:
        """What the cells' spectra are written as: PyMca holds 16 bits as single precision, and 32 as double."""
        return np.dtype("<u2" if self.totals.most_counts < 2**16 else "<u4")

    def spectra(self) -> Iterator[tuple[MeasuredArrays, NDArray[np.intp]]]:
        """All exposures in the order of recording, a bounded number at a time, with row and column of each."""
        for batch in portions(self.reader):
            yield batch, cells_of(batch, self.grid)

    def cell_spectra(self) -> Iterator[CellSpectra]:
        """Spectra of cells, those of one cell within a portion added up; a cell may come again in a later portion."""
        read = 0
        for batch, cells in self.spectra():
            read += len(batch)
            flat = cells[:, 0] * self.grid.columns + cells[:, 1]
            unique, first, place = np.unique(flat, return_index=True, return_inverse=True)
            counts = batch.counts[first]
            again = np.ones(len(flat), np.bool_)
            again[first] = False
            if again.any():
                np.add.at(counts, place[again], batch.counts[again])
            exposures = np.bincount(place, minlength=len(unique))
            yield CellSpectra(np.column_stack(np.divmod(unique, self.grid.columns)), counts, exposures, read)


def without_nothing(section: Mapping[str, str | float | int | None]) -> dict[str, str | float | int]:
    """A section of the provenance without what is not known."""
    return {name: value for name, value in section.items() if value is not None and value != ""}
