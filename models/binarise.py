"""From sampling density to sampling mask: three ways, each with an exact count.

A new binariser is one function here and one line in `BINARISERS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.faults import UnknownBinariser
from models.sampling import SamplingDensity, SamplingMask

THRESHOLD_NOISE = 0.05
"""Half-width of error diffusion's threshold noise: enough to break its patterns, too little to clump."""

Binariser = Callable[[SamplingDensity, int, NDArray[np.bool_], np.random.Generator], NDArray[np.bool_]]
"""(density, count, allowed, random) to cells: exactly `count` of the allowed ones."""


def binarise(
    density: SamplingDensity,
    *,
    count: int,
    allowed: NDArray[np.bool_],
    binariser: str,
    seed: int,
    max_hole: float | None = None,
) -> SamplingMask:
    """Choose exactly `count` allowed cells as a density asks.

    Parameters
    ----------
    density
        Probabilities, zero outside the allowed cells.
    count
        Cells to choose, from 1 to the number of allowed cells.
    allowed
        Shape (rows, columns).
    binariser
        A name of `BINARISERS`.
    seed
        The same seed gives the same mask.
    max_hole
        Coverage floor: no allowed cell further than this from a chosen one, in cells; None for none.

    Raises
    ------
    UnknownBinariser
        No binariser of that name.
    CoverageImpossible
        The count is too small for `max_hole`.
    """
    choose = BINARISERS.get(binariser)
    if choose is None:
        raise UnknownBinariser(f"no binariser is called {binariser!r}: choose one of {', '.join(BINARISERS)}")
    cells = choose(density, count, allowed, np.random.default_rng(seed))
    return mask_of(cells, density=density, allowed=allowed, binariser=binariser, seed=seed, max_hole=max_hole)


def mask_of(
    cells: NDArray[np.bool_],
    *,
    density: SamplingDensity,
    allowed: NDArray[np.bool_],
    binariser: str,
    seed: int,
    max_hole: float | None = None,
) -> SamplingMask:
    """Chosen cells as a mask, after the coverage floor where one is asked."""
    if max_hole is not None:
        from models.coverage import cover_holes

        cells = cover_holes(cells, density=density.values, allowed=allowed, max_hole=max_hole)
    cells.flags.writeable = False
    rate = np.count_nonzero(cells) / np.count_nonzero(allowed)
    return SamplingMask(cells=cells, rate=float(rate), origin=density.origin, binariser=binariser, seed=seed)


def bernoulli(
    density: SamplingDensity, count: int, allowed: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Independent draws as Dai et al. publish them, made exact by taking the draws nearest to their threshold.

    A cell is drawn when u < D, which is when its Pareto rank (u / (1 - u)) / (D / (1 - D)) is below one; the `count`
    lowest ranks are the same draw with an exact count and all but the same probabilities (Rosén 1997, J. Stat. Plan.
    Inference 62, p. 159).
    """
    chance = density.values[allowed].astype(np.float64)
    draw = random.random(chance.shape)
    with np.errstate(divide="ignore"):
        rank = np.log(draw) - np.log1p(-draw) - np.log(chance) + np.log1p(-chance)
    return _lowest(rank, count, allowed)


def error_diffusion(
    density: SamplingDensity, count: int, allowed: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Serpentine error diffusion with a little threshold noise: even spacing at every density.

    Floyd and Steinberg (1976), Proc. SID 17; weights that would leave the allowed cells go to those that remain.
    """
    from models.error_diffusion import diffuse
    from models.exact_count import settle_count

    noise = random.uniform(-THRESHOLD_NOISE, THRESHOLD_NOISE, allowed.shape)
    start = random.uniform(-0.5, 0.5, (allowed.shape[1],))
    cells = diffuse(density.values.astype(np.float64), allowed, noise, start)
    return settle_count(cells, density=density.values, allowed=allowed, count=count)


def blue_noise(
    density: SamplingDensity, count: int, allowed: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Void-and-cluster thresholds, tiled: every cell is decided by itself, so a change of density stays local."""
    from models.blue_noise_tile import SIDE, thresholds

    tile = np.roll(thresholds(), random.integers(0, SIDE, 2), axis=(0, 1))
    if random.integers(2):
        tile = tile.T
    rows, columns = allowed.shape
    threshold = np.tile(tile, (-(-rows // SIDE), -(-columns // SIDE)))[:rows, :columns][allowed]
    # the tile has SIDE x SIDE levels: ties between its copies are broken by chance
    threshold = threshold + random.random(threshold.shape) / SIDE**2
    with np.errstate(divide="ignore"):
        rank = np.log(threshold) - np.log(density.values[allowed].astype(np.float64))
    return _lowest(rank, count, allowed)


BINARISERS: dict[str, Binariser] = {
    "error-diffusion": error_diffusion,
    "blue-noise": blue_noise,
    "bernoulli": bernoulli,
}
DEFAULT_BINARISER = "error-diffusion"


def _lowest(rank: NDArray[np.float64], count: int, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of the `count` lowest ranks."""
    chosen = np.argpartition(rank, count - 1)[:count] if count < rank.size else np.arange(rank.size)
    inside = np.zeros(rank.shape, np.bool_)
    inside[chosen] = True
    cells = np.zeros(allowed.shape, np.bool_)
    cells[allowed] = inside
    return cells
