"""The slow near-optimum for harmonic reconstruction: a search for the cells themselves, without a density."""

from __future__ import annotations

import numpy as np

from models.binarise import mask_of
from models.density import uniform_density
from models.faults import UnusableRequest
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_rgb

NAME = "pixel-exchange"
APPROXIMATION = (
    "approximated: sparsification drops one cell at a time, the candidate whose lack costs the whole image least, "
    "where the original drops several at once by their own error; exchange offers the best of four cells where the "
    "original offers one"
)
MAX_CELLS = 10_000
"""Memory and time grow with the square: 64 x 64 cells take 0.13 GB and seconds, this many 0.8 GB and minutes."""


def pixel_exchange_mask(request: MaskRequest) -> MaskResult:
    """Cells from which harmonic reconstruction restores the photograph best, as far as the search finds them.

    Probabilistic sparsification, then nonlocal pixel exchange, after Mainberger et al. (2012); see `models.exchange`.
    The squared error counts RGB of the allowed cells. There is no density: the one returned is uniform.

    Raises
    ------
    UnusableRequest
        The grid has more than `MAX_CELLS` cells.
    """
    allowed = request.allowed_cells()
    photograph = photograph_rgb(request.photograph(NAME), request.shape)
    rows, columns = request.shape
    if rows * columns > MAX_CELLS:
        raise UnusableRequest(
            f"the {NAME} mask searches grids of at most {MAX_CELLS} cells and this one has {rows} x {columns}: "
            "crop the area, or choose a mask that needs no search, such as laplacian"
        )
    from models.exchange import CYCLES, exchange, sparsify
    from models.green import wholly_held

    random = np.random.default_rng(request.seed)
    inpainting = wholly_held(photograph, allowed)
    sparsify(inpainting, request.count, random)
    exchange(inpainting, CYCLES, random)
    density = uniform_density(count=request.count, allowed=allowed, origin=NAME)
    mask = mask_of(
        inpainting.held.reshape(request.shape),
        density=density,
        allowed=allowed,
        binariser="search",
        seed=request.seed,
        max_hole=request.max_hole,
    )
    return MaskResult(density, mask)
