"""Simple rivals: the nearest sample, and linear interpolation in triangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError, cKDTree

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.reconstruction import Reconstruction

_Interpolator: TypeAlias = Callable[[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]], NDArray[np.float32]]
"""Values at wanted points (k, 2) from values at points (n, 2)."""
_IN_A_TRIANGLE = 0.5
"""Mean over a triangle of the squared weights of its corners, added up."""


def nearest(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Each cell takes the value of the nearest measured one."""
    del rgb
    return _with_standard_error(cells, _nearest, noise_share=1)


def linear(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Linear interpolation in a Delaunay triangulation; outside its hull, the nearest sample."""
    del rgb
    return _with_standard_error(cells, _linear, noise_share=_IN_A_TRIANGLE)


def _nearest(points: NDArray[np.intp], values: NDArray[np.float32], wanted: NDArray[np.intp]) -> NDArray[np.float32]:
    estimate: NDArray[np.float32] = values[cKDTree(points).query(wanted)[1]]
    return estimate


def _linear(points: NDArray[np.intp], values: NDArray[np.float32], wanted: NDArray[np.intp]) -> NDArray[np.float32]:
    try:
        estimate: NDArray[np.float32] = LinearNDInterpolator(points, values)(wanted).astype(np.float32)
    except (QhullError, ValueError):
        return _nearest(points, values, wanted)
    outside = np.isnan(estimate[:, 0])
    if outside.any():
        estimate[outside] = _nearest(points, values, wanted[outside])
    return estimate


def _with_standard_error(cells: MeasuredCells, interpolate: _Interpolator, *, noise_share: float) -> Reconstruction:
    """Maps, and a standard error scaled by the errors at some samples when those are held out."""
    points = np.column_stack([cells.rows, cells.columns])
    everywhere = np.indices(cells.shape).reshape(2, -1).T
    maps = interpolate(points, cells.values, everywhere).reshape(*cells.shape, cells.elements)
    maps[cells.rows, cells.columns] = cells.values
    held = held_out(len(cells))
    residual = np.zeros((0, cells.elements), np.float32)
    if len(held):
        kept = np.setdiff1d(np.arange(len(cells)), held)
        residual = cells.values[held] - interpolate(points[kept], cells.values[kept], points[held])
    return Reconstruction(maps, *distance_standard_error(cells, held, residual, noise_share=noise_share))
