"""What exposures measured, brought to every cell: bilinear between the middles of what they saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import ExposureOperator

Floats = NDArray[np.float32]

_SAME_PLACE = 1e-3
"""Cells; middles nearer than this lie in one row or column of a raster."""


def middles(operator: ExposureOperator) -> NDArray[np.float64]:
    """Row and column of the middle of what each exposure saw, shape (exposures, 2)."""
    row, column = np.divmod(operator.cell, operator.shape[1])
    starts, weight = operator.first[:-1], operator.weight.astype(np.float64)
    total = np.add.reduceat(weight, starts)
    return np.stack([np.add.reduceat(weight * place, starts) / total for place in (row, column)], axis=1)


def bilinear(operator: ExposureOperator, values: Floats) -> Floats:
    """Values of a raster of exposures at every cell, (rows, columns, channels), level beyond its outermost ones.

    This is the Y of the papers' input X: bilinear where the middles form a raster; where they don't, linear in
    triangles, and beyond these the nearest.
    """
    places = middles(operator)
    axes = _raster(places)
    if axes is None:
        return _in_triangles(operator.shape, places, values)
    rows, columns, order = axes
    coarse = values[order].reshape(len(rows), len(columns), -1)
    down = _along(rows, operator.shape[0], coarse)
    return np.ascontiguousarray(_along(columns, operator.shape[1], down.transpose(1, 0, 2)).transpose(1, 0, 2))


def _raster(
    places: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]] | None:
    """Rows and columns of a raster, and which exposure is at each of its places; None where they form none."""
    grid = np.rint(places / _SAME_PLACE).astype(np.int64)
    rows, row_of = np.unique(grid[:, 0], return_inverse=True)
    columns, column_of = np.unique(grid[:, 1], return_inverse=True)
    if len(rows) * len(columns) != len(places):
        return None
    order = np.full(len(places), -1, np.intp)
    order[row_of.ravel() * len(columns) + column_of.ravel()] = np.arange(len(places))
    if (order < 0).any():
        return None
    return np.float64(_SAME_PLACE) * rows, np.float64(_SAME_PLACE) * columns, order


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
