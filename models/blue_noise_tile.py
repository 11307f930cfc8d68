"""A square of blue-noise thresholds, computed once per process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE = 64
_SIGMA_CELLS = 1.5
_REACH_CELLS = 7
_INITIAL_SHARE = 0.1


@lru_cache(maxsize=1)
def thresholds() -> NDArray[np.float64]:
    """Void-and-cluster ranks over their number (Ulichney 1993, Proc. SPIE 1913).

    Returns
    -------
    NDArray[np.float64]
        Shape (SIDE, SIDE), each of 0, 1/SIDE^2, ... once; wraps around at its edges; read-only.
    """
    pattern = _Pattern(np.random.default_rng(20))
    pattern.spread()
    ranks = np.empty(SIDE * SIDE, np.int64)
    initial, crowding = pattern.chosen.copy(), pattern.crowding.copy()
    for rank in range(int(np.count_nonzero(initial)) - 1, -1, -1):
        ranks[pattern.drop_tightest()] = rank
    pattern.chosen, pattern.crowding = initial, crowding
    for rank in range(int(np.count_nonzero(initial)), SIDE * SIDE):
        ranks[pattern.fill_widest()] = rank
    tile = (ranks / SIDE**2).reshape(SIDE, SIDE)
    tile.flags.writeable = False
    return tile


class _Pattern:
    """Chosen cells of the tile and how crowded every cell is by them."""

    def __init__(self, random: np.random.Generator) -> None:
        steps = np.arange(-_REACH_CELLS, _REACH_CELLS + 1)
        falloff = np.exp(-(steps**2) / (2 * _SIGMA_CELLS**2))
        self._kernel = np.outer(falloff, falloff).ravel()
        wrapped = (np.arange(SIDE)[:, None] + steps) % SIDE
        self._around = (wrapped[:, None, :, None] * SIDE + wrapped[None, :, None, :]).reshape(SIDE**2, -1)
        self.chosen = np.zeros(SIDE**2, np.bool_)
        # chance decides between equals
        self.crowding = random.random(SIDE**2) * 1e-6
        for cell in random.permutation(SIDE**2)[: int(_INITIAL_SHARE * SIDE**2)]:
            self._set(int(cell), True)

    def spread(self) -> None:
        """Move the tightest cell to the widest void until it would move to where it was."""
        while True:
            left = self.drop_tightest()
            if self.fill_widest() == left:
                return

    def drop_tightest(self) -> int:
        cell = int(np.argmax(np.where(self.chosen, self.crowding, -np.inf)))
        self._set(cell, False)
        return cell

    def fill_widest(self) -> int:
        cell = int(np.argmin(np.where(self.chosen, np.inf, self.crowding)))
        self._set(cell, True)
        return cell

    def _set(self, cell: int, chosen: bool) -> None:
        self.chosen[cell] = chosen
        self.crowding[self._around[cell]] += self._kernel if chosen else -self._kernel
