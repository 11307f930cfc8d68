"""A full raster of real counts, its photons divided: a share to reconstruct from, an independent half to score by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.reconstruction import Reconstruction
from models.masks import make_mask
from models.masks.request import MaskRequest
from tools.reproduce.faults import ReproductionError

MAPS = "maxrf_hands/prova1_maps.npz"
CUBES = ("maxrf_hands/prova1_det10264.npz", "maxrf_hands/prova1_det19511.npz")
_FURTHER_BANDS = 12
HALF = 0.5

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Counts of every cell."""

    counts: Counts
    """In the window of each element, shape (rows, columns, elements)."""
    elements: tuple[str, ...]
    rest: Counts
    """In the rest of each spectrum, divided into bands of about equal counts, shape (rows, columns, bands)."""


@dataclass(frozen=True, slots=True, eq=False)
class Divided:
    """The photons of a raster, divided at random."""

    kept: Counts
    """Half of the photons, of which shares are drawn."""
    truth: NDArray[np.float32]
    """The other half, in counts of the whole raster."""
    rest: Counts
    """Of the rest of each spectrum, half as well."""


def read_raster(folder: Path) -> Raster:
    """The hands: gross counts by element, and the spectra that they were taken from.

    Raises
    ------
    ReproductionError
        A file that is not there, or of another kind.
    """
    try:
        with np.load(folder / MAPS) as stack:
            counts = stack["gross"].astype(np.int64)
            elements = tuple(str(name).replace("_", " ") for name in stack["lines"])
        spectra = np.zeros((*counts.shape[:2], 0), np.int64)
        for cube in CUBES:
            with np.load(folder / cube) as detector:
                seen = detector["counts"].astype(np.int64)
            spectra = seen if spectra.shape[2] == 0 else spectra + seen
    except (OSError, KeyError, ValueError) as error:
        raise ReproductionError(f"{folder}: no raster of counts ({error}): give its folder as --data") from None
    return Raster(counts, elements, _rest_of(spectra, counts))


def divided(raster: Raster, seed: int) -> Divided:
    """Each photon to one half or the other, by chance."""
    random = np.random.default_rng(seed)
    kept = random.binomial(raster.counts, HALF)
    rest = random.binomial(raster.rest, HALF)
    return Divided(kept, ((raster.counts - kept) / HALF).astype(np.float32), rest)


def thinned(kept: Counts, share: float, seed: int) -> Counts:
    """A share of the whole raster's photons, out of the half that was kept.

    Raises
    ------
    ReproductionError
        More than that half.
    """
    if not 0 < share <= HALF:
        raise ReproductionError(f"a share of {share:g}: give one above 0 and up to {HALF:g}, the half that is kept")
    return np.random.default_rng((seed, 1)).binomial(kept, share / HALF)


def every_cell(counts: Counts, share: float, names: Sequence[str]) -> MeasuredCells:
    """All cells, values scaled to the whole raster's counts, with the variance that counting says."""
    rows, columns = np.divmod(np.arange(counts.shape[0] * counts.shape[1]), counts.shape[1])
    return _cells(counts, share, rows, columns, names)


def some_cells(kept: Counts, budget: float, part: float, seed: int, names: Sequence[str]) -> MeasuredCells:
    """A part of the cells in blue noise, which share the budget; none takes more than the half that is kept."""
    shape = (kept.shape[0], kept.shape[1])
    mask = make_mask("blue-noise", MaskRequest(shape, round(part * shape[0] * shape[1]), seed=seed)).mask.cells
    share = min(budget / part, HALF)
    rows, columns = np.nonzero(mask)
    return _cells(thinned(kept, share, seed), share, rows, columns, names)


def seen_within(found: Reconstruction, truth: NDArray[np.float32], deviations: float) -> float:
    """Share of the true values within so many standard errors, the truth's own counting noise included."""
    variance = np.square(found.standard_error) + np.maximum(found.maps, 0) / HALF
    return float((np.square(found.maps - truth) <= deviations**2 * variance).mean())


def _cells(
    counts: Counts, share: float, rows: NDArray[np.intp], columns: NDArray[np.intp], names: Sequence[str]
) -> MeasuredCells:
    seen = counts[rows, columns]
    values, variance = (seen / share).astype(np.float32), (seen / share**2).astype(np.float32)
    return MeasuredCells((counts.shape[0], counts.shape[1]), rows, columns, values, variance, tuple(names))


def _rest_of(spectra: Counts, counts: Counts) -> Counts:
    """Bands of the channels that no element's window holds.

    The windows are found from the counts: each is the run of channels that adds up to its element's.
    """
    total, wanted = np.cumsum(spectra.sum(axis=(0, 1))), counts.sum(axis=(0, 1))
    before = np.concatenate([[0], total])
    free = np.ones(spectra.shape[2], np.bool_)
    for element in range(counts.shape[2]):
        ends = np.searchsorted(before, before + wanted[element])
        starts = [
            start
            for start, end in enumerate(ends)
            if end < len(before)
            and before[end] - before[start] == wanted[element]
            and np.array_equal(spectra[:, :, start:end].sum(axis=2), counts[:, :, element])
        ]
        if not starts:
            raise ValueError(f"no run of channels holds the counts of map {element}")
        free[starts[0] : ends[starts[0]]] = False
    others = np.flatnonzero(free)
    reached = np.cumsum(spectra[:, :, others].sum(axis=(0, 1)))
    band = np.minimum(reached * _FURTHER_BANDS // max(int(reached[-1]), 1), _FURTHER_BANDS - 1)
    return np.stack([spectra[:, :, others[band == one]].sum(axis=2) for one in range(_FURTHER_BANDS)], axis=2)
