"""What two recordings say of the same cells: intensities, and differences in standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.replay_against.placing import Placed, neighbours, overlap, warped
from edge.replay_against.reading import Reading
from edge.replaying.score import scale_of

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_BLOCK_CELLS = 8
"""Side of the blocks that a jackknife leaves out."""
_SURE = 0.05
"""Relative error of an element's ratio above which it has no say in the common one."""


@dataclass(frozen=True, slots=True)
class ElementDifference:
    """One element."""

    element: str
    mean: float
    """Of the first, over the common cells."""
    other_mean: float
    ratio: float
    """Of the sums, the other's over the first's; NaN where the first shows nothing."""
    ratio_error: float
    """Its standard error, by a jackknife over blocks of cells."""
    divided_by: float
    """What the other's map was divided by: the element's ratio, or the common factor where that is not sure."""
    correlation: float
    rmse: float
    """Root mean square of the other so divided less the first, relative to the first's 99.9th percentile."""
    rms_errors: float
    """Root mean square of that difference in standard errors of the two together; NaN where neither tells errors."""
    beyond_two: float
    """Share of cells that differ by more than two standard errors; 0.05 by chance."""
    beyond_three: float
    """By more than three; 0.003 by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """All common elements."""

    elements: tuple[ElementDifference, ...]
    factor: float
    """Intensity of the other over the first's, common to all elements."""
    factor_error: float
    both: NDArray[np.bool_]
    """Cells that both know, on the first's grid, shape (rows, columns)."""
    other_maps: Floats
    """The other's maps, each over `ElementDifference.divided_by`, on the first's grid, (rows, columns, elements)."""
    in_errors: Floats
    """Difference in standard errors, same shape; NaN where not both are known, or nobody tells errors."""


def differences(first: Reading, other: Reading, placed: Placed) -> Differences:
    """Hold two readings of the same elements against each other on the first's grid."""
    both = overlap(first, other, placed.other_from_first)
    values = warped(other.maps, placed.other_from_first, first.shape)
    variance = _warped_variance(other, placed.other_from_first, first.shape)
    ratios = [_ratio(first.maps[..., k], values[..., k], both) for k in range(len(first.elements))]
    factor, factor_error = _common(ratios)
    divisors = np.array([ratio if _is_sure(ratio, error) else factor for ratio, error in ratios], np.float32)
    scaled = (values / divisors).astype(np.float32)
    total = np.sqrt(first.variance + variance / divisors**2)
    has_errors = first.has_errors or other.has_errors
    with np.errstate(divide="ignore", invalid="ignore"):
        in_errors = np.where(both[..., None] & (total > 0), (scaled - first.maps) / total, np.nan).astype(np.float32)
    if not has_errors:
        in_errors[:] = np.nan
    scale = scale_of(first.maps[both].astype(np.float64))
    rows = tuple(
        _row(
            name,
            first.maps[..., k][both],
            scaled[..., k][both],
            in_errors[..., k][both],
            ratios[k],
            scale[k],
            divisors[k],
        )
        for k, name in enumerate(first.elements)
    )
    return Differences(rows, factor, factor_error, both, scaled, in_errors)


def _row(
    name: str,
    one: Floats,
    other: Floats,
    in_errors: Floats,
    ratio: tuple[float, float],
    scale: float,
    divided_by: float,
) -> ElementDifference:
    ours, theirs = one.astype(np.float64), other.astype(np.float64)
    told = in_errors[np.isfinite(in_errors)].astype(np.float64)
    spread = math.sqrt(float(ours.var() * theirs.var()))
    return ElementDifference(
        element=name,
        mean=float(ours.mean()),
        other_mean=float(theirs.mean() * divided_by),
        ratio=ratio[0],
        ratio_error=ratio[1],
        divided_by=float(divided_by),
        correlation=float(((ours - ours.mean()) * (theirs - theirs.mean())).mean()) / spread if spread > 0 else 0.0,
        rmse=float(np.sqrt(np.mean((theirs - ours) ** 2))) / scale,
        rms_errors=float(np.sqrt(np.mean(told**2))) if told.size else math.nan,
        beyond_two=float((np.abs(told) > 2).mean()) if told.size else math.nan,
        beyond_three=float((np.abs(told) > 3).mean()) if told.size else math.nan,
    )


def _warped_variance(other: Reading, other_from_first: Doubles, shape: tuple[int, int]) -> Floats:
    """Variance of bilinear values on the first's cells.

    Weights count squared where cells err by themselves, and as they are where neighbours err alike.
    """
    total = np.zeros((*shape, other.variance.shape[2]))
    for at, weight in neighbours(other_from_first, shape, other.shape):
        total += np.where(other.measured[at], weight**2, weight)[..., None] * other.variance[at]
    return total.astype(np.float32)


def _ratio(one: Floats, other: Floats, both: NDArray[np.bool_]) -> tuple[float, float]:
    """Ratio of sums, and its standard error by a jackknife over blocks: cells near each other err alike."""
    rows, columns = np.nonzero(both)
    block = (rows // _BLOCK_CELLS) * (both.shape[1] // _BLOCK_CELLS + 1) + columns // _BLOCK_CELLS
    _, which = np.unique(block, return_inverse=True)
    ours, theirs = (np.bincount(which, values[both].astype(np.float64)) for values in (one, other))
    whole, count = ours.sum(), len(ours)
    if not whole > 0 or count < 2:
        return math.nan, math.nan
    without = (theirs.sum() - theirs) / np.where(whole - ours > 0, whole - ours, np.nan)
    return float(theirs.sum() / whole), float(np.sqrt((count - 1) * np.nanvar(without)))


def _is_sure(ratio: float, error: float) -> bool:
    return ratio > 0 and error < _SURE * ratio


def _common(ratios: list[tuple[float, float]]) -> tuple[float, float]:
    """The ratio that elements which are sure of theirs share: a weighted mean of logarithms."""
    sure = [(ratio, error / ratio) for ratio, error in ratios if _is_sure(ratio, error)]
    if not sure:
        sure = [(ratio, error / ratio) for ratio, error in ratios if ratio > 0]
    if not sure:
        return 1.0, math.nan
    logs = np.log([ratio for ratio, _ in sure])
    weights = 1 / np.square(np.maximum([error for _, error in sure], 1e-4))
    mean = float((weights * logs).sum() / weights.sum())
    scatter = float((weights * (logs - mean) ** 2).sum() / weights.sum()) / max(len(sure) - 1, 1)
    return math.exp(mean), math.exp(mean) * math.sqrt(1 / float(weights.sum()) + scatter)
