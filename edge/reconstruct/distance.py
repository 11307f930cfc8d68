"""A plain standard error: it grows with the square root of the distance to the nearest measured cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells

_LEAST = 0.01
"""Smallest part of the held-out error's variance that is left when counting seems to explain all of it."""


def held_out(count: int) -> NDArray[np.intp]:
    """Indices of the samples to hold out: a tenth, but 300 where that is at most a third."""
    return np.random.default_rng(0).permutation(count)[: max(count // 10, min(300, count // 3))]


def distance_standard_error(
    cells: MeasuredCells, held: NDArray[np.intp], residual: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Standard error of interpolated maps, scaled by errors at samples that were held out.

    The error's variance is taken as proportional to the distance to the nearest sample, as for a surface with a
    linear variogram; its scale is the 68th percentile of the held-out errors over the root of their distances, so
    that one standard error covers 68 % of them; the counting error of the held-out samples themselves is taken off.
    A measured cell carries its counting error only.

    Parameters
    ----------
    held
        Indices of the samples that were held out, shape (k,); may be empty, as with one sample.
    residual
        Their errors, shape (k, elements).
    """
    import cv2

    away = np.ones(cells.shape, np.uint8)
    away[cells.rows, cells.columns] = 0
    distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_5)
    if len(held):
        open_cells = away.copy()
        open_cells[cells.rows[held], cells.columns[held]] = 1
        reach = cv2.distanceTransform(open_cells, cv2.DIST_L2, cv2.DIST_MASK_5)[cells.rows[held], cells.columns[held]]
        scale = np.quantile(np.abs(residual) / np.sqrt(reach)[:, None], 0.6827, axis=0)
        counting = (cells.variance[held] / reach[:, None]).mean(axis=0)
        scale = np.sqrt(np.maximum(scale**2 - counting, _LEAST * scale**2))
    else:
        scale = cells.values.std(axis=0) if len(cells) > 1 else np.abs(cells.values[0])
    error: NDArray[np.float32] = np.sqrt(distance)[:, :, None] * scale.astype(np.float32)
    error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    return error
