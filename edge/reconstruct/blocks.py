"""Large grids in overlapping blocks, each reconstructed by itself, that fade into each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.reconstruction import Method, Reconstruction

OVERLAP_CELLS = 32


@dataclass(frozen=True, slots=True)
class Span:
    """Rows or columns of a block: from `start` up to `stop`, where it is not alone fading over the overlap."""

    start: int
    stop: int
    length: int
    """Of the whole grid."""

    def weight(self) -> NDArray[np.float32]:
        """Of each row or column; the weights of all spans at a place add up to 1."""
        at = np.arange(self.start, self.stop) + 0.5
        entering = np.clip((at - self.start) / OVERLAP_CELLS, 0, 1) if self.start > 0 else 1.0
        leaving = np.clip((self.stop - at) / OVERLAP_CELLS, 0, 1) if self.stop < self.length else 1.0
        return np.asarray(entering * leaving * np.ones_like(at), np.float32)


def spans_of(length: int, side: int) -> list[Span]:
    """Equal spans of about `side` that overlap by `OVERLAP_CELLS`; `side` is at least twice that."""
    count = -(-length // side)
    edges = [round(length * part / count) for part in range(count + 1)]
    half = OVERLAP_CELLS // 2
    return [Span(max(0, edges[part] - half), min(length, edges[part + 1] + half), length) for part in range(count)]


def within(cells: MeasuredCells, rows: Span, columns: Span) -> MeasuredCells:
    """The measured cells of a block, as a grid of their own."""
    inside = (
        (cells.rows >= rows.start)
        & (cells.rows < rows.stop)
        & (cells.columns >= columns.start)
        & (cells.columns < columns.stop)
    )
    return MeasuredCells(
        (rows.stop - rows.start, columns.stop - columns.start),
        cells.rows[inside] - rows.start,
        cells.columns[inside] - columns.start,
        cells.values[inside],
        cells.variance[inside],
        cells.names,
        None if cells.live_s is None else cells.live_s[inside],
    )


def in_blocks(
    method: Method,
    cells: MeasuredCells,
    rgb: NDArray[np.float32] | None,
    *,
    side: int,
    accepts: Callable[[MeasuredCells], bool],
) -> Reconstruction | None:
    """Maps of a grid from those of its blocks; None where a block is not accepted.

    Standard errors fade as the maps do: what neighbouring blocks say of a cell rests on the same photons.
    """
    places = list(product(spans_of(cells.shape[0], side), spans_of(cells.shape[1], side)))
    if not all(accepts(within(cells, rows, columns)) for rows, columns in places):
        return None
    maps = np.zeros((*cells.shape, cells.elements), np.float32)
    standard_error = np.zeros_like(maps)
    remarks: list[str] = []
    for rows, columns in places:
        at = np.s_[rows.start : rows.stop, columns.start : columns.stop]
        found = method(within(cells, rows, columns), None if rgb is None else np.ascontiguousarray(rgb[at]))
        weight = (rows.weight()[:, None] * columns.weight())[:, :, None]
        maps[at] += weight * found.maps
        standard_error[at] += weight * found.standard_error
        remarks += found.remarks
    return Reconstruction(maps, standard_error, None, _once(remarks))


def _once(remarks: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(remarks))
