"""How large a raster may be: what a file declares is held against this before memory is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.faults import UsageError

MOST_CELLS = 20_000_000
MOST_CHANNELS = 16_384
FEWEST_CHANNELS = 64
"""Below that an axis is taken for one of elements."""
MOST_MAPS = 128
_MOST_MAP_BYTES = 8_000_000_000
_LEAST_SIDE = 4
"""Fewer rows or columns show nothing that could be left out."""
_MOST_ROW_VALUES = 100_000_000
"""Counts in a row of spectra, which is read as a whole: 20,000 cells of 4,096 channels are fewer."""
BLOCK_BYTES = 32_000_000
"""Of spectra that are held in memory at a time, as floating point."""


def require_maps(path: Path, rows: int, columns: int, maps: int) -> None:
    """Refuse maps that are none, or too many.

    Raises
    ------
    UsageError
        Their shape is out of bounds.
    """
    _require_grid(path, rows, columns)
    if not 1 <= maps <= MOST_MAPS:
        raise UsageError(f"{path}: holds {maps} maps: give a source of 1 to {MOST_MAPS}")
    if rows * columns * maps * 4 > _MOST_MAP_BYTES:
        raise UsageError(f"{path}: {maps} maps of {rows} x {columns} cells are above 8 GB: crop them beforehand")


def require_cube(path: Path, shape: Sequence[int]) -> tuple[int, int, int]:
    """The shape of a cube of spectra, checked.

    Raises
    ------
    UsageError
        It is no cube of spectra, or out of bounds.
    """
    if len(shape) != 3:
        raise UsageError(f"{path}: spectra of shape {tuple(shape)} are no raster: give rows x columns x channels")
    rows, columns, channels = (int(length) for length in shape)
    _require_grid(path, rows, columns)
    if not FEWEST_CHANNELS <= channels <= MOST_CHANNELS:
        raise UsageError(
            f"{path}: spectra of {channels} channels cannot be fitted: give {FEWEST_CHANNELS} to {MOST_CHANNELS}, "
            "rows x columns x channels"
        )
    if columns * channels > _MOST_ROW_VALUES:
        raise UsageError(
            f"{path}: rows of {columns} spectra with {channels} channels are longer than the "
            f"{_MOST_ROW_VALUES // 1_000_000} million counts that can be read at once: crop or bin it beforehand"
        )
    return rows, columns, channels


def rows_at_once(columns: int, channels: int) -> int:
    """How many rows of spectra are read at a time."""
    return max(1, BLOCK_BYTES // (columns * channels * 4))


def cells_at_once(channels: int) -> int:
    """How many spectra are worked with at a time, where a row alone is longer."""
    return max(1, BLOCK_BYTES // (channels * 4))


def _require_grid(path: Path, rows: int, columns: int) -> None:
    if rows < _LEAST_SIDE or columns < _LEAST_SIDE:
        raise UsageError(
            f"{path}: {rows} x {columns} cells are no raster: give one of at least {_LEAST_SIDE} by {_LEAST_SIDE}"
        )
    if rows * columns > MOST_CELLS:
        raise UsageError(
            f"{path}: {rows} x {columns} cells are more than the {MOST_CELLS // 1_000_000} million that can be "
            "replayed: crop or bin it beforehand"
        )
