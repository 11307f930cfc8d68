"""What a file of somebody else's holds, before anybody has fitted or placed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.unsignedinteger]
ChannelsAxis = Literal["first", "last"]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """What a sparse scan's file says of its cells: those that were not measured hold what was inferred, or zeros."""

    measured: NDArray[np.bool_]
    """Shape (rows, columns)."""
    scanned: NDArray[np.bool_] | None = None
    """Cells that were to be scanned, same shape; None: all."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundMaps:
    """Element maps, taken as they are."""

    maps: NDArray[np.float32]
    """Shape (rows, columns, elements), any linear unit; not finite where nothing was measured."""
    elements: tuple[str, ...]
    standard_error: NDArray[np.float32] | None = None
    """Same shape; None where the file does not say."""
    rgb: NDArray[np.uint8] | None = None
    """A photograph on the same cells, shape (rows, columns, 3)."""
    valid: NDArray[np.bool_] | None = None
    """Cells that count, shape (rows, columns); None: those that are finite."""
    pitch_mm: float | None = None
    unit: str = "as in the source"
    coverage: Coverage | None = None
    """None: a full raster."""
    remarks: tuple[str, ...] = ()
    """What was decided while reading and a reader must know, one sentence each."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundCube:
    """Spectra of every cell of a raster, read row by row as they are asked for."""

    shape: tuple[int, int, int]
    """Rows, columns, channels."""
    rows: Callable[[int, int], NDArray[np.generic]]
    """Counts of the rows from the first to before the second, shape (rows, columns, channels), numbers of any type."""
    offset_kev: float | None = None
    """Energy of channel 0; None where the file does not say."""
    gain_kev: float | None = None
    live_s: float | NDArray[np.float64] | None = None
    """Live time of each cell, or of all; None where the file does not say. Cells with 0 were not measured."""
    tube_kv: float | None = None
    pitch_mm: float | None = None
    coverage: Coverage | None = None
    """None: a full raster."""
    remarks: tuple[str, ...] = ()
    """What was decided while reading and a reader must know, one sentence each."""


Found = FoundMaps | FoundCube


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What the file does not say, or says wrongly."""

    calibration: tuple[float, float] | None = None
    """Energy of channel 0 and energy per channel, keV; overrules the file."""
    tube_kv: float | None = None
    anode: str | None = None
    live_s: float | None = None
    """Live time of each cell; overrules the file."""
    elements: tuple[str, ...] = ()
    """Elements to map of a cube; empty: those that the spectra show."""
    channels: ChannelsAxis | None = None
    """Which axis of an HDF5 file's cube is that of channels; None: as the file says, or its lengths."""
    dataset: str | None = None
    """Which object of an HDF5 file, by its path within."""
    photograph: Path | None = None
    pairs: tuple[tuple[float, float, float, float], ...] = ()
    """Matching points: row and column on the raster, in cells from the middle of the first; x and y on the photograph,
    in pixels from the middle of the first."""


NOTHING_SET = ImportSettings()
