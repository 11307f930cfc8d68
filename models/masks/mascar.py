"""Measurement-adaptive sampling: as many cells in each patch as its texture, spectrum and gradients ask for.

A. Taimori, F. Marvasti, "Measurement-adaptive sparse image sampling and recovery" (2017), arXiv 1706.03129; the
sampler alone, without its cellular automaton, which is a reconstruction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.binarise import mask_of
from models.density import density_from_importance
from models.exact_count import settle_count
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_lab

NAME = "mascar"
APPROXIMATION = (
    "approximated from its abstract: a patch's share of the samples follows the mean of its lightness' standard "
    "deviation, number of large cosine coefficients and mean gradient, each over its largest; a third of a patch's "
    "samples lie on a fixed grid, a third at its largest horizontal and vertical gradients, a third by chance; the "
    "original's formulas and weights are not reproduced"
)
PATCH = 8
"""Side of a patch in cells."""
LARGE_COEFFICIENT = 0.05
"""Of the lightness range, in the orthonormal cosine transform of a patch: a wave of 0.6 % amplitude and more."""
EVEN_FLOOR = 0.5
"""Of the mean content, added to every patch: a third of all samples are spread evenly."""


def mascar_mask(request: MaskRequest) -> MaskResult:
    """Cells patch by patch: evenly, at the largest gradients, and by chance.

    The density is the expected share of a patch's cells. What is approximated: `APPROXIMATION`.
    """
    allowed = request.allowed_cells()
    lightness = photograph_lab(request.photograph(NAME), request.shape)[..., 0] / np.float32(100)
    across, down = _gradients(lightness)
    content = _content(_patches(lightness), _patches(across) + _patches(down))
    spread = content.repeat(PATCH, axis=0).repeat(PATCH, axis=1)[: allowed.shape[0], : allowed.shape[1]]
    density = density_from_importance(spread, count=request.count, allowed=allowed, origin=NAME, floor=EVEN_FLOOR)
    chosen = _choose(density.values, across, down, allowed, np.random.default_rng(request.seed))
    cells = settle_count(chosen, density=density.values, allowed=allowed, count=request.count)
    mask = mask_of(
        cells, density=density, allowed=allowed, binariser="patches", seed=request.seed, max_hole=request.max_hole
    )
    return MaskResult(density, mask)


def _gradients(lightness: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Absolute central differences across and down, shape (rows, columns)."""
    padded = np.pad(lightness, 1, mode="edge")
    return np.abs(padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, np.abs(padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2


def _patches(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shape (patches down, patches across, PATCH x PATCH); the last row and column of cells fill the border up."""
    rows, columns = (-(-extent // PATCH) for extent in image.shape)
    padded = np.pad(image, ((0, rows * PATCH - image.shape[0]), (0, columns * PATCH - image.shape[1])), mode="edge")
    return padded.reshape(rows, PATCH, columns, PATCH).swapaxes(1, 2).reshape(rows, columns, PATCH**2)


def _content(lightness: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each patch holds in space, frequency and gradient, in [0, 1], shape (patches down, patches across)."""
    from scipy.fft import dctn

    coefficients = dctn(lightness.reshape(*lightness.shape[:2], PATCH, PATCH), axes=(2, 3), norm="ortho")
    large = np.count_nonzero(np.abs(coefficients) > LARGE_COEFFICIENT, axis=(2, 3)).astype(np.float32)
    # the mean of a patch is one of its coefficients and no content
    parts = (lightness.std(axis=2), np.maximum(large - 1, 0), gradient.mean(axis=2))
    content = np.zeros(lightness.shape[:2], np.float32)
    for part in parts:
        if (largest := part.max()) > 0:
            content += part / (3 * largest)
    return content


def _choose(
    density: NDArray[np.float32],
    across: NDArray[np.float32],
    down: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """About as many allowed cells in each patch as the density adds up to."""
    rows, columns = (-(-extent // PATCH) * PATCH for extent in allowed.shape)
    border = ((0, rows - allowed.shape[0]), (0, columns - allowed.shape[1]))
    left = _patches(np.pad(allowed, border).astype(np.float32)) > 0
    wanted = _patches(np.pad(density, border)).sum(axis=2)
    number = np.floor(wanted + random.random(wanted.shape)).astype(np.int64)
    evenly, steep = -(-number // 3), (number + 1) // 3
    chosen = np.zeros(left.shape, np.bool_)
    for share, rank in (
        (evenly, np.broadcast_to(_even_order(), left.shape)),
        (-(-steep // 2), -_patches(across)),
        (steep // 2, -_patches(down)),
        (number - evenly - steep, random.random(left.shape)),
    ):
        taken = _lowest(np.where(left, rank, np.inf), share) & left
        chosen |= taken
        left &= ~taken
    grid = chosen.reshape(rows // PATCH, columns // PATCH, PATCH, PATCH).swapaxes(1, 2).reshape(rows, columns)
    return np.ascontiguousarray(grid[: allowed.shape[0], : allowed.shape[1]])


def _lowest(rank: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The given number of cells of lowest rank in each patch."""
    place = np.argsort(np.argsort(rank, axis=2, kind="stable"), axis=2, kind="stable")
    return np.asarray(place < number[..., None])


def _even_order() -> NDArray[np.float64]:
    """Ordered-dither ranks of a patch's cells, shape (PATCH x PATCH,): any first few of them are spread out."""
    order = np.zeros((1, 1))
    while order.shape[0] < PATCH:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    # the first cell in the middle of the patch
    return np.roll(order, PATCH // 2, axis=(0, 1)).ravel()
