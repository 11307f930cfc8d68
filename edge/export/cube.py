"""Spectra on the grid as an HDF5 dataset: by tiles, each written once where the path allows, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.export.contents import CellSpectra, Contents, Progress
from edge.export.packed import empty, packed, unpacked

_SIDE = 8
"""Cells along a tile: a run along rows or columns crosses few enough of them to keep all open, and what reads chunk by
chunk has few enough to read."""
_MOST_BYTES = 128 * 1024 * 1024
"""Of tiles that are open at a time."""


def write_cube(group: Any, name: str, contents: Contents, progress: Progress) -> Any:
    """The added spectra of every cell as a dataset of shape (rows, columns, channels); gives it.

    Tiles without a spectrum take no room.
    """
    grid = contents.grid
    tile = (min(_SIDE, grid.rows), min(_SIDE, grid.columns), contents.channels)
    dataset = empty(group, name, contents, (*grid.shape, contents.channels), tile)
    tiles = _Tiles(dataset, contents.totals.exposures)
    for portion in contents.cell_spectra():
        tiles.add(portion)
        progress(portion.read)
    tiles.close()
    return dataset


class _Tiles:
    """The chunks of a dataset, open while exposures of their cells are to come; those untouched longest go first."""

    def __init__(self, dataset: Any, exposures: NDArray[np.int32]) -> None:
        self._dataset = dataset
        self._rows, self._columns, self._channels = dataset.chunks
        tile_bytes = self._rows * self._columns * self._channels * dataset.dtype.itemsize
        self._most_open = max(1, _MOST_BYTES // tile_bytes)
        self._lacking = self._over_tiles(exposures)
        self._open: dict[tuple[int, int], NDArray[np.unsignedinteger]] = {}
        self._written: set[tuple[int, int]] = set()

    def add(self, portion: CellSpectra) -> None:
        size = np.array([self._rows, self._columns])
        tiles, within = np.divmod(portion.cells, size)
        order = np.lexsort((tiles[:, 1], tiles[:, 0]))
        starts = np.flatnonzero(np.any(np.diff(tiles[order], axis=0), axis=1)) + 1
        for which in np.split(order, starts):
            at = (int(tiles[which[0], 0]), int(tiles[which[0], 1]))
            values = self._opened(at)
            values[within[which, 0], within[which, 1]] += portion.counts[which].astype(values.dtype)
            self._lacking[at] -= portion.exposures[which].sum()
            if self._lacking[at] == 0:
                self._write(at)

    def close(self) -> None:
        for at in list(self._open):
            self._write(at)

    def _over_tiles(self, exposures: NDArray[np.int32]) -> NDArray[np.int64]:
        """Sums of a grid's values over each tile."""
        rows, columns = (
            -(-length // side) for length, side in zip(exposures.shape, self._dataset.chunks, strict=False)
        )
        sums = np.zeros((rows, columns), np.int64)
        at = np.nonzero(exposures)
        np.add.at(sums, (at[0] // self._rows, at[1] // self._columns), exposures[at])
        return sums

    def _opened(self, at: tuple[int, int]) -> NDArray[np.unsignedinteger]:
        values = self._open.pop(at, None)
        if values is None:
            if len(self._open) >= self._most_open:
                self._write(next(iter(self._open)))
            values = self._read(at)
        self._open[at] = values
        return values

    def _read(self, at: tuple[int, int]) -> NDArray[np.unsignedinteger]:
        shape = self._dataset.chunks
        if at not in self._written:
            return np.zeros(shape, self._dataset.dtype)
        return unpacked(self._dataset.id.read_direct_chunk(self._place(at))[1], self._dataset.dtype).reshape(shape)

    def _write(self, at: tuple[int, int]) -> None:
        self._dataset.id.write_direct_chunk(self._place(at), packed(self._open.pop(at)))
        self._written.add(at)

    def _place(self, at: tuple[int, int]) -> tuple[int, int, int]:
        return at[0] * self._rows, at[1] * self._columns, 0
