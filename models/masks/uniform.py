"""Masks that know nothing of the object: by chance, evenly by chance, and on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.binarise import binarise, mask_of
from models.density import uniform_density
from models.exact_count import settle_count
from models.masks.request import MaskRequest, MaskResult


def random_mask(request: MaskRequest) -> MaskResult:
    """Every set of `count` allowed cells equally likely."""
    return _drawn("random", "bernoulli", request)


def blue_noise_mask(request: MaskRequest) -> MaskResult:
    """Evenly spread without a pattern: uniform density under void-and-cluster thresholds."""
    return _drawn("blue-noise", "blue-noise", request)


def grid_mask(request: MaskRequest) -> MaskResult:
    """As near to a regular grid as the count and the allowed cells permit; the seed plays no part."""
    allowed = request.allowed_cells()
    density = uniform_density(count=request.count, allowed=allowed, origin="grid")
    cells = settle_count(_lattice(allowed, request.count), density=density.values, allowed=allowed, count=request.count)
    mask = mask_of(
        cells, density=density, allowed=allowed, binariser="lattice", seed=request.seed, max_hole=request.max_hole
    )
    return MaskResult(density, mask)


def _drawn(name: str, binariser: str, request: MaskRequest) -> MaskResult:
    allowed = request.allowed_cells()
    density = uniform_density(count=request.count, allowed=allowed, origin=name)
    mask = binarise(
        density,
        count=request.count,
        allowed=allowed,
        binariser=binariser,
        seed=request.seed,
        max_hole=request.max_hole,
    )
    return MaskResult(density, mask)


def _lattice(allowed: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Equal bands of rows; in the middle row of each, its share of the count at equal steps."""
    rows, columns = allowed.shape
    available = np.count_nonzero(allowed)
    bands = int(np.clip(round(float(np.sqrt(count / available)) * rows), -(-count // columns), min(rows, count)))
    edges = np.rint(np.linspace(0, rows, bands + 1)).astype(np.intp)
    cumulative = np.concatenate([[0], np.cumsum(np.count_nonzero(allowed, axis=1))])[edges]
    shares = np.diff(np.rint(cumulative * (count / available)).astype(np.intp))
    cells = np.zeros(allowed.shape, np.bool_)
    for top, bottom, share in zip(edges[:-1], edges[1:], shares, strict=True):
        row = _middle_row(allowed[top:bottom], int(share)) + top
        places = np.flatnonzero(allowed[row])
        taken = min(int(share), places.size)
        cells[row, places[((np.arange(taken) + 0.5) * places.size / max(taken, 1)).astype(np.intp)]] = True
    return cells


def _middle_row(band: NDArray[np.bool_], share: int) -> int:
    """The row nearest to the band's middle among those that can hold its share best."""
    room = np.minimum(np.count_nonzero(band, axis=1), share)
    off_middle = np.abs(np.arange(len(band)) - (len(band) - 1) / 2)
    return int(np.lexsort((off_middle, -room))[0])
