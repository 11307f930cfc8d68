"""The Green's matrix of harmonic inpainting, kept exact while single cells are held and let go.

Held cells keep the photograph's value; at the free ones the graph Laplacian L (no flow through the borders) of the
filled image is zero. With G the inverse of L among the free cells, zero elsewhere, the error of the filled image is
G times the photograph's own Laplacian. Letting a cell go adds ``h h' / s`` to G, holding one takes such a term away;
h, its *reach*, is one at the cell, zero at the held cells and harmonic between, s its Laplacian at the cell. By the
maximum principle h is below whatever it is below all along a ring around the cell: everything happens in a box.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NEGLIGIBLE = 1e-9
"""Change of the Green's matrix that is left out; thousands of exchanges add up to less than float32 resolves."""


class Inpainting(NamedTuple):
    """A photograph, its held cells, and what filling the others gets wrong; n cells in row-major order."""

    shape: tuple[int, int]
    green: NDArray[np.float64]
    """Shape (n, n)."""
    error: NDArray[np.float64]
    """Photograph less filled image, shape (channels, n)."""
    load: NDArray[np.float64]
    """The photograph's graph Laplacian, shape (channels, n)."""
    weight: NDArray[np.float64]
    """What a cell's squared error counts, shape (n,)."""
    held: NDArray[np.bool_]
    """Shape (n,)."""


