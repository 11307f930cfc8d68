"""What the operator came for: element maps with their standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Measured element values at cells of the scan grid: what a reconstruction starts from.

    Cells may repeat; a reconstruction merges those that saw the same, by inverse variance.
    """

    rows: NDArray[np.intp]
    """Shape (n,)."""
    columns: NDArray[np.intp]
    """Shape (n,)."""
    values: NDArray[np.float32]
    """Shape (n, elements), counts per second of live time (or any linear unit)."""
    variance: NDArray[np.float32]
    """Variance of each value from counting, shape (n, elements); zeros where unknown."""
    ends: NDArray[np.float32] | None = None
    """Row and column where each exposure began and where it ended, shape (n, 4), in cells: (2, 5) is the middle of the
    cell in row 2 and column 5, and who begins and ends there saw that cell. A value is the mean along the way between.
    None: each exposure saw its own cell alone."""

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Self:
        """Several together, in their order; at least one."""
        rows, columns, values, variance = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("rows", "columns", "values", "variance")
        )
        if all(part.ends is None for part in parts):
            return cls(rows, columns, values, variance)
        return cls(rows, columns, values, variance, np.concatenate([part.ends_of_all() for part in parts]))

    def ends_of_all(self) -> NDArray[np.float32]:
        """`ends`, also where each exposure saw its own cell alone."""
        if self.ends is not None:
            return self.ends
        own = np.column_stack([self.rows, self.columns])
        return np.hstack([own, own]).astype(np.float32)

    @property
    def elements(self) -> int:
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def picked(self, which: NDArray[np.bool_] | np.bool_ | NDArray[np.intp]) -> Self:
        """Those of them that are marked, shape (n,), or those of these indices."""
        ends = None if self.ends is None else self.ends[which]
        return type(self)(self.rows[which], self.columns[which], self.values[which], self.variance[which], ends)

    def sights(self, shape: tuple[int, int]) -> NDArray[np.intp]:
        """A number for what each exposure saw of a grid, shape (n,): equal where they saw the same, and in the order of
        rows."""
        cell = np.asarray(self.rows * shape[1] + self.columns, np.intp)
        if self.ends is None:
            return cell
        seen = np.column_stack([cell, self.ends.astype(np.float64)])
        return np.unique(seen, axis=0, return_inverse=True)[1].astype(np.intp).reshape(-1)


def by_live_time(
    samples: Samples, live_s: NDArray[np.floating], shape: tuple[int, int]
) -> tuple[Samples, NDArray[np.float64]]:
    """Samples in which each cell, or mean of cells, occurs once, in row-major order, and the live time behind each.

    Exposures that saw the same count by their live time, as if all their photons had come in one: weights by inverse
    variance would prefer those that happened to count less.

    Parameters
    ----------
    live_s
        Of each sample, above 0, shape (n,).
    shape
        Rows and columns of the grid.
    """
    _, first, which = np.unique(samples.sights(shape), return_index=True, return_inverse=True)
    weight, once = np.asarray(live_s, np.float64), samples.picked(first)
    total = np.asarray(np.bincount(which, weight, len(once)), np.float64)
    if len(once) == len(samples):
        return once, total
    values, variance = (np.empty((len(once), samples.elements), np.float32) for _ in range(2))
    for element in range(samples.elements):
        values[:, element] = np.bincount(which, weight * samples.values[:, element], len(once)) / total
        variance[:, element] = np.bincount(which, weight**2 * samples.variance[:, element], len(once)) / total**2
    return replace(once, values=values, variance=variance), total


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """How well a method predicts measured cells from the others: its standard error held against what was measured.

    The standard error's scale is set by the same cells, to cover 68 % of them. So `within_one` departs from that only
    as far as counting noise and rare elements make it, and `within_two`, 0.95 for Gaussian errors, is the check: the
    errors of real maps have long tails, at the edges of what is painted.
    """

    exposures: int
    """Predictions of a measured cell without itself; kriging may predict one cell from several neighbourhoods."""
    rms: NDArray[np.float32]
    """Root mean square of predicted less measured, per element, in the samples' unit; holds the measurement's noise."""
    within_one: NDArray[np.float32]
    """Share of predictions within one standard error (the measurement's noise included), per element."""
    within_two: NDArray[np.float32]
    """Share within two."""


@dataclass(frozen=True, slots=True, eq=False)
class ElementMaps:
    """Full maps on the scan grid."""

    elements: tuple[str, ...]
    maps: NDArray[np.float32]
    """Shape (rows, columns, elements), in the samples' unit; read-only."""
    standard_error: NDArray[np.float32]
    """One standard deviation of the map's error, same shape and unit; read-only."""
    measured: NDArray[np.bool_]
    """Cells that at least one exposure saw by themselves, shape (rows, columns); the rest is inferred, cells of which
    only a mean was measured among it."""
    method: str
    left_out: LeftOut | None = None
    """The method's own check by leaving exposures out, where it has one."""
    remarks: tuple[str, ...] = ()
    """What the method decided by itself and a reader must know, one sentence each."""
    visible: NDArray[np.float32] | None = None
    """The part of the maps that the photograph's colours explain, same shape and unit; read-only. The rest is hidden.
    None where the maps were not split."""
    scanned: NDArray[np.bool_] | None = None
    """Cells that were to be scanned, shape (rows, columns), read-only: the maps are NaN elsewhere. None: all."""
    averaged: NDArray[np.bool_] | None = None
    """Cells that were measured together with others alone, in a mean over them, shape (rows, columns), read-only. None:
    there are none."""

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Cells that the beam was on while it counted, by themselves or along with others, shape (rows, columns)."""
        return self.measured if self.averaged is None else self.measured | self.averaged


def limited_to(maps: ElementMaps, scanned: NDArray[np.bool_]) -> ElementMaps:
    """The maps without any value where nothing was to be scanned: an estimate there would look like one that is meant.

    Parameters
    ----------
    scanned
        Shape (rows, columns).
    """
    if scanned.all():
        return maps
    shown = scanned | maps.measured

    def only(values: NDArray[np.float32]) -> NDArray[np.float32]:
        kept = np.where(shown[:, :, None], values, np.float32(np.nan))
        kept.flags.writeable = False
        return kept

    shown.flags.writeable = False
    return replace(
        maps,
        maps=only(maps.maps),
        standard_error=only(maps.standard_error),
        visible=None if maps.visible is None else only(maps.visible),
        scanned=shown,
    )
