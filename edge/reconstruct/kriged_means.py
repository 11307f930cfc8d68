"""Kriging of means over several cells, as strokes and coarse exposures measure them.

Each mean stands for the value at its centroid first, which may lie between cells. What the maps made so have as means
is held against what was measured, and the means are corrected by the difference, twice: a detail that a mean has
blunted comes back, and more rounds bring more noise than detail (P. H. van Cittert, 1931; M. Irani and S. Peleg,
"Improving resolution by image registration", 1991, for images). Kriging and what it learns stay as they are.

The law that means teach is smoother than that of cells. What varies below a mean is made good for in the standard
error: a law of cells is looked for whose means would follow the one that was learned (P. Goovaerts, "Kriging and
semivariogram deconvolution in the presence of irregular geographical units", 2008), and its variance within an exposure
is added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged
from edge.reconstruct.covariance import Covariance, Learned
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.kriging import estimated_everywhere, learn_parameters, left_out_of, remarks_of
from edge.reconstruct.normalised import Scale
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.reconstruction import Reconstruction

Floats = NDArray[np.float32]

ROUNDS = 2
"""Of correction: on maps by others, the second adds 0.1 to 0.2 dB, and a third takes some of it again."""
REMARK = (
    "Means along several cells were taken for what they are: the maps have the means that were measured, nearly, and "
    "the standard error holds what such a mean cannot tell."
)
_FACTORS = np.geomspace(0.2, 2.0, 31)
"""By which the reach of cells is tried, relative to that of means."""


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """What one exposure sees, about its middle."""

    offsets: NDArray[np.float64]
    """Rows and columns of its cells, shape (cells, 2)."""
    weights: NDArray[np.float64]
    """Their shares, shape (cells,)."""

    def alike(self, law: Covariance, shift: float) -> float:
        """Mean correlation of this footprint with itself, moved by so many cells along rows, or along columns."""
        total = 0.0
        for moved in ((shift, 0.0), (0.0, shift)):
            apart = self.offsets[:, None] - self.offsets[None] - np.array(moved)
            total += float(self.weights @ _correlation(np.hypot(apart[:, :, 0], apart[:, :, 1]), law) @ self.weights)
        return total / 2


def kriging_of_means(cells: MeasuredCells, photograph: Photograph | None) -> Reconstruction:
    """Maps and standard error from means over the cells that ``cells.operator`` names.

    Cells that were measured by themselves show their values, with the standard error of counting; all others are
    inferred.
    """
    operator, (middles, slot) = cells.seen_by(), at_centroids(cells)
    learned, values = learn_parameters(middles, photograph), middles.values
    counted = np.maximum(np.bincount(slot, minlength=len(middles)), 1)[:, None]
    maps, error = estimated_everywhere(middles, learned, photograph)
    for _ in range(ROUNDS):
        miss = cells.values - operator.seen(maps)
        # an element that is within its counting error has nothing more to tell
        miss[:, np.square(miss).mean(axis=0) <= cells.variance.mean(axis=0)] = 0
        if not miss.any():
            break
        summed = np.zeros_like(values)
        np.add.at(summed, slot, miss)
        values = (values + summed / counted).astype(np.float32)
        maps, error = estimated_everywhere(replace(middles, values=values), learned, photograph)
    error = np.sqrt(np.square(error) + _below_means(cells, middles, operator, learned)).astype(np.float32)
    alone = cells.alone
    maps[cells.rows[alone], cells.columns[alone]] = cells.values[alone]
    error[cells.rows[alone], cells.columns[alone]] = np.sqrt(cells.variance[alone])
    remarks = (REMARK, *remarks_of(learned, photograph, cells.names))
    return Reconstruction(maps, error, left_out_of(learned, middles), remarks)


def at_centroids(cells: MeasuredCells) -> tuple[MeasuredCells, NDArray[np.intp]]:
    """Means that are counted for one cell as one, and which of them each exposure belongs to, shape (exposures,).

    They lie where what they saw lies on the average, see `MeasuredCells.places`.
    """
    samples = Samples(cells.rows, cells.columns, cells.values, cells.variance)
    middles = merged(samples, cells.shape, cells.names, cells.live_s)
    places = np.full(cells.shape, -1, np.intp)
    places[middles.rows, middles.columns] = np.arange(len(middles))
    slot = places[cells.rows, cells.columns]
    return middles if cells.operator is None else replace(middles, operator=cells.operator.pooled(slot)), slot


def _below_means(
    cells: MeasuredCells, middles: MeasuredCells, operator: ExposureOperator, learned: Learned
) -> NDArray[np.float64]:
    """Variance of cells within an exposure, shape (elements,), in the square of the maps' unit."""
    footprint, apart = _usual_footprint(cells, operator), _apart(middles)
    within = np.zeros(cells.elements)
    for group in learned.groups:
        within[group.elements] = lost_variance(group.covariance, footprint, apart) * learned.sill[group.elements]
    return np.asarray(within * np.square(Scale.of(middles).divisor()), np.float64)


def lost_variance(law: Covariance, footprint: Footprint, apart: float) -> float:
    """Variance within a footprint, in units of the sill of means that follow the law.

    Of all reaches tried, and a sill for each by least squares, that one is taken whose means follow the law most
    closely at the distances 0, once and twice the usual distance of two means; its colour is not looked at.
    """
    lags = (0.0, apart, 2 * apart)
    wanted = _correlation(np.array(lags), law)
    best = (np.inf, 0.0)
    for factor in _FACTORS:
        tried = replace(law, reach=law.reach * float(factor))
        means = np.array([footprint.alike(tried, lag) for lag in lags])
        sill = float(means @ wanted / (means @ means))
        off = float(np.square(sill * means - wanted).sum())
        best = min(best, (off, sill * (1 - float(means[0]))))
    return max(best[1], 0.0)


def _correlation(distance: NDArray[np.float64], law: Covariance) -> NDArray[np.float64]:
    """`Covariance` between places of one colour."""
    blind = 1 / np.sqrt(1 + np.square(distance / law.reach))
    return np.asarray((1 - law.share) * blind + law.share / (1 + distance / law.colour_reach), np.float64)


def _usual_footprint(cells: MeasuredCells, operator: ExposureOperator) -> Footprint:
    """That of an exposure of the middling number of cells."""
    lengths = np.diff(operator.first)
    one = int(np.argsort(lengths, kind="stable")[len(lengths) // 2])
    entries = slice(operator.first[one], operator.first[one + 1])
    offsets = np.column_stack(np.divmod(operator.cell[entries], cells.shape[1])).astype(np.float64)
    weights = operator.weight[entries].astype(np.float64)
    return Footprint(offsets - weights @ offsets / weights.sum(), weights / weights.sum())


def _apart(middles: MeasuredCells) -> float:
    """The usual distance of a middle from the nearest other one, in cells; of a single one, 1."""
    from scipy.spatial import KDTree

    if len(middles) < 2:
        return 1.0
    places = np.column_stack(middles.places())
    return float(np.median(KDTree(places).query(places, k=2)[0][:, 1]))
