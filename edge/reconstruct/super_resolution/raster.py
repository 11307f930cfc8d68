"""From exposures to cells: where exposures lie, whether in a raster, and what is read off between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.harmonic import fill, hold

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_KEYS = -0.5
"""a of R. Keys, "Cubic convolution interpolation for digital image processing" (1981), Eq. 15."""
_SAME_PLACE = 1e-3
"""Cells by which exposures of one row of a raster may differ in place."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Exposures in rows and columns."""

    rows: Doubles
    """Places of the rows in cells, rising."""
    columns: Doubles
    order: NDArray[np.intp]
    """The exposures row by row."""


def raster_of(places: Doubles) -> Raster | None:
    """The raster that places form, one in each of its crossings; None where they form none of 2 x 2 or more."""
    rows, columns = (_levels(places[:, axis]) for axis in (0, 1))
    if min(len(rows), len(columns)) < 2 or len(rows) * len(columns) != len(places):
        return None
    row, column = (np.abs(places[:, axis, None] - levels).argmin(axis=1) for axis, levels in ((0, rows), (1, columns)))
    number = row * len(columns) + column
    order = np.argsort(number, kind="stable")
    if not np.array_equal(number[order], np.arange(len(places))):
        return None
    return Raster(rows, columns, order)


def spread(values: Floats, cells: MeasuredCells) -> Floats:
    """Values of exposures, (exposures, channels), read off at every cell, (cells, channels).

    Cubic convolution where the exposures form a raster; else as smooth as can be between their centres.
    """
    places = cells.seen_by().centroids()
    raster = raster_of(places)
    if raster is not None:
        return upsampled(values[raster.order], raster, cells.shape).reshape(-1, values.shape[1])
    field, free = hold(_at_centres(values, places, cells), np.ones(len(cells), np.bool_))
    fill(field, free)
    return field.reshape(-1, values.shape[1])


def upsampled(values: Floats, raster: Raster, shape: tuple[int, int]) -> Floats:
    """Cubic convolution from a raster, (exposures in its order, channels), to every cell, (rows, columns, channels)."""
    down, right = cubic_weights(raster.rows, shape[0]), cubic_weights(raster.columns, shape[1])
    channels = values.shape[1]
    cube = values.reshape(len(raster.rows), -1)
    found: Floats = np.empty((*shape, channels), np.float32)
    for row in range(shape[0]):
        # one row at a time: nothing but the result has as many values as it
        found[row] = right @ (down[row] @ cube).reshape(-1, channels)
    return found


def cubic_weights(places: Doubles, count: int) -> Floats:
    """Weights of places on a line, rising, in each of so many cells, (cells, places); ends are repeated beyond."""
    steps = np.diff(places)
    at = np.interp(np.arange(count), places, np.arange(len(places)))
    at = np.where(np.arange(count) < places[0], (np.arange(count) - places[0]) / steps[0], at)
    at = np.where(np.arange(count) > places[-1], len(places) - 1 + (np.arange(count) - places[-1]) / steps[-1], at)
    first = np.floor(at).astype(np.intp)
    weights = np.zeros((count, len(places)), np.float32)
    for tap in range(-1, 3):
        away = np.abs(at - (first + tap))
        near = (_KEYS + 2) * away**3 - (_KEYS + 3) * away**2 + 1
        far = _KEYS * (away**3 - 5 * away**2 + 8 * away - 4)
        weight = np.where(away <= 1, near, np.where(away < 2, far, 0.0))
        np.add.at(weights, (np.arange(count), np.clip(first + tap, 0, len(places) - 1)), weight.astype(np.float32))
    return weights


def _levels(places: Doubles) -> Doubles:
    """Different places of rows, or of columns."""
    ordered = np.sort(places)
    kept: Doubles = ordered[np.concatenate([[True], np.diff(ordered) > _SAME_PLACE])]
    return kept


def _at_centres(values: Floats, places: Doubles, cells: MeasuredCells) -> MeasuredCells:
    """The exposures as if each had been of its middle cell alone; of those that share one, their mean."""
    rows, columns = np.floor(places + 0.5).astype(np.intp).T
    number = np.minimum(rows, cells.shape[0] - 1) * cells.shape[1] + np.minimum(columns, cells.shape[1] - 1)
    cell, which, count = np.unique(number, return_inverse=True, return_counts=True)
    mean = np.zeros((len(cell), values.shape[1]))
    np.add.at(mean, which, values)
    mean /= count[:, None]
    names = tuple(map(str, range(values.shape[1])))
    once = mean.astype(np.float32)
    return MeasuredCells(cells.shape, cell // cells.shape[1], cell % cells.shape[1], once, np.zeros_like(once), names)
