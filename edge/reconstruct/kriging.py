"""Local kriging on position and colour: each tile of cells from its nearest samples, no global system.

Ordinary kriging (G. Matheron 1963): the local mean is unknown and the estimate is the best linear unbiased one under
the covariance. What the covariance is, and whether the photograph may be trusted, is learned from the samples alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import seams, tiles
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.covariance import Learned
from edge.reconstruct.error_scale import TRUST
from edge.reconstruct.guide import NO_COLOUR, metric_of_tiles, unguided
from edge.reconstruct.learning import NEIGHBOURS, learn
from edge.reconstruct.neighbours import nearest_samples
from edge.reconstruct.photograph import Photograph
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.tiling import TILE_CELLS, in_shares, tile_centres, tile_count, tiles_of
from edge.reconstruct.trial import features
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
    the samples around and calibrated on samples held out; see `error_scale`.
    """
    photograph = None if rgb is None else usable_photograph(rgb)
    is_plain = rgb is not None and photograph is None
    learned = learn_parameters(cells, photograph)
    maps, standard_error = krige_everywhere(cells, learned, photograph)
    left_out = learned.left_out
    if left_out is not None:
        left_out = replace(left_out, rms=left_out.rms * spread_of(cells))
    remarks = PLAIN if is_plain else () if photograph is None else photograph_remarks(learned, cells.names)
    return Reconstruction(maps, standard_error, left_out, remarks)


def krige_everywhere(cells: MeasuredCells, learned: Learned, photograph: Photograph | None) -> tuple[Floats, Floats]:
    """Maps and standard errors of the whole grid, (rows, columns, elements), measured cells as they were measured."""
    maps = np.empty((*cells.shape, cells.elements), np.float32)
    standard_error = np.empty_like(maps)
    everywhere = np.arange(tile_count(cells.shape))
    deviation = krige(cells, learned, photograph, which=everywhere, maps=maps, standard_error=standard_error)
    seams.even_out(standard_error, deviation.reshape(*tiles_of(cells.shape), cells.elements), TILE_CELLS)
    maps[cells.rows, cells.columns] = cells.values
    standard_error[cells.rows, cells.columns] = np.sqrt(cells.variance)
    return maps, standard_error


def usable_photograph(rgb: NDArray[np.float32]) -> Photograph | None:
    """A checked photograph as kriging sees it; None for one of a single colour."""
    photograph = Photograph(rgb)
    return None if photograph.contrast() < _LEAST_CONTRAST else photograph


def learn_parameters(cells: MeasuredCells, photograph: Photograph | None) -> Learned:
    """What `krige` needs, learned from the samples."""
    spread = spread_of(cells)
    counting = (cells.variance / np.square(np.where(spread > 0, spread, 1))).astype(np.float32)
    noise = _relative_noise(cells)
    return learn(cells.rows, cells.columns, normalised(cells), noise, counting, photograph, shape=cells.shape)


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
    deviation = np.zeros((tile_count(cells.shape), cells.elements), np.float32)
    centres = tile_centres(which, cells.shape)
    neighbours = nearest_samples(cells.rows, cells.columns, centres, min(NEIGHBOURS, len(cells)))
    guide = learned.guide
    metric = unguided(len(which)) if guide is None else metric_of_tiles(which, cells.shape, guide)
    values, noise = normalised(cells), _relative_noise(cells)
    per_element = scaling(
        learned,
        offset=cells.values.mean(axis=0),
        spread=spread_of(cells),
        bound=np.minimum(cells.values.min(axis=0), 0),
    )
    for group in learned.groups:
        seen = photograph if group.follows_colour else None
        shown = guide if group.follows_guide else None
        places = features(cells.rows, cells.columns, seen, learned.alignment, shown)
        guide_colours = NO_COLOUR if shown is None else shown.colours
        colour = NO_COLOUR if seen is None else seen.aligned(learned.alignment)
        own, own_scaling = (np.ascontiguousarray(array[:, group.elements]) for array in (values, per_element))
        law, channels = group.covariance.as_array(), group.elements.astype(np.int32)

        def share(
            part: slice,
            places: Floats = places,
            own: Floats = own,
            colour: Floats = colour,
            guide_colours: Floats = guide_colours,
            law: Floats = law,
            own_scaling: Floats = own_scaling,
            channels: NDArray[np.int32] = channels,
        ) -> None:
            tiles.krige_tiles(
                which[part].astype(np.int32), TILE_CELLS, neighbours[part], places, own, noise, metric[part], colour,
                guide_colours, law, own_scaling, TRUST, channels, maps, standard_error, deviation,
            )  # fmt: skip

        in_shares(share, len(which))
    return deviation


def scaling(learned: Learned, *, offset: Floats, spread: Floats, bound: Floats) -> Floats:
    """What `tiles.krige_tiles` needs to know of each element, shape (8, elements).

    Parameters
    ----------
    offset, spread
        Mean and standard deviation by which the samples were normalised, shape (elements,).
    bound
        The lowest of all samples, or zero, shape (elements,).
    """
    rows = [learned.sill, learned.unresolved, learned.calibration, offset, spread, bound]
    return np.array([*rows, learned.level_power, learned.lowest], np.float32)


def normalised(cells: MeasuredCells) -> NDArray[np.float32]:
    """Values with mean 0 and standard deviation 1 for each element, or all 0 where they do not vary."""
    spread = spread_of(cells)
    normalised: NDArray[np.float32] = (cells.values - cells.values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return normalised


def spread_of(cells: MeasuredCells) -> NDArray[np.float32]:
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
