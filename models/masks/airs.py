"""Adaptive irregular sampling: blocks are split where their lightness is skewed, and give one cell each.

G. Ramponi, S. Carrato, "An adaptive irregular sampling algorithm and its application to image coding", Image and
Vision Computing 19 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.binarise import mask_of
from models.density import density_from_importance
from models.exact_count import settle_count
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_lab

NAME = "airs"
APPROXIMATION = (
    "approximated from its abstract: the blocks with the largest sum of cubed deviations of lightness from its mean "
    "are quartered until there are as many as samples, and each gives its brightest cell, or its darkest where it is "
    "skewed to the dark; the original's operator, thresholds, gradient term and discs are not reproduced"
)
START_SHARE = 0.25
"""Of the samples, at most, on the regular grid of blocks that all splitting starts from: flat regions keep that."""
_LEAST_SKEW = 1e-4
"""Of the lightness range: a block below it is flat."""


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Blocks of one side; all arrays of shape (blocks down, blocks across)."""

    side: int
    cells: NDArray[np.float64]
    """Allowed cells in each."""
    skew: NDArray[np.float64]
    """Cube root of the sum of cubed deviations of their lightness from its mean, in its unit."""


def airs_mask(request: MaskRequest) -> MaskResult:
    """One cell from each block, the blocks smaller where the lightness within them is skewed.

    The density is the inverse of the blocks' area. What is approximated: `APPROXIMATION`.
    """
    allowed = request.allowed_cells()
    lightness = photograph_lab(request.photograph(NAME), request.shape)[..., 0].astype(np.float64) / 100
    levels = _levels(lightness, allowed)
    side = _sides(levels, request.count, request.shape)
    density = density_from_importance(1.0 / side**2, count=request.count, allowed=allowed, origin=NAME, floor=0.0)
    chosen = _extremes(lightness, allowed, side, levels, np.random.default_rng(request.seed))
    cells = settle_count(chosen, density=density.values, allowed=allowed, count=request.count)
    mask = mask_of(
        cells, density=density, allowed=allowed, binariser="blocks", seed=request.seed, max_hole=request.max_hole
    )
    return MaskResult(density, mask)


def _levels(lightness: NDArray[np.float64], allowed: NDArray[np.bool_]) -> list[_Level]:
    """From single cells to one block around all of them."""
    size = 1 << (max(lightness.shape) - 1).bit_length()
    padding = [(0, size - extent) for extent in lightness.shape]
    inside = np.pad(allowed, padding).astype(np.float64)
    # about the mean, so that the powers keep their digits
    deviation = np.pad(lightness - lightness[allowed].mean(), padding) * inside
    sums = np.stack([inside, deviation, deviation**2, deviation**3])
    levels, side = [], 1
    while True:
        cells, first, second, third = sums
        mean = first / np.maximum(cells, 1)
        levels.append(_Level(side, cells, np.cbrt(third - 3 * mean * second + 2 * cells * mean**3)))
        if side == size:
            return levels
        half = sums.shape[1] // 2
        sums = sums.reshape(4, half, 2, half, 2).sum(axis=(2, 4))
        side *= 2


def _sides(levels: list[_Level], count: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Side of the block that each cell is in, when at most `count` blocks are left unsplit."""
    filled = [int(np.count_nonzero(level.cells)) for level in levels]
    start = next((n for n in range(len(levels)) if filled[n] <= START_SHARE * count), len(levels) - 1)
    priorities, gains = [], []
    ceiling = np.full(levels[start].cells.shape, np.inf)
    for n in range(start, 0, -1):
        # a block cannot be split before the one that it is part of
        ceiling = np.minimum(ceiling, np.abs(levels[n].skew))
        half = levels[n].cells.shape[0]
        parts = (levels[n - 1].cells > 0).reshape(half, 2, half, 2).sum(axis=(1, 3))
        priorities.append(ceiling)
        gains.append(parts - 1)
        ceiling = ceiling.repeat(2, axis=0).repeat(2, axis=1)
    split = _first_splits(priorities, gains, room=count - filled[start])
    side = np.full(levels[0].cells.shape, levels[start].side)
    for n, flags in zip(range(start, 0, -1), split, strict=True):
        side[flags.repeat(levels[n].side, axis=0).repeat(levels[n].side, axis=1)] = levels[n - 1].side
    return side[: shape[0], : shape[1]]


def _first_splits(
    priorities: list[NDArray[np.float64]], gains: list[NDArray[np.int64]], room: int
) -> list[NDArray[np.bool_]]:
    """Which blocks of each level are split, those of highest priority, so that at most `room` blocks are added."""
    if not priorities:
        return []
    priority = np.concatenate([one.ravel() for one in priorities])
    gain = np.concatenate([one.ravel() for one in gains])
    order = np.argsort(-priority, kind="stable")
    order = order[(priority[order] > _LEAST_SKEW) & (gain[order] >= 0)]
    split = np.zeros(priority.shape, np.bool_)
    split[order[np.cumsum(gain[order]) <= room]] = True
    ends = np.cumsum([one.size for one in priorities])[:-1]
    return [flags.reshape(one.shape) for flags, one in zip(np.split(split, ends), priorities, strict=True)]


def _extremes(
    lightness: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    side: NDArray[np.int64],
    levels: list[_Level],
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """The brightest or darkest allowed cell of each block, whichever its skew points to; ties by chance."""
    rows, columns = np.nonzero(allowed)
    sides = side[rows, columns]
    top, left = rows - rows % sides, columns - columns % sides
    sign = np.ones(rows.size)
    for level in levels:
        within = sides == level.side
        sign[within] = np.where(level.skew[top[within] // level.side, left[within] // level.side] < 0, -1.0, 1.0)
    order = np.lexsort((random.random(rows.size), -sign * lightness[rows, columns], left, top))
    first = np.ones(rows.size, np.bool_)
    first[1:] = (np.diff(top[order]) != 0) | (np.diff(left[order]) != 0)
    cells = np.zeros(allowed.shape, np.bool_)
    cells[rows[order[first]], columns[order[first]]] = True
    return cells
