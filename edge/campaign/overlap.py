"""What two placements say of the cells that both have visited: their ratio of intensity, and whether they lie alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.lowest_point import FARTHEST_CELLS, NoOffset, Offset, blocks_of, lowest

Doubles = NDArray[np.float64]

LEAST_CELLS = 12
"""Cells that two placements must share to be compared."""
_SEEN = 5.0
"""Standard errors that an element's sum must have in both to count."""
_UNLIKELY = 1e-4
"""Chance below which elements, or ways round, are said to disagree."""
_TOLERATED = 0.03
"""Relative scatter of the elements' ratios that no scan is refused for."""
_BLOCK_CELLS = 8.0
_NEAR_CELLS = 6.0
"""Samples of the one placement so near to those of the other are predicted from them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two placements by the cells that both have visited."""

    first: int
    second: int
    cells: int
    log_ratio: float
    """Natural logarithm of the second's intensity over the first's."""
    deviation: float
    """Its standard error."""
    elements_chance: float
    """How often elements would differ so much if all had the same ratio, in [0, 1]."""
    elements_scatter: float
    """Root mean square of the logarithms of the elements' ratios about the common one, beyond what errors explain."""
    offset: Offset | NoOffset
    """How far the second lies from where the first says, in cells."""

    @property
    def elements_disagree(self) -> bool:
        return self.elements_chance < _UNLIKELY and self.elements_scatter > _TOLERATED


def compare(
    placements: Sequence[MeasuredCells], first: int, second: int, rgb: NDArray[np.float32]
) -> Comparison | None:
    """Compare two placements on one grid; None where they share too few cells.

    Parameters
    ----------
    rgb
        Photograph of the whole on that grid, in [0, 1].
    """
    one, other = placements[first], placements[second]
    ours, theirs = _common(one, other)
    if len(ours) < LEAST_CELLS:
        return None
    ratio, deviation, chance, scatter = _ratio(one.values[ours], other.values[theirs], other.variance[theirs])
    return Comparison(
        first=first,
        second=second,
        cells=len(ours),
        log_ratio=ratio,
        deviation=deviation,
        elements_chance=chance,
        elements_scatter=scatter,
        offset=_offset(one, other, math.exp(ratio), rgb),
    )


def _common(one: MeasuredCells, other: MeasuredCells) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    width = one.shape[1]
    _, ours, theirs = np.intersect1d(
        one.rows * width + one.columns, other.rows * width + other.columns, assume_unique=True, return_indices=True
    )
    return ours, theirs


def _ratio(
    one: NDArray[np.float32], other: NDArray[np.float32], variance: NDArray[np.float32]
) -> tuple[float, float, float, float]:
    """Common logarithm of the ratio, its error, and chance and scatter of the elements' differences.

    An element's ratio is that of its sums: unlike a regression's slope, it is not drawn towards zero by noise in what
    it divides by. Errors are those of a jackknife over cells, which knows counting and cells that are not quite the
    same.
    """
    from scipy.stats import chi2

    sums, others = one.sum(axis=0, dtype=float), other.sum(axis=0, dtype=float)
    error = np.sqrt(variance.sum(axis=0, dtype=float))
    alive = (sums > 0) & (others > _SEEN * np.maximum(error, 1e-12))
    if not alive.any():
        return 0.0, math.inf, 1.0, 0.0
    a, b = one[:, alive].astype(float), other[:, alive].astype(float)
    logs = np.log(others[alive] / sums[alive])
    without = np.log(np.maximum((b.sum(axis=0) - b) / np.maximum(a.sum(axis=0) - a, 1e-12), 1e-12))
    count = len(a)
    spread = (without - without.mean(axis=0)) * math.sqrt((count - 1) / count)
    errors = np.maximum(np.sqrt(np.square(spread).sum(axis=0)), 1e-6)
    weight = 1 / np.square(errors)
    common = float(weight @ logs / weight.sum())
    deviation = float(np.sqrt(np.square(spread @ weight / weight.sum()).sum()))
    if len(logs) == 1:
        return common, deviation, 1.0, 0.0
    square = float(np.square((logs - common) / errors).sum())
    scatter = math.sqrt(max(float(np.mean(np.square(logs - common) - np.square(errors))), 0.0))
    return common, deviation, float(chi2.sf(square, len(logs) - 1)), scatter