def wholly_held(photograph: NDArray[np.float32], weight: NDArray[np.bool_]) -> Inpainting:
    """Start from every cell held, where nothing is wrong and the Green's matrix is zero.

    Parameters
    ----------
    photograph
        Shape (rows, columns, channels).
    weight
        Cells whose error counts, shape (rows, columns).
    """
    rows, columns, channels = photograph.shape
    cells = rows * columns
    padded = np.pad(photograph.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = padded[1:-1, 1:-1]
    load = 4 * middle - padded[:-2, 1:-1] - padded[2:, 1:-1] - padded[1:-1, :-2] - padded[1:-1, 2:]
    return Inpainting(
        shape=(rows, columns),
        green=np.zeros((cells, cells)),
        error=np.zeros((channels, cells)),
        load=np.ascontiguousarray(load.reshape(cells, channels).T),
        weight=weight.ravel().astype(np.float64),
        held=np.ones(cells, np.bool_),
    )


@njit(cache=True)
def let_go(inpainting: Inpainting, cell: int) -> None:
    """Free a held cell."""
    reach, rise = np.zeros(inpainting.held.size), np.empty(inpainting.error.shape[0])
    stiffness, largest = reach_nearby(inpainting, cell, NEGLIGIBLE, reach)
    rise_of_held(inpainting, cell, stiffness, rise)
    _apply(inpainting, cell, reach, largest, 1 / stiffness, rise)
    inpainting.held[cell] = False


@njit(cache=True)
def hold(inpainting: Inpainting, cell: int) -> None:
    """Hold a free cell at the photograph's value."""
    own = inpainting.green[cell, cell]
    reach = inpainting.green[cell] / own
    _apply(inpainting, cell, reach, _largest_on_rings(inpainting.shape, cell, reach), -own, -inpainting.error[:, cell])
    inpainting.green[cell] = 0.0
    inpainting.green[:, cell] = 0.0
    inpainting.error[:, cell] = 0.0
    inpainting.held[cell] = True


@njit(cache=True, fastmath=True)
def reach_of_held(inpainting: Inpainting, cell: int, reach: NDArray[np.float64]) -> float:
    """Write what freeing a held cell would reach, shape (n,); its Laplacian at the cell."""
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    reach[:] = 0.0
    stiffness = 0.0
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < rows and 0 <= c < columns:
            stiffness += 1.0
            if not inpainting.held[r * columns + c]:
                source = inpainting.green[r * columns + c]
                for n in range(reach.size):
                    reach[n] += source[n]
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < rows and 0 <= c < columns:
            stiffness -= reach[r * columns + c]
    reach[cell] = 1.0
    return stiffness


@njit(cache=True)
def reach_nearby(
    inpainting: Inpainting, cell: int, negligible: float, reach: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """`reach_of_held` out to the first square ring on which it is negligible.

    Returns
    -------
    tuple[float, NDArray[np.float64]]
        The reach's Laplacian at the cell, and its largest value on each ring that was written, the cell's first.
    """
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    largest = np.zeros(max(rows, columns) + 1)
    largest[0] = 1.0
    sources = np.empty(4, np.int64)
    count, stiffness = 0, 0.0
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < rows and 0 <= c < columns:
            stiffness += 1.0
            if not inpainting.held[r * columns + c]:
                sources[count] = r * columns + c
                count += 1
    radius = 0
    while largest[radius] > negligible:
        radius += 1
        for r in range(max(row - radius, 0), min(row + radius + 1, rows)):
            step = 1 if abs(r - row) == radius else 2 * radius
            for c in range(column - radius, column + radius + 1, step):
                if 0 <= c < columns:
                    value = 0.0
                    for n in range(count):
                        value += inpainting.green[sources[n], r * columns + c]
                    reach[r * columns + c] = value
                    largest[radius] = max(largest[radius], value)
    for n in range(count):
        stiffness -= reach[sources[n]]
    reach[cell] = 1.0
    return stiffness, largest[: radius + 1]


@njit(cache=True)
def clear_nearby(inpainting: Inpainting, cell: int, radius: int, reach: NDArray[np.float64]) -> None:
    """Set a reach to zero in a square."""
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    for r in range(max(row - radius, 0), min(row + radius + 1, rows)):
        reach[r * columns + max(column - radius, 0) : r * columns + min(column + radius + 1, columns)] = 0.0


@njit(cache=True)
def stiffness_of_held(inpainting: Inpainting, cell: int) -> float:
    """What `reach_of_held` returns, alone."""
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    stiffness = 0.0
    for r, c in around:
        if 0 <= r < rows and 0 <= c < columns:
            stiffness += 1.0
            for other_r, other_c in around:
                if 0 <= other_r < rows and 0 <= other_c < columns:
                    stiffness -= inpainting.green[r * columns + c, other_r * columns + other_c]
    return stiffness


@njit(cache=True)
def rise_of_held(inpainting: Inpainting, cell: int, stiffness: float, rise: NDArray[np.float64]) -> None:
    """Write the error that a held cell would have if it were free, shape (channels,)."""
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    for channel in range(rise.size):
        risen = inpainting.load[channel, cell]
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < rows and 0 <= c < columns:
                risen += inpainting.error[channel, r * columns + c]
        rise[channel] = risen / stiffness


@njit(cache=True, fastmath=True)
def cost_nearby(
    inpainting: Inpainting, cell: int, radius: int, reach: NDArray[np.float64], rise: NDArray[np.float64]
) -> float:
    """How much the squared error in a square grows when the error grows by `rise` times `reach`."""
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    grown = 0.0
    for channel in range(rise.size):
        error = inpainting.error[channel]
        for r in range(max(row - radius, 0), min(row + radius + 1, rows)):
            for n in range(r * columns + max(column - radius, 0), r * columns + min(column + radius + 1, columns)):
                added = reach[n] * rise[channel]
                grown += inpainting.weight[n] * added * (added + 2 * error[n])
    return grown


@njit(cache=True, fastmath=True)
def weighted_product(weight: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Sum over cells of two fields' product."""
    total = 0.0
    for n in range(weight.size):
        total += weight[n] * one[n] * other[n]
    return total


@njit(cache=True)
def squared_error(inpainting: Inpainting) -> float:
    """Sum over cells and channels, weighted."""
    total = 0.0
    for error in inpainting.error:
        total += weighted_product(inpainting.weight, error, error)
    return total


@njit(cache=True)
def _largest_on_rings(shape: tuple[int, int], cell: int, reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest value on each square ring around a cell, out to the first on which it is negligible."""
    rows, columns = shape
    row, column = cell // columns, cell % columns
    largest = np.zeros(max(rows, columns) + 1)
    largest[0] = 1.0
    radius = 0
    while largest[radius] > NEGLIGIBLE:
        radius += 1
        for r in range(max(row - radius, 0), min(row + radius + 1, rows)):
            step = 1 if abs(r - row) == radius else 2 * radius
            for c in range(column - radius, column + radius + 1, step):
                if 0 <= c < columns:
                    largest[radius] = max(largest[radius], reach[r * columns + c])
    return largest[: radius + 1]


@njit(cache=True, fastmath=True)
def _apply(
    inpainting: Inpainting,
    cell: int,
    reach: NDArray[np.float64],
    largest: NDArray[np.float64],
    factor: float,
    rise: NDArray[np.float64],
) -> None:
    """Add factor times the reach's outer square to the Green's matrix, and rise times the reach to the error.

    Products that are negligible are left out: for a row of the matrix, those beyond the ring on which they become so.
    """
    rows, columns = inpainting.shape
    row, column = cell // columns, cell % columns
    outer = largest.size - 1
    for one in range(max(row - outer, 0) * columns, min(row + outer + 1, rows) * columns):
        own = reach[one]
        if own > NEGLIGIBLE:
            target = inpainting.green[one]
            radius = outer
            while radius > 0 and largest[radius - 1] * own <= NEGLIGIBLE:
                radius -= 1
            for r in range(max(row - radius, 0), min(row + radius + 1, rows)):
                for n in range(r * columns + max(column - radius, 0), r * columns + min(column + radius + 1, columns)):
                    target[n] += factor * own * reach[n]
    for channel in range(rise.size):
        error = inpainting.error[channel]
        for n in range(reach.size):
            error[n] += rise[channel] * reach[n]
