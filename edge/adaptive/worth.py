"""What a measurement at each cell is worth, told from the maps so far alone.

Three signs of where a map is still wrong are multiplied, each of which misses something that the others see.
*Residuals* of measured cells against their neighbours show what sampling was too coarse for, but only where there is a
sample. The *gradient* of the maps shows where a small shift of an edge makes a large error. The *standard error* knows
how far neighbours reach and how much the map varies nearby. What is common to all of them, the distance to the nearest
sample, is left to whoever chooses cells.

A map's quality is told in decibels, in which every element counts by its error relative to its own: so residuals and
standard errors are taken relative to their mean over the map, element by element.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.compiled import compiled
from edge.reconstruct.covariance import Learned
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.normalised import Scale
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.residuals import residuals

_EDGE_BLUR = 0.7
"""Cells: what a map of sparse samples shows is no finer than that."""
_FLOOR = 0.3
"""Of the mean, added to gradient and residuals: calm places are never worth nothing."""
_LISTENED = 8
"""Samples whose residuals tell of a cell."""
_BLOCK = 4
"""Cells along the side of a block that has its samples in common."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """Where the next measurement tells most."""

    value: Floats
    """For the same distance to the nearest sample, relative, shape (rows, columns); at least 0."""
    distance: Floats
    """Cells to the nearest cell that is measured or will be, shape (rows, columns)."""


def worth_of_cells(
    cells: MeasuredCells,
    learned: Learned,
    photograph: Photograph | None,
    *,
    maps: Floats,
    standard_error: Floats,
    interest: Floats | None = None,
    planned: NDArray[np.bool_] | None = None,
) -> Worth:
    """What a measurement at each cell is worth.

    Parameters
    ----------
    cells, learned, photograph
        What was measured, and what kriging learned from it.
    maps, standard_error
        What kriging makes of them, shape (rows, columns, elements).
    interest
        How much each element counts, at least 0, shape (elements,); None: all the same.
    planned
        Cells that will be measured anyhow, shape (rows, columns): others keep their distance from these too.
    """
    measured = np.zeros(cells.shape, np.bool_)
    measured[cells.rows, cells.columns] = True
    away = np.maximum(distance_to(measured), 1)
    counts = _weights(cells, interest)
    squares = np.square(residuals(cells, learned, photograph))
    relative = counts / np.maximum(squares.mean(axis=0), np.float32(1e-9))
    surprise = _floored(np.sqrt(_around(cells, (squares * relative).sum(axis=1))))
    steepness = _floored(_gradient(maps / Scale.of(cells).divisor(), np.sqrt(relative)))
    open_cells = ~measured if not measured.all() else measured
    variance = np.zeros(cells.shape, np.float32)
    for element in np.flatnonzero(counts):
        square = np.square(standard_error[:, :, element])
        variance += counts[element] / np.float32(max(float(square[open_cells].mean()), 1e-12)) * square
    doubt = np.sqrt(variance) / away
    value = np.cbrt(surprise * steepness * doubt / max(float(doubt.mean()), 1e-12))
    distance = distance_to(measured if planned is None else measured | planned)
    return Worth(value.astype(np.float32, copy=False), distance)


def distance_to(cells: NDArray[np.bool_]) -> Floats:
    """Cells from each cell to the nearest marked one, shape (rows, columns)."""
    import cv2

    elsewhere = np.where(cells, np.uint8(0), np.uint8(1))
    return np.asarray(cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _weights(cells: MeasuredCells, interest: Floats | None) -> Floats:
    """How much each element counts; one that does not vary counts nothing."""
    given = np.ones(cells.elements, np.float32) if interest is None else interest
    return np.where(cells.values.std(axis=0) > 0, given, np.float32(0)).astype(np.float32)


def _floored(values: Floats) -> Floats:
    """Relative to the mean, with a part of it added."""
    floored: Floats = values / np.float32(max(float(values.mean()), 1e-12)) + np.float32(_FLOOR)
    return floored


def _gradient(maps: Floats, weights: Floats) -> Floats:
    """Root of the sum of the elements' squared gradients, each times its squared weight, shape (rows, columns)."""
    import cv2

    difference, same = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    total = np.zeros(maps.shape[:2], np.float32)
    for element in np.flatnonzero(weights):
        one = np.ascontiguousarray(maps[:, :, element])
        smooth = cv2.GaussianBlur(one, (0, 0), _EDGE_BLUR, borderType=cv2.BORDER_REFLECT)
        for x, y in ((same, difference), (difference, same)):
            slope = cv2.sepFilter2D(smooth, cv2.CV_32F, x, y, borderType=cv2.BORDER_REPLICATE)
            total += weights[element] ** 2 * np.square(np.asarray(slope, np.float32).reshape(total.shape))
    return np.sqrt(total)


def _around(cells: MeasuredCells, squares: Floats) -> Floats:
    """Mean over the samples around each cell, the nearer the more, shape (rows, columns)."""
    rows, columns = cells.shape
    down, across = -(-rows // _BLOCK), -(-columns // _BLOCK)
    centres = np.stack(np.meshgrid(np.arange(down), np.arange(across), indexing="ij"), axis=2).reshape(-1, 2)
    middles = (centres * _BLOCK + (_BLOCK - 1) / 2).astype(np.float32)
    nearest = nearest_samples(cells.rows, cells.columns, middles, min(_LISTENED, len(cells)))
    mean = np.empty(cells.shape, np.float32)
    _average(nearest, middles, cells.rows, cells.columns, squares, across, mean)
    return mean


@compiled
def _average(
    nearest: NDArray[np.int32],
    middles: Floats,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    squares: Floats,
    across: int,
    out: Floats,
) -> None:
    """Inverse-square weighted mean of the block's samples for each of its cells."""
    one = np.float32(1)
    for b in range(nearest.shape[0]):
        reach = one
        for s in range(nearest.shape[1]):
            dy, dx = rows[nearest[b, s]] - middles[b, 0], columns[nearest[b, s]] - middles[b, 1]
            reach += (dy * dy + dx * dx) / nearest.shape[1]
        for i in range((b // across) * _BLOCK, min((b // across + 1) * _BLOCK, out.shape[0])):
            for j in range((b % across) * _BLOCK, min((b % across + 1) * _BLOCK, out.shape[1])):
                total, weight = np.float32(0), np.float32(0)
                for s in range(nearest.shape[1]):
                    dy, dx = np.float32(rows[nearest[b, s]] - i), np.float32(columns[nearest[b, s]] - j)
                    near = one / (one + (dy * dy + dx * dx) / reach)
                    total += near * squares[nearest[b, s]]
                    weight += near
                out[i, j] = total / weight
