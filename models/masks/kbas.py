"""Kernel-based adaptive sampling: a blind, progressive sampler that looks only at the cells it has chosen so far.

J. Liu, C.-S. Bouganis, P. Y. K. Cheung, "Kernel-based adaptive image sampling", VISAPP (2014).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.binarise import BINARISERS, mask_of
from models.density import uniform_density
from models.exact_count import settle_count
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_lab

NAME = "kbas"
APPROXIMATION = (
    "approximated from its abstract: the equivalent kernels are steering kernels (Takeda et al. 2007) over lightness "
    "and colour, scaled to the present spacing; a quarter of the samples start as blue noise and the rest follow in 24 "
    "rounds, those of a round apart from each other; the original's kernels, constants and rounds are not reproduced"
)
START_SHARE = 0.25
"""Of the samples, spread evenly before anything is known."""
ROUNDS = 24
"""Kernels are made anew so many times; twice as many moved the PSNR of photographs by under 0.1 dB."""
SCALE = 0.4
"""Standard deviation of a typical kernel over the present spacing of the samples: 0.6 and 0.9 did worse."""
_REACH = 3.0
"""Half the window's side over that standard deviation."""
_APART = 0.7
"""Least distance between the samples of a round over the spacing that the round leads to."""


def kbas_mask(request: MaskRequest) -> MaskResult:
    """Cells chosen in rounds where the kernels of unsampled ones ask for samples most.

    There is no density: the one returned is uniform. What is approximated: `APPROXIMATION`.
    """
    allowed = request.allowed_cells()
    lab = np.ascontiguousarray(photograph_lab(request.photograph(NAME), request.shape) / np.float32(100))
    density = uniform_density(count=request.count, allowed=allowed, origin=NAME)
    random = np.random.default_rng(request.seed)
    start = max(1, round(START_SHARE * request.count))
    even = uniform_density(count=start, allowed=allowed, origin=NAME)
    cells = BINARISERS["blue-noise"](even, start, allowed, random)
    estimate = np.empty_like(lab)
    estimate[:] = lab[cells].mean(axis=0)
    for n in range(ROUNDS):
        target = start + round((request.count - start) * (n + 1) / ROUNDS)
        cells |= _next_cells(lab, cells, allowed, estimate, target - int(np.count_nonzero(cells)))
    cells = settle_count(cells, density=density.values, allowed=allowed, count=request.count)
    mask = mask_of(
        cells, density=density, allowed=allowed, binariser="rounds", seed=request.seed, max_hole=request.max_hole
    )
    return MaskResult(density, mask)


def _next_cells(
    lab: NDArray[np.float32],
    cells: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    estimate: NDArray[np.float32],
    number: int,
) -> NDArray[np.bool_]:
    """Up to `number` more cells; `estimate` is renewed from those that there are."""
    from models.steering import demand, highest_apart, regress, steering

    present = int(np.count_nonzero(cells))
    spacing = math.sqrt(np.count_nonzero(allowed) / present)
    scale = SCALE * spacing
    reach = min(math.ceil(_REACH * scale), max(cells.shape))
    form = steering(estimate, scale)
    strength = regress(lab, cells, form, reach, estimate)
    askers = allowed & ~cells
    wanted = demand(askers, strength, form, reach)
    flat = np.flatnonzero(askers)
    order = flat[np.argsort(-wanted.ravel()[flat], kind="stable")]
    apart = _APART * math.sqrt(np.count_nonzero(allowed) / (present + number)) if number > 0 else 1.0
    return highest_apart(allowed.shape, order, number, apart)
