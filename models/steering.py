"""Kernels that follow the structure of an image known at some cells only, and what they say of where to look next.

Steering: H. Takeda, S. Farsiu, P. Milanfar, "Kernel regression for image processing and reconstruction", IEEE Trans.
Image Process. 16 (2007), eq. 37 to 41, from the covariance of the gradients around each cell.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

STEEPNESS_FLOOR = 0.01
"""Added to the gradients along and across before their ratio is taken, per cell: flat regions get round kernels."""
LONGEST = 4.0
"""Largest ratio of a kernel's length to its width, and of any kernel's area to the typical one and back."""
WEAKEST = 0.02
"""Sum of kernel values at samples that an unsupported cell is credited with: the most that one cell can ask for."""
_DIRECTIONS_CELLS = 1.5
"""Standard deviation of the window over which gradients are gathered."""


def steering(image: NDArray[np.float32], scale_cells: float) -> NDArray[np.float32]:
    """Quadratic form of each cell's kernel: smaller and longer where the image is busy, along what is there.

    Parameters
    ----------
    image
        Shape (rows, columns, channels).
    scale_cells
        Standard deviation of a typical kernel.

    Returns
    -------
    NDArray[np.float32]
        Shape (rows, columns, 3): a, b, c of ``a dy^2 + 2 b dy dx + c dx^2``, which is one at one standard deviation.
    """
    import cv2

    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    dy = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    dx = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    products = np.stack([np.square(dy).sum(axis=2), (dy * dx).sum(axis=2), np.square(dx).sum(axis=2)], axis=2)
    tensor = cv2.GaussianBlur(products, (0, 0), _DIRECTIONS_CELLS, borderType=cv2.BORDER_REPLICATE)
    tensor = tensor.reshape(products.shape)
    half = (tensor[..., 0] + tensor[..., 2]) / 2
    split = np.hypot((tensor[..., 0] - tensor[..., 2]) / 2, tensor[..., 1])
    across, along = np.sqrt(half + split), np.sqrt(np.maximum(half - split, 0))
    ratio = np.minimum((across + STEEPNESS_FLOOR) / (along + STEEPNESS_FLOOR), LONGEST)
    busy = np.sqrt((across + STEEPNESS_FLOOR) * (along + STEEPNESS_FLOOR))
    busy = np.clip(busy / np.median(busy), 1 / LONGEST, LONGEST)
    angle = np.arctan2(2 * tensor[..., 1], tensor[..., 0] - tensor[..., 2]) / 2
    # the steepest direction, (cos, sin) in (dy, dx), is the kernel's short one
    short, long = busy * ratio, busy / ratio
    cos, sin = np.cos(angle), np.sin(angle)
    form = np.stack(
        [short * cos**2 + long * sin**2, (short - long) * cos * sin, short * sin**2 + long * cos**2], axis=2
    )
    return np.ascontiguousarray(form / scale_cells**2, np.float32)


@njit(cache=True, fastmath=True)
def regress(
    values: NDArray[np.float32],
    sampled: NDArray[np.bool_],
    form: NDArray[np.float32],
    reach: int,
    estimate: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Kernel mean of the samples at every other cell into `estimate`; sum of kernel values there (rows, columns).

    Parameters
    ----------
    values
        Shape (rows, columns, channels); read at sampled cells only.
    sampled
        Shape (rows, columns).
    form
        See `steering`.
    reach
        Half the side of the window that is looked at, in cells.
    estimate
        Shape of `values`; a cell without a sample in its window keeps what it has.
    """
    rows, columns, channels = values.shape
    strength = np.zeros((rows, columns), np.float32)
    total = np.zeros(channels)
    for row in range(rows):
        for column in range(columns):
            if sampled[row, column]:
                estimate[row, column] = values[row, column]
                continue
            a, b, c = form[row, column, 0], form[row, column, 1], form[row, column, 2]
            weight = 0.0
            total[:] = 0.0
            for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
                for k in range(max(column - reach, 0), min(column + reach + 1, columns)):
                    if sampled[r, k]:
                        dy, dx = r - row, k - column
                        kernel = np.exp(-0.5 * (a * dy * dy + 2 * b * dy * dx + c * dx * dx))
                        weight += kernel
                        for channel in range(channels):
                            total[channel] += kernel * values[r, k, channel]
            strength[row, column] = weight
            if weight > 1e-12:
                for channel in range(channels):
                    estimate[row, column, channel] = total[channel] / weight
    return strength


@njit(cache=True, fastmath=True)
def demand(
    askers: NDArray[np.bool_], strength: NDArray[np.float32], form: NDArray[np.float32], reach: int
) -> NDArray[np.float32]:
    """Sum over cells of their kernel over their strength: how much a sample at each asker would help the others.

    Parameters
    ----------
    askers
        Cells that ask and that may be sampled, shape (rows, columns).
    strength
        See `regress`.
    form, reach
        As there.
    """
    rows, columns = askers.shape
    wanted = np.zeros((rows, columns), np.float32)
    for row in range(rows):
        for column in range(columns):
            if not askers[row, column]:
                continue
            a, b, c = form[row, column, 0], form[row, column, 1], form[row, column, 2]
            need = 1 / max(strength[row, column], np.float32(WEAKEST))
            for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
                for k in range(max(column - reach, 0), min(column + reach + 1, columns)):
                    if askers[r, k]:
                        dy, dx = r - row, k - column
                        wanted[r, k] += need * np.exp(-0.5 * (a * dy * dy + 2 * b * dy * dx + c * dx * dx))
    return wanted


@njit(cache=True)
def highest_apart(shape: tuple[int, int], order: NDArray[np.int64], number: int, apart: float) -> NDArray[np.bool_]:
    """Up to `number` cells in the order given, none nearer than `apart` to another.

    Parameters
    ----------
    order
        Flat cells, the most wanted first.
    """
    rows, columns = shape
    taken = np.zeros((rows, columns), np.bool_)
    blocked = np.zeros((rows, columns), np.bool_)
    reach, left = int(apart), number
    for flat in order:
        row, column = flat // columns, flat % columns
        if left == 0:
            break
        if blocked[row, column]:
            continue
        taken[row, column] = True
        left -= 1
        for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
            for c in range(max(column - reach, 0), min(column + reach + 1, columns)):
                if (r - row) ** 2 + (c - column) ** 2 < apart**2:
                    blocked[r, c] = True
    return taken
