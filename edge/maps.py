"""What the operator came for: element maps with their standard error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Measured element values at cells of the scan grid: what a reconstruction starts from.

    Cells may repeat; a reconstruction merges them by inverse variance.
    """

    rows: NDArray[np.intp]
    """Shape (n,)."""
    columns: NDArray[np.intp]
    """Shape (n,)."""
    values: NDArray[np.float32]
    """Shape (n, elements), counts per second of live time (or any linear unit)."""
    variance: NDArray[np.float32]
    """Variance of each value from counting, shape (n, elements); zeros where unknown."""

    @property
    def elements(self) -> int:
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def picked(self, which: NDArray[np.bool_]) -> Samples:
        """Those of them that are marked, shape (n,)."""
        return Samples(self.rows[which], self.columns[which], self.values[which], self.variance[which])


def by_live_time(
    samples: Samples, live_s: NDArray[np.floating], shape: tuple[int, int]
) -> tuple[Samples, NDArray[np.float64]]:
    """Samples in which each cell occurs once, in row-major order, and the live time behind each.

    Exposures of one cell count by their live time, as if all their photons had come in one: weights by inverse variance
    would prefer those that happened to count less.

    Parameters
    ----------
    live_s
        Of each sample, above 0, shape (n,).
    shape
        Rows and columns of the grid.
    """
    cell, which = np.unique(samples.rows * shape[1] + samples.columns, return_inverse=True)
    weight = np.asarray(live_s, np.float64)
    total = np.asarray(np.bincount(which, weight, len(cell)), np.float64)
    if len(cell) == len(samples):
        order = np.argsort(which)
        values, variance = samples.values[order], samples.variance[order]
    else:
        values, variance = (np.empty((len(cell), samples.elements), np.float32) for _ in range(2))
        for element in range(samples.elements):
            values[:, element] = np.bincount(which, weight * samples.values[:, element], len(cell)) / total
            variance[:, element] = np.bincount(which, weight**2 * samples.variance[:, element], len(cell)) / total**2
    return Samples(cell // shape[1], cell % shape[1], values, variance), total


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
    """Cells that hold at least one exposure, shape (rows, columns); the rest is inferred."""
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
