"""What a reconstruction starts from: each measured cell once, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.maps import Samples, by_live_time
from edge.reconstruct.exposure_operator import ExposureOperator, points, strokes


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCells:
    """Samples merged so that each cell occurs once, in row-major order; where means of cells were measured, each mean.

    A mean is counted for the cell in its middle, which may be that of another one or of a cell measured by itself.
    """

    shape: tuple[int, int]
    rows: NDArray[np.intp]
    """Shape (n,)."""
    columns: NDArray[np.intp]
    """Shape (n,)."""
    values: NDArray[np.float32]
    """Shape (n, elements); all finite."""
    variance: NDArray[np.float32]
    """Counting variance of each value, shape (n, elements); zero where unknown."""
    names: tuple[str, ...]
    """The elements' names."""
    live_s: NDArray[np.float32] | None = None
    """Live time behind each value, shape (n,); None where nobody says, or it is the same for all."""
    operator: ExposureOperator | None = None
    """Of which cells each value is a mean, n exposures; None: each of its own cell alone."""

    def seen_by(self) -> ExposureOperator:
        """What the values saw of maps: the operator, or one cell each."""
        if self.operator is not None:
            return self.operator
        return points(self.shape, self.rows, self.columns)

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Which values are of one cell by itself, shape (n,)."""
        if self.operator is None:
            return np.ones(len(self), np.bool_)
        return np.asarray(np.diff(self.operator.first) == 1, np.bool_)

    def averaged(self) -> NDArray[np.bool_] | None:
        """Cells that were measured in means over several alone, shape of the grid; None where there are none."""
        if self.operator is None:
            return None
        found = np.zeros(self.shape, np.bool_)
        found.ravel()[self.operator.cell] = True
        found &= ~self.measured()
        return found if found.any() else None

    def measured(self) -> NDArray[np.bool_]:
        """Cells that were measured by themselves, shape of the grid."""
        found = np.zeros(self.shape, np.bool_)
        found[self.rows[self.alone], self.columns[self.alone]] = True
        return found

    def places(self) -> tuple[NDArray[np.intp] | NDArray[np.float64], NDArray[np.intp] | NDArray[np.float64]]:
        """Row and column about which each value was measured, shape (n,) each: means lie between cells, too."""
        if self.operator is None:
            return self.rows, self.columns
        rows, columns = self.operator.centroids().T
        return rows, columns

    def picked(self, which: NDArray[np.intp]) -> Self:
        """Those of these indices, in the given order."""
        return replace(
            self,
            rows=self.rows[which],
            columns=self.columns[which],
            values=self.values[which],
            variance=self.variance[which],
            live_s=None if self.live_s is None else self.live_s[which],
            operator=None if self.operator is None else self.operator.picked(which),
        )

    def without(self, left_out: NDArray[np.intp]) -> Self:
        """All but those of these indices."""
        return self.picked(np.delete(np.arange(len(self)), left_out))

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    @property
    def elements(self) -> int:
        return int(self.values.shape[1])


def merged(
    samples: Samples,
    shape: tuple[int, int],
    elements: tuple[str, ...],
    live_s: NDArray[np.floating] | None = None,
) -> MeasuredCells:
    """Check the samples against the grid and merge those that saw the same: a cell, or the mean along one way.

    Values are weighted by the live time behind them, shape (n,), where it is given, and by inverse variance otherwise.
    Then, where one of the exposures to merge has no known variance for an element (zero), that element takes the plain
    mean, and the mean variance divided by the number of exposures. An exposure with a value or variance that is not
    finite is left out whole.

    Raises
    ------
    UsageError
        When nothing usable is left, a cell lies outside the grid, or the arrays' shapes disagree.
    """
    checked = _checked(samples, shape, elements)
    usable = np.isfinite(checked.values).all(axis=1) & np.isfinite(checked.variance).all(axis=1)
    if not usable.any():
        raise UsageError("no usable sample to reconstruct from: measure at least one cell with finite values")
    checked, names = checked.picked(usable), tuple(map(str, elements))
    rows, columns = checked.rows, checked.columns
    if rows.min() < 0 or columns.min() < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]:
        raise UsageError(
            f"a sample lies outside the {shape[0]} x {shape[1]} grid: check that samples and grid are of one scan"
        )
    total_s = None
    if live_s is not None:
        once, total_s = by_live_time(checked, np.asarray(live_s)[usable], shape)
    else:
        once = _by_variance(checked, shape)
    return MeasuredCells(
        shape,
        once.rows,
        once.columns,
        once.values,
        once.variance,
        names,
        None if total_s is None else total_s.astype(np.float32),
        _operator_of(once, shape),
    )


def _by_variance(samples: Samples, shape: tuple[int, int]) -> Samples:
    """What was seen once each, in row-major order, values weighted by inverse variance."""
    sights = samples.sights(shape)
    order = np.argsort(sights, kind="stable")
    _, first, count = np.unique(sights[order], return_index=True, return_counts=True)
    once = samples.picked(order[first])
    if (repeated := count > 1).any():
        again = order[np.repeat(repeated, count)]
        once.values[repeated], once.variance[repeated] = _merge(
            samples.values[again], samples.variance[again], count[repeated]
        )
    return once


def _operator_of(once: Samples, shape: tuple[int, int]) -> ExposureOperator | None:
    """What the exposures saw, where that is more than a cell of any of them."""
    if once.ends is None or bool((once.ends[:, :2] == once.ends[:, 2:]).all()):
        return None
    return strokes(shape, once.ends[:, :2], once.ends[:, 2:])


def checked_photograph(rgb: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Photograph as float32 in [0, 1].

    Raises
    ------
    UsageError
        When its shape is not (rows, columns, 3) of the grid, or values are not finite or outside [0, 1].
    """
    if rgb.shape != (*shape, 3):
        raise UsageError(
            f"the photograph has shape {rgb.shape}, the grid needs ({shape[0]}, {shape[1]}, 3): "
            "resample it to the scan grid, or leave it out"
        )
    photograph = rgb.astype(np.float32)
    if rgb.dtype in (np.uint8, np.uint16):
        photograph /= np.float32(255 if rgb.dtype == np.uint8 else 65535)
    if not bool(np.isfinite(photograph).all()) or photograph.min() < 0 or photograph.max() > 1:
        raise UsageError(
            "the photograph has values outside 0 to 1: give uint8 or uint16, or floating point scaled to 0 to 1"
        )
    return photograph


