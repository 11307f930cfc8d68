"""Local kriging on position and colour: each tile of cells from its nearest samples, no global system.

Ordinary kriging (G. Matheron 1963): the local mean is unknown and the estimate is the best linear unbiased one under
the covariance. What the covariance is, and whether the photograph may be trusted, is learned from the samples alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import seams, tiles
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Learned
from edge.reconstruct.learning import NEIGHBOURS, TRUST, features, learn
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.photograph import Photograph

TILE_CELLS = 8


def kriging(
    cells: MeasuredCells, rgb: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps and standard error by local kriging.

    A measured cell shows its measured value, with the standard error of its counting; what is between follows the
    samples and, as far as it helps to predict samples left out, the photograph, which may be moved by up to three cells
    and blurred for that. The standard error is the kriging
    deviation, scaled by the residuals of the samples around and calibrated to cover 68 % of leave-one-out errors.
    """
    photograph = None if rgb is None else Photograph(rgb)
    learned = learn_parameters(cells, photograph)
    maps = np.empty((*cells.shape, cells.elements), np.float32)
    standard_error = np.empty_like(maps)
    everywhere = np.arange(tile_count(cells.shape))
    deviation = krige(cells, learned, photograph, which=everywhere, maps=maps, standard_error=standard_error)
    seams.even_out(standard_error, deviation.reshape(*tiles_of(cells.shape), cells.elements), TILE_CELLS)
    maps[cells.rows, cells.columns] = cells.values
    standard_error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    return maps, standard_error


def learn_parameters(cells: MeasuredCells, photograph: Photograph | None) -> Learned:
    """What `krige` needs, learned from the samples."""
    return learn(cells.rows, cells.columns, _normalised(cells), _relative_noise(cells), photograph)


def tiles_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Tiles that cover the grid, down and across."""
    return -(-shape[0] // TILE_CELLS), -(-shape[1] // TILE_CELLS)


def tile_count(shape: tuple[int, int]) -> int:
    """Tiles that cover the grid, numbered row by row."""
    down, across = tiles_of(shape)
    return down * across


def krige(
    cells: MeasuredCells,
    learned: Learned,
    photograph: Photograph | None,
    *,
    which: NDArray[np.intp],
    maps: NDArray[np.float32],
    standard_error: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Estimate the tiles `which` in place; measured cells are treated like the others.

    Returns the deviation to which each tile's standard error is proportional, shape (tiles, elements); zero for tiles
    that were not asked for.
    """
    across = tiles_of(cells.shape)[1]
    deviation = np.zeros((tile_count(cells.shape), cells.elements), np.float32)
    corners = np.column_stack([which // across, which % across]) * TILE_CELLS
    centres = (corners + (TILE_CELLS - 1) / 2).astype(np.float32)
    neighbours = nearest_samples(cells.rows, cells.columns, centres, min(NEIGHBOURS, len(cells)))
    places = features(cells.rows, cells.columns, photograph, learned.alignment)
    if photograph is None:
        colour = np.broadcast_to(np.zeros(3, np.float32), (*cells.shape, 3))
    else:
        colour = photograph.aligned(learned.alignment)
    values, noise, scaling = _normalised(cells), _relative_noise(cells), _scaling(cells, learned)
    for group in learned.groups:
        tiles.krige_tiles(
            which.astype(np.int32),
            TILE_CELLS,
            neighbours,
            places,
            np.ascontiguousarray(values[:, group.elements]),
            noise,
            colour,
            group.covariance.as_array(),
            np.ascontiguousarray(scaling[:, group.elements]),
            TRUST,
            group.elements.astype(np.int32),
            maps,
            standard_error,
            deviation,
        )
    return deviation


def _scaling(cells: MeasuredCells, learned: Learned) -> NDArray[np.float32]:
    """Per element: sill, unresolved variation, factor on the error, offset, scale and lower bound; shape (6, elements).

    The nugget holds counting noise and true variation between cells. Only the latter is an error of the map, so the
    counting variance, where known, is taken off.
    """
    offset, scale = cells.values.mean(axis=0), _spread(cells)
    nugget = np.empty(cells.elements, np.float32)
    for group in learned.groups:
        nugget[group.elements] = group.covariance.noise
    counting = cells.variance.mean(axis=0) / np.where(scale > 0, scale, 1) ** 2
    unit = np.maximum(learned.sill * learned.calibration**2, np.float32(1e-12))
    unresolved = np.maximum(nugget - counting / unit, 0)
    lowest = np.where(cells.values.min(axis=0) >= 0, 0, -np.finfo(np.float32).max)
    rows = [learned.sill, unresolved, learned.calibration, offset, scale, lowest]
    return np.array(rows, np.float32)


def _normalised(cells: MeasuredCells) -> NDArray[np.float32]:
    """Values with mean 0 and standard deviation 1 for each element, or all 0 where they do not vary."""
    spread = _spread(cells)
    normalised: NDArray[np.float32] = (cells.values - cells.values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return normalised


def _spread(cells: MeasuredCells) -> NDArray[np.float32]:
    """Standard deviation of each element's samples; a single sample is taken to be as uncertain as it is large."""
    spread: NDArray[np.float32] = cells.values.std(axis=0) if len(cells) > 1 else np.abs(cells.values[0])
    return spread


def _relative_noise(cells: MeasuredCells) -> NDArray[np.float32]:
    """Noise variance of each sample relative to the mean sample's, from the elements whose variance is known.

    The square root of the ratio of counting variances: the noise that kriging learns is partly counting, which goes
    with the ratio, and partly variation between cells, which does not.
    """
    mean = cells.variance.mean(axis=0)
    known = mean > 0
    if not known.any():
        return np.ones(len(cells), np.float32)
    relative = (cells.variance[:, known] / mean[known]).mean(axis=1)
    bounded: NDArray[np.float32] = np.sqrt(np.clip(relative, np.float32(0.01), np.float32(100)))
    return bounded
