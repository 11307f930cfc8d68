"""Rows of a cube in an HDF5 file, in bounded memory, and no piece of it unpacked more often than need be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.imports.bounds import rows_at_once
from edge.imports.hdf5_tree import UNREADABLE

_BAND_BYTES = 256_000_000
"""Of rows that are kept, since they were unpacked together."""
_MOST_REPEATS = 64
"""How often a piece may be unpacked where the rows that it spans are too many to keep."""


def rows_of(dataset: Any, path: Path, *, row_axis: int, channel_axis: int) -> Callable[[int, int], NDArray[np.generic]]:
    """What reads rows from the first to before the second, shape (rows, columns, channels).

    Raises
    ------
    UsageError
        Its pieces span so many rows that reading would never end; later, where it is damaged.
    """
    column_axis = 3 - row_axis - channel_axis
    columns, channels = dataset.shape[column_axis], dataset.shape[channel_axis]
    rows, name = dataset.shape[row_axis], dataset.name
    tallest = min(dataset.chunks[row_axis] if dataset.chunks else 1, rows)
    keeps_bands = tallest * columns * channels * dataset.dtype.itemsize <= _BAND_BYTES
    if not keeps_bands and tallest > _MOST_REPEATS * rows_at_once(columns, channels):
        raise UsageError(
            f"{path}: {name} is stored in pieces of {tallest} rows, each to be unpacked again for every few of them: "
            "store it anew with chunks of few rows, with h5repack"
        )

    def read(first: int, last: int) -> NDArray[np.generic]:
        import h5py

        where = [slice(None)] * 3
        where[row_axis] = slice(first, last)
        try:
            with h5py.File(path, "r") as file:
                found = np.asarray(file[name][tuple(where)])
        except UNREADABLE as error:
            what = (str(error).splitlines() or [""])[0]
            raise UsageError(f"{path}: {name} is damaged ({what}): copy the file again") from None
        return np.transpose(found, (row_axis, column_axis, channel_axis))

    return _Bands(read, rows, tallest).rows if keeps_bands and tallest > 1 else read


class _Bands:
    """Rows that lie in the same pieces, read together; the last ones are kept."""

    def __init__(self, read: Callable[[int, int], NDArray[np.generic]], rows: int, tallest: int) -> None:
        self._read, self._rows, self._tallest = read, rows, tallest
        self._first, self._last = 0, 0
        self._kept: NDArray[np.generic] = np.empty(0)

    def rows(self, first: int, last: int) -> NDArray[np.generic]:
        parts = []
        while first < last:
            if not self._first <= first < self._last:
                self._first = first - first % self._tallest
                self._last = min(self._first + self._tallest, self._rows)
                self._kept = self._read(self._first, self._last)
            upto = min(last, self._last)
            parts.append(self._kept[first - self._first : upto - self._first])
            first = upto
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
