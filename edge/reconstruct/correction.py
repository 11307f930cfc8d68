"""Multigrid for a grid whose links differ in strength: corrections go down to one cell and back up.

V-cycles after A. Brandt, "Multi-level adaptive solutions to boundary-value problems" (1977), with coarse links that are
half the sum of the links across between blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct import multigrid
from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Links of one level between cells whose value is sought, and room for its correction."""

    across: Floats
    """Of a cell to its right neighbour, (rows, columns)."""
    down: Floats
    """Of a cell to the one below."""
    diagonal: Floats
    """Sum of a free cell's links, those to held cells included; zero for held cells."""
    free: NDArray[np.bool_]
    error: Floats
    """(rows, columns, elements)."""
    load: Floats


def coarser(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def coarser_levels(across: Floats, down: Floats, diagonal: Floats, elements: int) -> list[Links]:
    """Every level below the one whose links are given, down to one cell."""
    levels: list[Links] = []
    shape: tuple[int, ...] = diagonal.shape
    while max(shape) > 1 and diagonal.any():
        shape = coarser(shape)
        finer = across, down, diagonal
        across, down, diagonal = (np.empty(shape, np.float32) for _ in range(3))
        multigrid.coarse_links(*finer, across, down, diagonal)
        room = np.zeros((*shape, elements), np.float32), np.empty((*shape, elements), np.float32)
        levels.append(Links(across, down, diagonal, diagonal > 0, *room))
    return levels


def correct(levels: list[Links], depth: int = 0) -> None:
    """Solve roughly for the error of one level from its load: one sweep before and one after the coarser ones."""
    here = levels[depth]
    here.error[:] = 0
    multigrid.relax_correction(here.error, here.load, here.across, here.down, here.diagonal)
    if depth + 1 < len(levels):
        below = levels[depth + 1]
        multigrid.restrict_correction(here.error, here.load, here.across, here.down, here.diagonal, below.load)
        correct(levels, depth + 1)
        multigrid.add_interpolated(below.error, here.error, here.free)
    multigrid.relax_correction(here.error, here.load, here.across, here.down, here.diagonal)


class WeightedGrid:
    """The whole grid with links of unequal strength, some cells held: minimises the sum of links times squared steps.

    The equation of a free cell: its links, each times the step to the neighbour, add up to zero. No flow leaves the
    grid.
    """

    def __init__(self, free: NDArray[np.bool_], elements: int) -> None:
        self.free = free
        self.across: Floats = np.ones(free.shape, np.float32)
        """Every link to the right, (rows, columns), above zero; the last column is not read."""
        self.down: Floats = np.ones(free.shape, np.float32)
        """Every link downwards; the last row is not read."""
        across, down, diagonal = (np.empty(free.shape, np.float32) for _ in range(3))
        error, load = (np.empty((*free.shape, elements), np.float32) for _ in range(2))
        _links_of_free(self.across, self.down, free, across, down, diagonal)
        top = Links(across, down, diagonal, free, error, load)
        self._levels = [top, *coarser_levels(across, down, diagonal, elements)]

    def relink(self) -> None:
        """Bring all levels up to date after a change of `across` or `down`."""
        for depth, level in enumerate(self._levels):
            planes = level.across, level.down, level.diagonal
            if depth == 0:
                _links_of_free(self.across, self.down, self.free, *planes)
            else:
                finer = self._levels[depth - 1]
                multigrid.coarse_links(finer.across, finer.down, finer.diagonal, *planes)

    def improve(self, field: Floats) -> None:
        """One V-cycle on a field, (rows, columns, elements), in place."""
        top = self._levels[0]
        _residual(field, self.free, self.across, self.down, top.load)
        correct(self._levels)
        field += top.error

    def roughly_solve(self, load: Floats, answer: Floats) -> None:
        """Write to `answer` what two V-cycles make of the load: about the inverse of the operator, applied twice.

        Both are (rows, columns, elements), zero at held cells.
        """
        top = self._levels[0]
        top.load[:] = load
        correct(self._levels)
        top.load[:] = top.error
        correct(self._levels)
        answer[:] = top.error


@compiled
def _links_of_free(
    across: Floats,
    down: Floats,
    free: NDArray[np.bool_],
    free_across: Floats,
    free_down: Floats,
    diagonal: Floats,
) -> None:
    """Links between free cells alone, and the sum of all links of each free cell."""
    rows, columns = free.shape
    for i in range(rows):
        for j in range(columns):
            total = np.float32(0)
            free_across[i, j] = 0
            free_down[i, j] = 0
            if free[i, j]:
                if i > 0:
                    total += down[i - 1, j]
                if j > 0:
                    total += across[i, j - 1]
                if j + 1 < columns:
                    total += across[i, j]
                    if free[i, j + 1]:
                        free_across[i, j] = across[i, j]
                if i + 1 < rows:
                    total += down[i, j]
                    if free[i + 1, j]:
                        free_down[i, j] = down[i, j]
            diagonal[i, j] = total


@compiled
def _residual(field: Floats, free: NDArray[np.bool_], across: Floats, down: Floats, load: Floats) -> None:
    """Sum over the links of each free cell of link times step to the neighbour; zero at held cells."""
    rows, columns, elements = field.shape
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            if free[i, j]:
                left, right = max(j - 1, 0), min(j + 1, columns - 1)
                up_link, left_link = down[above, j], across[i, left]
                down_link, right_link = down[i, j], across[i, j]
                for e in range(elements):
                    here = field[i, j, e]
                    load[i, j, e] = (
                        up_link * (field[above, j, e] - here)
                        + down_link * (field[below, j, e] - here)
                        + left_link * (field[i, left, e] - here)
                        + right_link * (field[i, right, e] - here)
                    )
            else:
                for e in range(elements):
                    load[i, j, e] = 0
