"""Kriged maps of means over cells, and the photograph where kriging found it to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.cells import MeasuredCells, merged
from edge.reconstruct.kriging import krige_everywhere, learn_parameters, usable_photograph
from edge.reconstruct.unfold.upsampled import middles

Floats = NDArray[np.float32]


def kriged_maps(cells: MeasuredCells, rgb: Floats) -> tuple[Floats, Floats]:
    """Maps, (rows, columns, elements), and the photograph on them, (rows, columns, 3).

    A mean is taken for the value of the cell in the middle; where the middle lies between cells, as with blocks of
    4 x 4, maps come out moved by as much, and are moved back. `edge.reconstruct.kriged_means` krigs three times to take
    means for what they are; here one time is enough, for agreement with the exposures comes afterwards, exactly.
    """
    once = merged(Samples(cells.rows, cells.columns, cells.values, cells.variance), cells.shape, cells.names)
    photograph = usable_photograph(rgb)
    learned = learn_parameters(once, photograph)
    maps, _ = krige_everywhere(once, learned, photograph)
    down, right = _misplaced(cells)
    placed = rgb
    if photograph is not None and any(group.follows_colour for group in learned.groups):
        placed = np.clip(moved(rgb, learned.alignment.down - down, learned.alignment.right - right), 0, 1)
    # beside a step a cubic goes below zero where no rate does
    lowest = np.minimum(cells.values.min(axis=0), 0)
    return np.maximum(moved(maps, -down, -right), lowest), placed


def moved(image: Floats, down: float, right: float) -> Floats:
    """An image, (rows, columns, channels), moved by parts of a cell; edges are repeated."""
    if not down and not right:
        return image
    from scipy.ndimage import shift

    found: Floats = shift(image, (down, right, 0), order=3, mode="nearest").astype(np.float32)
    return found


def _misplaced(cells: MeasuredCells) -> tuple[float, float]:
    """How far below and to the right of their true middles exposures are counted; 0 where that differs."""
    if cells.operator is None:
        return 0.0, 0.0
    away = np.stack([cells.rows, cells.columns], axis=1) - middles(cells.operator)
    mean = away.mean(axis=0)
    if np.abs(away - mean).max() > 1e-3:
        return 0.0, 0.0
    return float(mean[0]), float(mean[1])
