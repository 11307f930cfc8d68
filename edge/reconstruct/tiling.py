"""The square tiles that kriging works in, and how they are shared among processor cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TILE_CELLS = 8
_WORTH_A_THREAD = 200
"""Tiles or neighbourhoods that take some milliseconds, far longer than a thread takes to start."""
_MOST_THREADS = 4


def tiles_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Tiles that cover the grid, down and across."""
    return -(-shape[0] // TILE_CELLS), -(-shape[1] // TILE_CELLS)


def tile_count(shape: tuple[int, int]) -> int:
    """Tiles that cover the grid, numbered row by row."""
    down, across = tiles_of(shape)
    return down * across


def tile_centres(which: NDArray[np.intp], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Row and column of the middle of each tile, shape (tiles, 2); tiles at the far edges may reach beyond it."""
    across = tiles_of(shape)[1]
    corners = np.column_stack([which // across, which % across]) * TILE_CELLS
    return (corners + (TILE_CELLS - 1) / 2).astype(np.float32)


def in_shares(work: Callable[[slice], None], count: int) -> None:
    """Do `work` on all of 0 to `count`, in as many threads as there are cores and work for them.

    The shares do not depend on each other, so that the result does not depend on the number of threads.
    """
    threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS, max(count // _WORTH_A_THREAD, 1))
    if threads == 1:
        work(slice(0, count))
        return
    bounds = [count * share // threads for share in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [slice(*ends) for ends in pairwise(bounds)]))
