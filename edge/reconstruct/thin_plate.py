"""Inner loops of the thin-plate solver: fields are (rows, columns, elements), `free` is (rows, columns)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Free = NDArray[np.bool_]


def bending(length: int) -> Floats:
    """Coefficients, (length, 5), of a cell's neighbours -2 to +2 along a line whose energy is that of second steps.

    Second steps are taken where all three cells exist, which leaves the ends free: the natural boundary condition.
    """
    steps = np.diff(np.eye(length), 2, axis=0)
    return _band(steps.T @ steps, 2) if length <= _DENSE else _grown(bending(_DENSE), length)


def stretching(length: int) -> Floats:
    """Coefficients, (length, 3), of a cell's neighbours -1 to +1 along a line whose energy is that of first steps."""
    steps = np.diff(np.eye(length), axis=0)
    return _band(steps.T @ steps, 1) if length <= _DENSE else _grown(stretching(_DENSE), length)


_DENSE = 12
"""Longer lines repeat the middle of one of this length."""


def _band(matrix: Doubles, reach: int) -> Floats:
    padded = np.pad(matrix, ((0, 0), (reach, reach)))
    return np.array([padded[i, i : i + 2 * reach + 1] for i in range(len(matrix))], np.float32).reshape(
        len(matrix), 2 * reach + 1
    )


def _grown(band: Floats, length: int) -> Floats:
    half = _DENSE // 2
    return np.concatenate([band[:half], np.repeat(band[half : half + 1], length - _DENSE, axis=0), band[half:]])


@compiled
def plate_load(
    field: Floats, free: Free, bend_down: Floats, bend_across: Floats, down: Floats, across: Floats, load: Floats
) -> None:
    """The derivative of half the bending energy by each free cell; zero at held cells.

    The energy adds up squared second steps along rows and along columns, and twice the squared mixed ones.
    """
    rows, columns, elements = field.shape
    two = np.float32(2)
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        top, bottom = max(i - 2, 0), min(i + 2, rows - 1)
        for j in range(columns):
            if not free[i, j]:
                load[i, j] = 0
                continue
            left, right = max(j - 1, 0), min(j + 1, columns - 1)
            first, last = max(j - 2, 0), min(j + 2, columns - 1)
            north, south, west, east = two * down[i, 0], two * down[i, 2], across[j, 0], across[j, 2]
            own_down, own_across = two * down[i, 1], across[j, 1]
            centre = bend_down[i, 2] + bend_across[j, 2] + own_down * own_across
            up, low = bend_down[i, 1] + north * own_across, bend_down[i, 3] + south * own_across
            back, on = bend_across[j, 1] + own_down * west, bend_across[j, 3] + own_down * east
            far_up, far_low, far_back, far_on = bend_down[i, 0], bend_down[i, 4], bend_across[j, 0], bend_across[j, 4]
            for e in range(elements):
                load[i, j, e] = (
                    centre * field[i, j, e]
                    + up * field[above, j, e]
                    + low * field[below, j, e]
                    + back * field[i, left, e]
                    + on * field[i, right, e]
                    + far_up * field[top, j, e]
                    + far_low * field[bottom, j, e]
                    + far_back * field[i, first, e]
                    + far_on * field[i, last, e]
                    + north * (west * field[above, left, e] + east * field[above, right, e])
                    + south * (west * field[below, left, e] + east * field[below, right, e])
                )


@compiled
def products(one: Floats, other: Floats, total: Doubles) -> None:
    """Scalar product of two fields for each element, written to `total`, (elements,)."""
    rows, columns, elements = one.shape
    total[:] = 0
    along = np.empty(elements, np.float32)
    for i in range(rows):
        along[:] = 0
        for j in range(columns):
            for e in range(elements):
                along[e] += one[i, j, e] * other[i, j, e]
        for e in range(elements):
            total[e] += along[e]


@compiled
def add_scaled(field: Floats, factor: Floats, step: Floats) -> None:
    """Add to each element of `field` its factor times `step`."""
    rows, columns, elements = field.shape
    for i in range(rows):
        for j in range(columns):
            for e in range(elements):
                field[i, j, e] += factor[e] * step[i, j, e]


@compiled
def scale_and_add(field: Floats, factor: Floats, step: Floats) -> None:
    """Multiply each element of `field` by its factor, and add `step`."""
    rows, columns, elements = field.shape
    for i in range(rows):
        for j in range(columns):
            for e in range(elements):
                field[i, j, e] = factor[e] * field[i, j, e] + step[i, j, e]
