"""A plain standard error: it grows with the square root of the distance to the nearest measured cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.compiled import compiled
from edge.reconstruct.reconstruction import held_against, quantile_of_columns

Floats = NDArray[np.float32]

_ONE_STANDARD_ERROR = 0.6827
_LEAST = 0.1
"""The error's scale is never less than this part of the held-out errors' root mean square."""
_UNSEEN = 0.01
"""Nor less than this part of an element's standard deviation: a few bright cells may all escape the held-out ones."""


def held_out(count: int) -> NDArray[np.intp]:
    """Indices of the samples to hold out: a tenth, but 300 where that is at most a third."""
    return np.random.default_rng(0).permutation(count)[: max(count // 10, min(300, count // 3))]


def distance_standard_error(
    cells: MeasuredCells, held: NDArray[np.intp], residual: Floats, *, noise_share: float
) -> tuple[Floats, LeftOut | None]:
    """Standard error of interpolated maps, scaled by errors at samples that were held out.

    The error's variance is s² d + c v: d the distance to the nearest sample, as for a surface with a linear
    variogram, v that sample's counting variance and c the share of it that the interpolation hands on. The scale s of
    each element is such that 68 % of the held-out errors lie within one standard error, their own counting error
    included. A measured cell carries its counting error only.

    Parameters
    ----------
    held
        Indices of the samples that were held out, shape (k,); may be empty, as with one sample.
    residual
        Their errors, shape (k, elements).
    noise_share
        c, 1 where an inferred cell copies a sample.

    Returns
    -------
    standard_error
        Shape (rows, columns, elements).
    left_out
        How the held-out errors compare with it; None without any. The scale was set by the same errors.
    """
    spread = cells.values.std(axis=0) if len(cells) > 1 else np.abs(cells.values[0])
    scale, left_out = spread.astype(np.float32), None
    if len(held):
        kept = np.ones(len(cells), np.bool_)
        kept[held] = False
        distance, nearest = _nearest_sample(cells, np.flatnonzero(kept))
        place = cells.rows[held], cells.columns[held]
        reach, noise = distance[place][:, None], noise_share * cells.variance[nearest[place]] + cells.variance[held]
        scale = np.sqrt(error_growth(residual, reach, noise, spread))
        left_out = held_against(residual, np.sqrt(np.square(scale) * reach + noise).astype(np.float32))
    distance, nearest = _nearest_sample(cells, np.arange(len(cells)))
    error = np.empty((*cells.shape, cells.elements), np.float32)
    _grow(distance, nearest, np.square(scale), np.float32(noise_share) * cells.variance, error)
    error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    return error, left_out


def error_growth(residual: Floats, reach: Floats, noise: Floats, spread: Floats) -> Floats:
    """s² of each element, such that 68 % of the errors lie within the root of s² times the reach plus their noise.

    Parameters
    ----------
    residual, noise
        Held-out errors, and the counting variance in them, shape (k, elements).
    reach
        Shape (k, 1), above 0.
    spread
        Standard deviation of the samples, shape (elements,).
    """
    excess = quantile_of_columns((np.square(residual) - noise) / reach, _ONE_STANDARD_ERROR)
    least = np.maximum(_LEAST * np.sqrt((np.square(residual) / reach).mean(axis=0)), _UNSEEN * spread)
    growth: Floats = np.maximum(excess, np.square(least)).astype(np.float32)
    return growth


def _nearest_sample(cells: MeasuredCells, kept: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """Distance in cells from every cell to the nearest kept sample, and that sample's index, (rows, columns) each."""
    import cv2

    away = np.ones(cells.shape, np.uint8)
    rows, columns = cells.rows[kept], cells.columns[kept]
    away[rows, columns] = 0
    distance, label = cv2.distanceTransformWithLabels(
        away, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(len(kept) + 1, np.intp)
    label = np.asarray(label).reshape(cells.shape)
    of_label[label[rows, columns]] = kept
    return np.asarray(distance, np.float32).reshape(cells.shape), of_label[label]


@compiled
def _grow(distance: Floats, nearest: NDArray[np.intp], growth: Floats, variance: Floats, error: Floats) -> None:
    """Root of `growth` times distance plus the nearest sample's variance, written to `error`."""
    for i in range(error.shape[0]):
        for j in range(error.shape[1]):
            away, sample = distance[i, j], nearest[i, j]
            for e in range(error.shape[2]):
                error[i, j, e] = np.sqrt(growth[e] * away + variance[sample, e])