def _offset(one: MeasuredCells, other: MeasuredCells, ratio: float, rgb: NDArray[np.float32]) -> Offset | NoOffset:
    """How far the other placement's samples lie from where maps of the one's samples show the same."""
    from scipy.ndimage import map_coordinates, spline_filter
    from scipy.spatial import cKDTree

    from edge.reconstruct.kriging import kriging

    places = np.column_stack([other.rows, other.columns])
    distance = cKDTree(np.column_stack([one.rows, one.columns])).query(places)[0]
    near = np.flatnonzero(distance <= _NEAR_CELLS)
    maps = kriging(one, rgb).maps
    alive = np.flatnonzero((one.values.std(axis=0) > 0) & (other.values[near].std(axis=0) > 0))
    splines = [spline_filter(maps[:, :, e], order=3, output=np.float64, mode="nearest") for e in alive]
    measured = other.values[np.ix_(near, alive)].astype(float) / ratio

    def squares(at: Doubles) -> Doubles:
        where = (places[near] + at).T
        predicted = [map_coordinates(spline, where, order=3, mode="nearest", prefilter=False) for spline in splines]
        return np.asarray(np.square(measured - np.stack(predicted, axis=1)))

    if not len(alive):
        return NoOffset("no element varies in what both have visited")
    ways = np.arange(-FARTHEST_CELLS, FARTHEST_CELLS + 1)
    scale = np.maximum(squares(np.zeros(2)).mean(axis=0), 1e-30)
    start = min(
        (np.array([down, right]) for down in ways for right in ways), key=lambda at: float((squares(at) / scale).mean())
    )
    blocks = blocks_of(other.rows[near], other.columns[near], _BLOCK_CELLS)
    return lowest(squares, start, blocks, len(near))


def factors_of(count: int, comparisons: Sequence[Comparison]) -> tuple[Doubles, Doubles] | None:
    """Intensity of each placement against the first, and its standard error; None where they don't hang together.

    The logarithms' weighted least squares over all comparisons.
    """
    if count == 1:
        return np.ones(1), np.zeros(1)
    rows = np.zeros((len(comparisons), count))
    for index, pair in enumerate(comparisons):
        rows[index, pair.second], rows[index, pair.first] = 1.0, -1.0
    weight = np.array([1 / max(pair.deviation, 1e-6) ** 2 for pair in comparisons])
    normal = (rows.T * weight) @ rows
    inner = normal[1:, 1:]
    if not len(comparisons) or np.linalg.matrix_rank(inner) < count - 1:
        return None
    inverse = np.linalg.inv(inner)
    logs = inverse @ ((rows.T * weight) @ [pair.log_ratio for pair in comparisons])[1:]
    factors = np.exp(np.concatenate([[0.0], logs]))
    return factors, factors * np.concatenate([[0.0], np.sqrt(np.diag(inverse))])


def ways_disagree(factors: Doubles, comparisons: Sequence[Comparison]) -> float:
    """How often ratios found along different ways would differ so much by chance; 1 where there is one way only."""
    from scipy.stats import chi2

    logs = np.log(factors)
    free = len(comparisons) - (len(factors) - 1)
    if free <= 0:
        return 1.0
    off = [
        (pair.log_ratio - (logs[pair.second] - logs[pair.first])) / max(pair.deviation, 1e-6) for pair in comparisons
    ]
    return float(chi2.sf(float(np.square(off).sum()), free))


def refusal(names: Sequence[str], comparisons: Sequence[Comparison], factors: Doubles, pitch_mm: float) -> str | None:
    """Why placements cannot be joined, one sentence; None where they agree."""
    for pair in comparisons:
        between = f"the placements {names[pair.first]!r} and {names[pair.second]!r}"
        # Ratios first: where maps run smoothly, elements that differ in them pass for a motion.
        if pair.elements_disagree:
            return (
                f"{between} measured the same {pair.cells} cells with ratios that differ from element to element by "
                f"{100 * pair.elements_scatter:.0f} %: check tube voltage, filter and distance, and scan one again"
            )
        offset = pair.offset
        if offset and offset.is_significant and math.hypot(offset.down, offset.right) > 0.5:
            return (
                f"{between} lie {math.hypot(offset.down, offset.right) * pitch_mm:.2f} mm from each other in the cells "
                "that both have visited, more than half a cell: check their markers, and whether the object moved"
            )
    if ways_disagree(factors, comparisons) < _UNLIKELY:
        return (
            "the placements' intensities contradict each other by more than their errors: check tube current and "
            "distance of each, and scan one again"
        )
    return None