def _checked(samples: Samples, shape: tuple[int, int], elements: tuple[str, ...]) -> Samples:
    """The samples as arrays of the types that they are to be of, their shapes checked."""
    rows, columns = np.asarray(samples.rows, np.intp), np.asarray(samples.columns, np.intp)
    values, variance = np.asarray(samples.values, np.float32), np.asarray(samples.variance, np.float32)
    _check_shapes(rows=rows, columns=columns, values=values, variance=variance, shape=shape, elements=elements)
    if samples.ends is not None and samples.ends.shape != (len(rows), 4):
        raise UsageError(
            f"{len(rows)} samples and ends of shape {samples.ends.shape}: give row and column of both ends of each"
        )
    return Samples(rows, columns, values, variance, samples.ends)


def _check_shapes(
    *,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
    variance: NDArray[np.float32],
    shape: tuple[int, int],
    elements: tuple[str, ...],
) -> None:
    if min(shape) < 1:
        raise UsageError(f"a grid of {shape} has no cells: give at least one row and one column")
    if values.ndim != 2 or values.shape != variance.shape or rows.shape != columns.shape or rows.ndim != 1:
        raise UsageError(
            "samples do not fit together: rows and columns are (n,), values and variance (n, elements); "
            f"got {rows.shape}, {columns.shape}, {values.shape}, {variance.shape}"
        )
    if len(rows) != len(values):
        raise UsageError(f"{len(rows)} cells but {len(values)} values: give one row of values for each sample")
    if values.shape[1] != len(elements):
        raise UsageError(f"samples hold {values.shape[1]} elements but {len(elements)} names were given: name each one")
    if len(rows) == 0:
        raise UsageError("no samples to reconstruct from: measure at least one cell first")


def _merge(
    values: NDArray[np.float32], variance: NDArray[np.float32], count: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One value and variance per cell and element from exposures, (n, elements), of which `count` belong to each."""
    first = np.cumsum(count) - count
    known = np.minimum.reduceat(variance, first, axis=0) > 0
    weight = np.where(np.repeat(known, count, axis=0), 1 / np.where(variance > 0, variance, 1), 1)
    total = np.add.reduceat(weight, first, axis=0, dtype=np.float64)
    mean = np.add.reduceat(weight * values, first, axis=0, dtype=np.float64) / total
    plain = np.add.reduceat(variance, first, axis=0, dtype=np.float64) / np.square(count)[:, None]
    return mean.astype(np.float32), np.where(known, 1 / total, plain).astype(np.float32)
