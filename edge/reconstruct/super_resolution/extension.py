"""A standard error for means over cells: how far a cell, or another mean, may be from the nearest mean that is known.

The extension variance of geostatistics (G. Matheron, "Principles of geostatistics", 1963) under a linear variogram
gamma(h) = h / 2: of a footprint B from another one B',

    2 gamma(B, B') - gamma(B, B) - gamma(B', B')        with the mean of gamma between their cells.

For single cells it is the distance between them, so that `edge.reconstruct.distance` is the case of points.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from edge.maps import LeftOut
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.compiled import compiled
from edge.reconstruct.distance import distance_standard_error, error_growth
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.reconstruction import held_against
from edge.reconstruct.super_resolution.coarser import Coarser, Solve, coarser

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_NOISE_SHARE = 0.3
"""Of a cell's counting variance in a cell between single ones: several are averaged. A mean's passes on whole to its
cells."""
_LEAST_REACH = 1e-3


def extension_standard_error(
    cells: MeasuredCells, rgb: Floats | None, held: Indices, residual: Floats, solve: Solve
) -> tuple[Floats, LeftOut | None]:
    """Standard error of maps from exposures of any kind.

    The error's variance is s² e + c v: e the extension variance from the mean that a cell belongs to, or the nearest
    one, v that mean's counting variance, c the share of it that is handed on. A cell that was measured by itself
    carries its counting error only. The scale s is such that 68 % of known errors lie within one standard error: where
    the exposures form a raster of means those of the same scan twice as coarse, else those of exposures held out.

    Parameters
    ----------
    held
        Indices of the exposures that were held out, shape (k,); may be empty.
    residual
        Their errors, shape (k, elements).
    solve
        The method whose error it is.

    Returns
    -------
    standard_error
        Shape (rows, columns, elements).
    left_out
        How the held-out errors compare with it; None without any.
    """
    if cells.alone.all():
        return distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE)
    operator, places = cells.seen_by(), cells.seen_by().centroids()
    spread = cells.values.std(axis=0) if len(cells) > 1 else np.abs(cells.values[0])
    growth, left_out = np.square(spread).astype(np.float32), None
    if (thought := coarser(cells, rgb)) is not None:
        growth = _growth_within(thought, spread, solve)
    if len(held):
        kept = np.delete(np.arange(len(cells)), held)
        nearest = kept[cKDTree(places[kept]).query(places[held])[1]]
        reach = _extension(operator, held, nearest)[:, None].astype(np.float32)
        noise = cells.variance[held] + _NOISE_SHARE * cells.variance[nearest]
        if thought is None:
            growth = error_growth(residual, reach, noise, spread)
        left_out = held_against(residual, np.sqrt(growth * reach + noise).astype(np.float32))
    known_by = _known_by(operator, places)
    variance = growth * _reach_of_cells(operator, known_by)[:, None] + cells.variance[known_by]
    error: Floats = np.sqrt(variance).astype(np.float32).reshape(*cells.shape, cells.elements)
    alone = cells.alone
    error[cells.rows[alone], cells.columns[alone]] = np.sqrt(cells.variance[alone])
    return error, left_out


def _growth_within(thought: Coarser, spread: Floats, solve: Solve) -> Floats:
    """s² of each element from errors at exposures within means of exposures."""
    cells = thought.cells
    residual = (solve(cells, thought.rgb) - thought.truth).reshape(-1, cells.elements)
    operator = cells.seen_by()
    known_by = _known_by(operator, operator.centroids())
    reach: Floats = (thought.pitch * _reach_of_cells(operator, known_by)).astype(np.float32)
    reach = np.maximum(reach, _LEAST_REACH)[:, None]
    return error_growth(residual, reach, cells.variance[known_by], spread)


def _reach_of_cells(operator: ExposureOperator, known_by: Indices) -> NDArray[np.float64]:
    """Extension variance of each cell from the exposure that it is known by, shape (cells,)."""
    away = from_cells(operator.first, operator.cell, operator.weight, known_by, operator.shape[1])
    inner = inner_means(operator.first, operator.cell, operator.weight, operator.shape[1])
    found: NDArray[np.float64] = np.maximum(2 * away - inner[known_by], 0)
    return found


def _extension(operator: ExposureOperator, one: Indices, other: Indices) -> NDArray[np.float64]:
    """Extension variance of exposures from others, shape (pairs,), above 0."""
    inner = inner_means(operator.first, operator.cell, operator.weight, operator.shape[1])
    between = between_means(operator.first, operator.cell, operator.weight, one, other, operator.shape[1])
    found: NDArray[np.float64] = np.maximum(2 * between - inner[one] - inner[other], _LEAST_REACH)
    return found


def _known_by(operator: ExposureOperator, places: NDArray[np.float64]) -> Indices:
    """The exposure that each cell belongs to, that of fewest cells; else the one with the nearest centre."""
    size = np.diff(operator.first)
    everywhere = np.indices(operator.shape).reshape(2, -1).T
    found: Indices = np.asarray(cKDTree(places).query(everywhere)[1], np.intp)
    # the smallest is written last
    order = np.argsort(-size, kind="stable")
    first = np.concatenate([[0], np.cumsum(size[order])])
    entries = np.arange(first[-1]) + np.repeat(operator.first[order] - first[:-1], size[order])
    found[operator.cell[entries]] = np.repeat(order, size[order])
    return found


@compiled
def _gamma(one: int, other: int, columns: int) -> float:
    down, right = one // columns - other // columns, one % columns - other % columns
    return 0.5 * math.sqrt(down * down + right * right)


@compiled
def inner_means(first: Indices, cell: Indices, weight: Floats, columns: int) -> NDArray[np.float64]:
    """Mean of gamma within each exposure, shape (exposures,)."""
    found = np.zeros(len(first) - 1)
    for i in range(len(found)):
        for one in range(first[i], first[i + 1]):
            for other in range(first[i], first[i + 1]):
                found[i] += weight[one] * weight[other] * _gamma(cell[one], cell[other], columns)
    return found


@compiled
def between_means(
    first: Indices, cell: Indices, weight: Floats, one: Indices, other: Indices, columns: int
) -> NDArray[np.float64]:
    """Mean of gamma between pairs of exposures, shape (pairs,)."""
    found = np.zeros(len(one))
    for i in range(len(one)):
        for a in range(first[one[i]], first[one[i] + 1]):
            for b in range(first[other[i]], first[other[i] + 1]):
                found[i] += weight[a] * weight[b] * _gamma(cell[a], cell[b], columns)
    return found


@compiled
def from_cells(first: Indices, cell: Indices, weight: Floats, known_by: Indices, columns: int) -> NDArray[np.float64]:
    """Mean of gamma between each cell and the exposure that it is known by, shape (cells,)."""
    found = np.zeros(len(known_by))
    for i in range(len(known_by)):
        for entry in range(first[known_by[i]], first[known_by[i] + 1]):
            found[i] += weight[entry] * _gamma(i, cell[entry], columns)
    return found
