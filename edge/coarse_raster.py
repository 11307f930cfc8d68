"""A coarse raster: one exposure for each block of so many cells in each direction, on the finer grid of the photograph.

Blocks are laid from the grid's first cell on; where it does not divide, the last ones are smaller, and are measured for
what they hold. A *point* is the middle cell of its block, of an even number the later one; a *stroke* is the way along
that cell's line through the block; an *area* is the mean of the whole block, as a beam as wide as it would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import ExposureOperator

Cells: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["points", "strokes", "areas"]


@dataclass(frozen=True, slots=True, eq=False)
class CoarseSights:
    """What each exposure of a coarse raster sees of a grid."""

    kind: Kind
    rows: NDArray[np.intp]
    """Of the middle of each, shape (n,)."""
    columns: NDArray[np.intp]
    operator: ExposureOperator

    def samples(self, maps: NDArray[np.float32], variance: NDArray[np.float32]) -> Samples:
        """What points or strokes would have measured of maps, (rows, columns, elements), that are known.

        Noise is that of the maps themselves: a stroke over four cells is as sure as if it had stayed on each as long as
        the maps' own measurement did.
        """
        seen = self.operator
        squared = ExposureOperator(seen.shape, seen.first, seen.cell, np.square(seen.weight))
        ends = self._ends() if self.kind == "strokes" else None
        return Samples(self.rows, self.columns, seen.seen(maps), squared.seen(variance), ends)

    def measured(
        self, maps: NDArray[np.float32], variance: NDArray[np.float32], names: tuple[str, ...]
    ) -> MeasuredCells:
        """The same as reconstructions get it, of areas too."""
        samples = self.samples(maps, variance)
        operator = None if self.kind == "points" else self.operator
        return MeasuredCells(
            self.operator.shape, self.rows, self.columns, samples.values, samples.variance, names, operator=operator
        )

    def _ends(self) -> NDArray[np.float32]:
        columns, cell = self.operator.shape[1], self.operator.cell
        first, last = cell[self.operator.first[:-1]], cell[self.operator.first[1:] - 1]
        start, end = np.column_stack(np.divmod(first, columns)), np.column_stack(np.divmod(last, columns))
        ahead = np.sign(end - start) / 2
        return np.hstack([start - ahead, end + ahead]).astype(np.float32)


def require_factor(factor: int, shape: tuple[int, int]) -> None:
    """A factor must give blocks of several cells in both directions that the grid holds.

    Raises
    ------
    UsageError
        It is below 2, or blocks are larger than the grid, or the grid has a single row or column.
    """
    if factor < 2:
        raise UsageError(f"a coarse raster of factor {factor} has no blocks of several cells: give 2 or more")
    if min(shape) < 2:
        raise UsageError(
            f"a grid of {shape[0]} x {shape[1]} cells has no blocks of several cells in both directions: scan a larger "
            "area, or give a finer pitch"
        )
    if factor > min(shape):
        raise UsageError(
            f"a coarse raster of factor {factor} has blocks larger than the grid's {shape[0]} x {shape[1]} cells: "
            f"give at most {min(shape)}, or a finer pitch"
        )


def middles(length: int, factor: int) -> NDArray[np.intp]:
    """Where the middle of each block lies along a side of so many cells."""
    first = np.arange(0, length, factor)
    return np.asarray(first + np.minimum(factor, length - first) // 2, np.intp)


def middle_cells(allowed: Cells, factor: int) -> Cells:
    """One cell of each block that holds an allowed one: its middle, or the allowed one that is nearest to that."""
    shape = (allowed.shape[0], allowed.shape[1])
    require_factor(factor, shape)
    rows, columns = middles(shape[0], factor), middles(shape[1], factor)
    chosen = np.zeros(shape, np.bool_)
    chosen[np.ix_(rows, columns)] = allowed[np.ix_(rows, columns)]
    down, across = np.nonzero(allowed)
    is_without = ~chosen[np.ix_(rows, columns)][down // factor, across // factor]
    down, across = down[is_without], across[is_without]
    away = np.square(down - rows[down // factor]) + np.square(across - columns[across // factor])
    block = down // factor * len(columns) + across // factor
    order = np.lexsort((away, block))
    nearest = order[np.unique(block[order], return_index=True)[1]]
    chosen[down[nearest], across[nearest]] = True
    return chosen


def middle_lines(allowed: Cells, factor: int) -> Cells:
    """Allowed cells of the row through the middle of each row of blocks."""
    require_factor(factor, (allowed.shape[0], allowed.shape[1]))
    lines = np.zeros(allowed.shape, np.bool_)
    rows = middles(allowed.shape[0], factor)
    lines[rows] = allowed[rows]
    return lines


def coarse_sights(allowed: Cells, factor: int, kind: Kind) -> CoarseSights:
    """What a coarse raster sees of the allowed cells, shape (rows, columns); strokes go along rows.

    Raises
    ------
    UsageError
        The factor does not fit the grid, or no cell is allowed.
    """
    shape = (allowed.shape[0], allowed.shape[1])
    match kind:
        case "points":
            seen = middle_cells(allowed, factor)
        case "strokes":
            seen = middle_lines(allowed, factor)
        case "areas":
            require_factor(factor, shape)
            seen = allowed
    cell = np.flatnonzero(seen)
    if not len(cell):
        raise UsageError("a coarse raster finds no cell that may be measured: widen the area, or lower the factor")
    rows, columns = np.divmod(cell, shape[1])
    block = rows // factor * (-(-shape[1] // factor)) + columns // factor
    if kind == "strokes":
        # where the beam may not go, a stroke ends and another begins behind it
        block = np.cumsum((np.diff(block, prepend=-1) != 0) | (np.diff(cell, prepend=-2) != 1))
    order = np.argsort(block, kind="stable")
    count = np.unique(block, return_counts=True)[1]
    first = np.concatenate([[0], np.cumsum(count)])
    weight = np.repeat(1 / count, count).astype(np.float32)
    middle = _nearest_to_middles(rows[order], columns[order], first)
    return CoarseSights(kind, *middle, ExposureOperator(shape, first, cell[order], weight))


def _nearest_to_middles(
    rows: NDArray[np.intp], columns: NDArray[np.intp], first: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column in the middle of each exposure's cells, of two the later one; cells lie one after another."""
    count = np.diff(first)
    return tuple(  # type: ignore[return-value]
        np.floor(np.add.reduceat(at, first[:-1]) / count + 0.5).astype(np.intp) for at in (rows, columns)
    )
