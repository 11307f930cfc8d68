"""Local kriging on position and colour: each tile of cells from its nearest samples, no global system.

Ordinary kriging (G. Matheron 1963): the local mean is unknown and the estimate is the best linear unbiased one under
the covariance. What the covariance is, and whether the photograph may be trusted, is learned from the samples alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct import seams
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Learned
from edge.reconstruct.growing import GrowingKriging
from edge.reconstruct.learning import learn
from edge.reconstruct.normalised import NormalisedSamples, Scale
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.tiling import TILE_CELLS, in_shares, tile_count, tiles_of
from edge.reconstruct.wording import PLAIN, photograph_remarks

Floats = NDArray[np.float32]

_LEAST_CONTRAST = 0.01
"""Lab / 100: a photograph of one colour would pass for a law of distance and be said to be followed."""


def kriging(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Maps and standard error by local kriging.

    A measured cell shows its measured value, with the standard error of its counting. What is between follows the
    samples, the edges that a first look at all elements shows and, as far as it helps to predict samples left out, the
    photograph, which may be moved by up to four cells and blurred for that. No estimate lies below zero, or below the
    lowest sample around where that is negative. The standard error is the kriging deviation, scaled by the residuals of
    the samples around and calibrated on samples held out; see `error_scale`. For means over several cells see
    `edge.reconstruct.kriged_means`.
    """
    photograph = None if rgb is None else usable_photograph(rgb)
    if cells.operator is not None:
        from edge.reconstruct.kriged_means import kriging_of_means

        return kriging_of_means(cells, photograph)
    learned = learn_parameters(cells, photograph)
    maps, standard_error = krige_everywhere(cells, learned, photograph)
    remarks = PLAIN if rgb is not None and photograph is None else remarks_of(learned, photograph, cells.names)
    return Reconstruction(maps, standard_error, left_out_of(learned, cells), remarks)


def left_out_of(learned: Learned, cells: MeasuredCells) -> LeftOut | None:
    """How the standard error compares with the errors of samples left out, in the unit of these cells."""
    found = learned.left_out
    return None if found is None else replace(found, rms=found.rms * Scale.of(cells).spread)


def remarks_of(learned: Learned, photograph: Photograph | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """What became of the photograph, where there was one."""
    return () if photograph is None else photograph_remarks(learned, names)


def krige_everywhere(cells: MeasuredCells, learned: Learned, photograph: Photograph | None) -> tuple[Floats, Floats]:
    """Maps and standard errors of the whole grid, (rows, columns, elements), measured cells as they were measured."""
    maps, standard_error = estimated_everywhere(cells, learned, photograph)
    maps[cells.rows, cells.columns] = cells.values
    standard_error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    return maps, standard_error


def estimated_everywhere(
    cells: MeasuredCells, learned: Learned, photograph: Photograph | None
) -> tuple[Floats, Floats]:
    """The same with measured cells estimated like the others."""
    maps = np.empty((*cells.shape, cells.elements), np.float32)
    standard_error = np.empty_like(maps)
    everywhere = np.arange(tile_count(cells.shape))
    deviation = krige(cells, learned, photograph, which=everywhere, maps=maps, standard_error=standard_error)
    seams.even_out(standard_error, deviation.reshape(*tiles_of(cells.shape), cells.elements), TILE_CELLS)
    return maps, standard_error


def usable_photograph(rgb: NDArray[np.float32]) -> Photograph | None:
    """A checked photograph as kriging sees it; None for one of a single colour."""
    photograph = Photograph(rgb)
    return None if photograph.contrast() < _LEAST_CONTRAST else photograph


def learn_parameters(cells: MeasuredCells, photograph: Photograph | None) -> Learned:
    """What `krige` needs, learned from the samples."""
    return learn(NormalisedSamples.of(cells, photograph), cells.shape)


def krige(
    cells: MeasuredCells,
    learned: Learned,
    photograph: Photograph | None,
    *,
    which: NDArray[np.intp],
    maps: Floats,
    standard_error: Floats,
) -> Floats:
    """Estimate the tiles `which` in place; measured cells are treated like the others.

    Returns the deviation to which each tile's standard error is proportional, shape (tiles, elements); zero for tiles
    that were not asked for.
    """
    deviation = np.zeros((tile_count(cells.shape), cells.elements), np.float32)
    known = GrowingKriging(cells, learned, photograph)
    known.take(cells, np.arange(len(cells)))
    neighbours = known.neighbours(cells, which)

    def share(part: slice) -> None:
        known.estimate(which[part], neighbours[part], maps=maps, standard_error=standard_error, deviation=deviation)

    in_shares(share, len(which))
    return deviation
