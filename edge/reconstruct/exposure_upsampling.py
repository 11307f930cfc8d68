"""What exposures measured, brought to every cell: bilinear between the middles of what they saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import ExposureOperator

Floats = NDArray[np.float32]

_LEAST_FULL = 0.6
"""Of a raster's places, that are measured."""
_SAME_PLACE = 1e-3
"""Cells; middles nearer than this lie in one row or column of a raster."""


def bilinear(operator: ExposureOperator, values: Floats) -> Floats:
    """Values of a raster of exposures at every cell, (rows, columns, channels), level beyond its outermost ones.

    This is the Y of the papers' input X: bilinear where the middles form a raster, of which a few may be missing;
    where they don't, linear in triangles, and beyond these the nearest.
    """
    places = operator.centroids()
    axes = raster(places)
    if axes is None:
        return _in_triangles(operator.shape, places, values)
    rows, columns, order = axes
    coarse = on_raster(values, order)
    down = _along(rows, operator.shape[0], coarse)
    return np.ascontiguousarray(_along(columns, operator.shape[1], down.transpose(1, 0, 2)).transpose(1, 0, 2))


def raster(
    places: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]] | None:
    """Rows and columns of a raster, and which exposure is at each of its places, -1 where none is, (rows, columns).

    None where they form none: where most places would be empty, or one would hold two exposures.
    """
    grid = np.rint(places / _SAME_PLACE).astype(np.int64)
    rows, row_of = np.unique(grid[:, 0], return_inverse=True)
    columns, column_of = np.unique(grid[:, 1], return_inverse=True)
    if not _LEAST_FULL * len(rows) * len(columns) <= len(places) <= len(rows) * len(columns):
        return None
    order = np.full((len(rows), len(columns)), -1, np.intp)
    order[row_of.ravel(), column_of.ravel()] = np.arange(len(places))
    if (order >= 0).sum() != len(places):
        return None
    return np.float64(_SAME_PLACE) * rows, np.float64(_SAME_PLACE) * columns, order


def on_raster(values: Floats, order: NDArray[np.intp]) -> Floats:
    """Values of exposures at the places of a raster, what is missing as the mean of the places around."""
    from cv2 import BORDER_CONSTANT, boxFilter

    is_known = order >= 0
    found: Floats = np.where(is_known[:, :, None], values[order], np.float32(0))
    while not is_known.all():
        around = np.asarray(boxFilter(is_known.astype(np.float32), -1, (3, 3), borderType=BORDER_CONSTANT))
        reached = ~is_known & (around > 0)
        for channel in range(found.shape[2]):
            plane = np.ascontiguousarray(found[:, :, channel])
            mean = np.asarray(boxFilter(plane, -1, (3, 3), borderType=BORDER_CONSTANT))
            found[:, :, channel][reached] = mean[reached] / around[reached]
        is_known |= reached
    return found


def _along(places: NDArray[np.float64], length: int, values: Floats) -> Floats:
    """Linear between places along the first axis, at 0 to length - 1."""
    at = np.clip(np.arange(length), places[0], places[-1])
    after = np.clip(np.searchsorted(places, at), 1, max(len(places) - 1, 1))
    if len(places) == 1:
        return np.repeat(values, length, axis=0)
    share = ((at - places[after - 1]) / (places[after] - places[after - 1])).astype(np.float32)[:, None, None]
    between: Floats = values[after - 1] * (1 - share) + values[after] * share
    return between


def _in_triangles(shape: tuple[int, int], places: NDArray[np.float64], values: Floats) -> Floats:
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import QhullError, cKDTree

    everywhere = np.indices(shape).reshape(2, -1).T
    nearest: Floats = values[cKDTree(places).query(everywhere)[1]]
    try:
        found = LinearNDInterpolator(places, values)(everywhere).astype(np.float32)
    except (QhullError, ValueError):
        found = nearest
    found = np.where(np.isnan(found), nearest, found)
    return found.reshape(*shape, values.shape[1])
