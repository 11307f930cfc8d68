"""The measurement model: what exposures see of the maps, as one linear operator that is never a dense matrix.

An exposure sees a weighted mean of cells: one cell for a point, the cells along a line, by the length in each, for a
stroke at constant speed, all cells of a rectangle for an area average. The operator keeps the cells and the weights of
each exposure one after another; maps go to exposures with `ExposureOperator.seen`, and back with its adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ExposureOperator:
    """What each exposure sees of maps, (rows, columns, channels), as weights of cells that sum to 1."""

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    first: NDArray[np.intp]
    """Where each exposure's entries begin, and where the last one's end; shape (exposures + 1,)."""
    cell: NDArray[np.intp]
    """Row-major index of each cell seen, shape (entries,)."""
    weight: Floats
    """Its share of the exposure, above 0, shape (entries,)."""

    def __len__(self) -> int:
        return len(self.first) - 1

    def picked(self, which: NDArray[np.intp]) -> Self:
        """Some of the exposures, in the given order."""
        lengths = np.diff(self.first)[which]
        first = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.arange(first[-1]) + np.repeat(self.first[which] - first[:-1], lengths)
        return type(self)(self.shape, first, self.cell[entries], self.weight[entries])

    def pooled(self, which: NDArray[np.intp]) -> Self:
        """The means of exposures that have a number in common: 0, 1 and so on, each of some; shape (exposures,)."""
        order = np.argsort(which, kind="stable")
        each, count = self.picked(order), np.bincount(which)
        first = each.first[np.concatenate([[0], np.cumsum(count)])]
        share = np.repeat(1 / count[which[order]], np.diff(each.first))
        return type(self)(self.shape, first, each.cell, (each.weight * share).astype(np.float32))

    def centroids(self) -> NDArray[np.float64]:
        """Row and column about which each exposure saw, shape (exposures, 2), in cells.

        Of an even number of cells in a row, that is between two of them.
        """
        starts, weight = self.first[:-1], self.weight.astype(np.float64)
        total = np.add.reduceat(weight, starts)
        sums = [np.add.reduceat(weight * at, starts) for at in np.divmod(self.cell, self.shape[1])]
        return np.stack(sums, axis=1) / total[:, None]

    def seen(self, maps: Floats) -> Floats:
        """The exposures' values, shape (exposures, channels), from maps, (rows, columns, channels)."""
        if maps.ndim != 3 or maps.shape[:2] != self.shape:
            raise UsageError(
                f"maps of shape {maps.shape} are not on the exposures' grid of {self.shape[0]} x {self.shape[1]}: "
                "give rows x columns x channels of that grid"
            )
        cells = np.ascontiguousarray(maps, np.float32).reshape(-1, maps.shape[2])
        values: Floats = np.empty((len(self), maps.shape[2]), np.float32)
        _gather(self.first, self.cell, self.weight, cells, values)
        return values

    def adjoint(self, values: Floats) -> Floats:
        """Each exposure's value handed to its cells by their weights: (exposures, channels) to maps.

        The inner product of `seen(maps)` with values is that of maps with `adjoint(values)`.
        """
        if values.ndim != 2 or len(values) != len(self):
            raise UsageError(
                f"values of shape {values.shape} do not belong to {len(self)} exposures: give exposures x channels"
            )
        cells: Floats = np.zeros((self.shape[0] * self.shape[1], values.shape[1]), np.float32)
        self.add_adjoint(values, cells, 0)
        return cells.reshape(*self.shape, values.shape[1])

    def add_adjoint(self, values: Floats, cells: Floats, channel: int) -> None:
        """Add the adjoint of values to some channels of cells, (cells, channels), from the given one on."""
        _scatter(self.first, self.cell, self.weight, np.ascontiguousarray(values, np.float32), cells, channel)

    def by_cell(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """The entries cell by cell: where each cell's begin, (cells + 1,), their exposures, and their weights."""
        order = np.argsort(self.cell, kind="stable")
        counts = np.bincount(self.cell, minlength=self.shape[0] * self.shape[1])
        exposure = np.repeat(np.arange(len(self)), np.diff(self.first))
        return np.concatenate([[0], np.cumsum(counts)]), exposure[order], self.weight[order]


def points(shape: tuple[int, int], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> ExposureOperator:
    """Exposures of one cell each.

    Raises
    ------
    UsageError
        A cell lies outside the grid.
    """
    rows, columns = np.asarray(rows, np.intp), np.asarray(columns, np.intp)
    _require_inside(shape, (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1]))
    return ExposureOperator(shape, np.arange(len(rows) + 1), rows * shape[1] + columns, np.ones(len(rows), np.float32))


def strokes(shape: tuple[int, int], start: NDArray[np.floating], end: NDArray[np.floating]) -> ExposureOperator:
    """Exposures taken while the beam goes along a line at constant speed; where start and end agree, of one cell.

    Parameters
    ----------
    start, end
        Row and column where each exposure begins and ends, shape (exposures, 2), in cells: (2, 5) is the centre of the
        cell in row 2 and column 5, which reaches half a cell to every side.

    Raises
    ------
    UsageError
        The arrays do not fit together, a place is not finite, or an exposure leaves the grid.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if start.ndim != 2 or start.shape[1] != 2 or start.shape != end.shape:
        raise UsageError(
            f"starts of shape {start.shape} and ends of shape {end.shape} are no strokes: give exposures x 2 of each"
        )
    low, high = np.minimum(start, end), np.maximum(start, end)
    # a place that is not finite fails the comparison as well
    _require_inside(shape, ((low >= -0.5) & (high <= np.array(shape) - 0.5)).all(axis=1))
    last = np.array(shape) - 1
    begun, ended = (np.minimum(np.floor(at + 0.5).astype(np.intp), last) for at in (start, end))
    inside = begun, ended
    crossed = np.abs(inside[1] - inside[0]).sum(axis=1)
    room = np.concatenate([[0], np.cumsum(crossed + 1)])
    cell, weight = np.empty(room[-1], np.intp), np.empty(room[-1], np.float32)
    _walk(start.astype(np.float64), end.astype(np.float64), *inside, room, shape[1], cell, weight)
    return _without_empty(shape, room, cell, weight)


def areas(
    shape: tuple[int, int],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    *,
    height: int,
    width: int,
) -> ExposureOperator:
    """Exposures that average a rectangle of cells, of which rows and columns give the first.

    Raises
    ------
    UsageError
        A rectangle is empty or leaves the grid.
    """
    if height < 1 or width < 1:
        raise UsageError(f"an area of {height} x {width} cells sees nothing: give at least 1 x 1")
    rows, columns = np.asarray(rows, np.intp), np.asarray(columns, np.intp)
    _require_inside(shape, (rows >= 0) & (rows + height <= shape[0]) & (columns >= 0) & (columns + width <= shape[1]))
    within = (np.arange(height)[:, None] * shape[1] + np.arange(width)).ravel()
    cell = (rows * shape[1] + columns)[:, None] + within
    weight = np.full(cell.size, 1 / len(within), np.float32)
    return ExposureOperator(shape, np.arange(len(rows) + 1) * len(within), cell.ravel(), weight)


def joined(operators: Sequence[ExposureOperator]) -> ExposureOperator:
    """The exposures of several operators on one grid, one after another.

    Raises
    ------
    UsageError
        There is none, or their grids differ.
    """
    if not operators or any(one.shape != operators[0].shape for one in operators):
        raise UsageError("exposures to be joined must lie on one grid, and at least one operator is needed")
    lengths = np.concatenate([[0], *(np.diff(one.first) for one in operators)])
    return ExposureOperator(
        operators[0].shape,
        np.cumsum(lengths),
        np.concatenate([one.cell for one in operators]),
        np.concatenate([one.weight for one in operators]),
    )


def counting_weight(counts: NDArray[np.floating], live_s: NDArray[np.floating]) -> Floats:
    """Inverse variance of rates counted, shape (exposures, channels), in seconds squared.

    The rate's variance is (counts + 1) / live², its posterior's under a flat prior, and so finite where nothing was
    counted.

    Parameters
    ----------
    counts
        Shape (exposures, channels), at least 0.
    live_s
        Live time of each exposure, shape (exposures,), above 0.

    Raises
    ------
    UsageError
        Counts are negative, a live time is not above zero, or they do not fit together.
    """
    if counts.ndim != 2 or live_s.shape != counts.shape[:1]:
        raise UsageError(
            f"counts of shape {counts.shape} and live times of shape {live_s.shape} do not fit together: "
            "give exposures x channels, and one live time for each exposure"
        )
    if not bool((counts >= 0).all()) or not bool((live_s > 0).all()) or not np.isfinite(live_s).all():
        raise UsageError("counts must be at least 0 and live times above 0 s: leave out exposures that are not")
    weight: Floats = (np.square(live_s)[:, None] / (counts + 1)).astype(np.float32)
    return weight


def _require_inside(shape: tuple[int, int], inside: NDArray[np.bool_]) -> None:
    if not inside.all():
        raise UsageError(
            f"exposure {int(np.argmin(inside))} lies outside the {shape[0]} x {shape[1]} grid, in part or whole: "
            "check that exposures and grid are of one scan"
        )


def _without_empty(
    shape: tuple[int, int], room: NDArray[np.intp], cell: NDArray[np.intp], weight: Floats
) -> ExposureOperator:
    """Drop cells that a line only touches at a border."""
    kept = weight > 0
    first = np.concatenate([[0], np.cumsum(kept)])[room]
    return ExposureOperator(shape, first, cell[kept], weight[kept])


@compiled
def _gather(first: NDArray[np.intp], cell: NDArray[np.intp], weight: Floats, cells: Floats, values: Floats) -> None:
    for i in range(values.shape[0]):
        for channel in range(values.shape[1]):
            values[i, channel] = np.float32(0)
        for entry in range(first[i], first[i + 1]):
            share, seen, value = weight[entry], cells[cell[entry]], values[i]
            for channel in range(value.shape[0]):
                value[channel] += share * seen[channel]


@compiled
def _scatter(
    first: NDArray[np.intp], cell: NDArray[np.intp], weight: Floats, values: Floats, cells: Floats, begin: int
) -> None:
    for i in range(values.shape[0]):
        for entry in range(first[i], first[i + 1]):
            # a view of its own: an index that may be negative keeps a loop from vector instructions
            share, value, back = weight[entry], values[i], cells[cell[entry], begin:]
            for channel in range(value.shape[0]):
                back[channel] += share * value[channel]


@compiled
def _walk(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    begun: NDArray[np.intp],
    ended: NDArray[np.intp],
    room: NDArray[np.intp],
    columns: int,
    cell: NDArray[np.intp],
    weight: Floats,
) -> None:
    """Each stroke from border to border of cells, the share of its length that lies in each."""
    for i in range(start.shape[0]):
        row, column = begun[i, 0], begun[i, 1]
        fall, slope = end[i, 0] - start[i, 0], end[i, 1] - start[i, 1]
        down, right = (1 if fall > 0 else -1), (1 if slope > 0 else -1)
        done = 0.0
        last = room[i + 1] - 1
        for entry in range(room[i], last):
            # the share of the stroke after which it leaves this row, and this column; beyond 1 where it doesn't
            by_row = (row + 0.5 * down - start[i, 0]) / fall if row != ended[i, 0] else 2.0
            by_column = (column + 0.5 * right - start[i, 1]) / slope if column != ended[i, 1] else 2.0
            until = min(max(min(by_row, by_column), done), 1.0)
            cell[entry], weight[entry] = row * columns + column, until - done
            done = until
            if by_row <= by_column:
                row += down
            else:
                column += right
        cell[last], weight[last] = row * columns + column, 1.0 - done
