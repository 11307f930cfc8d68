"""Rivals that know no measurement model: coarse maps drawn out, by themselves or along a photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.reproduce.coarse.scans import block_means

Floats = NDArray[np.float32]

_GUIDED_REACH = 1
"""Blocks to every side of a window in which maps are linear in colour."""
_GUIDED_RIDGE = 1e-3
_BILATERAL_REACH = 2
_BILATERAL_BLOCKS = 0.5
_BILATERAL_COLOUR = 0.1


def bicubic(means: Floats, factor: int) -> Floats:
    """Keys' cubic convolution between the blocks' middles (R. Keys, 1981)."""
    import cv2

    rows, columns = means.shape[0] * factor, means.shape[1] * factor
    drawn = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_CUBIC) for one in _channels(means)]
    return np.stack(drawn, axis=2).astype(np.float32)


def guided(means: Floats, factor: int, photograph: Floats) -> Floats:
    """The guided filter as an upsampler (K. He, J. Sun and X. Tang, "Guided image filtering", 2013).

    In each window of blocks maps are fitted by a linear function of colour, Eq. 5 and 14; the coefficients are averaged
    over windows, drawn out linearly, and meet the fine colours (K. He and J. Sun, "Fast guided filter", 2015).
    """
    import cv2

    colour = block_means(photograph, factor)
    mean, mean_colour = _box(means), _box(colour)
    spread = _box(colour[:, :, :, None] * colour[:, :, None, :]) - mean_colour[:, :, :, None] * mean_colour[:, :, None]
    together = _box(colour[:, :, :, None] * means[:, :, None, :]) - mean_colour[:, :, :, None] * mean[:, :, None]
    slope = np.linalg.solve(spread + _GUIDED_RIDGE * np.eye(3, dtype=np.float32), together)
    level = mean - np.einsum("rci,rcie->rce", mean_colour, slope)
    size = photograph.shape[1], photograph.shape[0]
    found = np.empty((*photograph.shape[:2], means.shape[2]), np.float32)
    slope, level = _box(slope.astype(np.float32)), _box(level)
    for element in range(means.shape[2]):
        fine = cv2.resize(np.ascontiguousarray(slope[:, :, :, element]), size, interpolation=cv2.INTER_LINEAR)
        base = cv2.resize(np.ascontiguousarray(level[:, :, element]), size, interpolation=cv2.INTER_LINEAR)
        found[:, :, element] = (fine * photograph).sum(axis=2) + base
    return found


def joint_bilateral(means: Floats, factor: int, photograph: Floats) -> Floats:
    """Blocks around weighted by nearness in place and in colour.

    J. Kopf, M. Cohen, D. Lischinski and M. Uyttendaele, "Joint bilateral upsampling" (2007), Eq. 3, with its half block
    and tenth of the colours' range.
    """
    rows, columns = photograph.shape[:2]
    colour = block_means(photograph, factor)
    down, right = np.arange(rows), np.arange(columns)
    total: Floats = np.zeros((rows, columns, means.shape[2]), np.float32)
    weights: Floats = np.zeros((rows, columns, 1), np.float32)
    for step in np.ndindex(2 * _BILATERAL_REACH + 1, 2 * _BILATERAL_REACH + 1):
        block_row = np.clip(down // factor + step[0] - _BILATERAL_REACH, 0, means.shape[0] - 1)
        block_column = np.clip(right // factor + step[1] - _BILATERAL_REACH, 0, means.shape[1] - 1)
        away = ((down + 0.5) / factor - block_row - 0.5)[:, None] ** 2
        away = away + ((right + 0.5) / factor - block_column - 0.5)[None] ** 2
        at = np.ix_(block_row, block_column)
        apart = np.square(photograph - colour[at]).sum(axis=2)
        weight = np.exp(-away / (2 * _BILATERAL_BLOCKS**2) - apart / (2 * _BILATERAL_COLOUR**2))[:, :, None]
        total += (weight * means[at]).astype(np.float32)
        weights += weight.astype(np.float32)
    found: Floats = (total / np.maximum(weights, np.float32(1e-20))).astype(np.float32)
    return found


def _channels(means: Floats) -> list[Floats]:
    return [np.ascontiguousarray(means[:, :, channel]) for channel in range(means.shape[2])]


def _box(values: Floats) -> Floats:
    """Mean over a window of blocks that ends at the border, along the first two axes."""
    import cv2

    side = 2 * _GUIDED_REACH + 1
    flat = values.reshape(*values.shape[:2], -1).astype(np.float32)
    smoothed = [cv2.blur(one, (side, side), borderType=cv2.BORDER_REFLECT) for one in _channels(flat)]
    blurred: Floats = np.stack(smoothed, axis=2).reshape(values.shape).astype(np.float32)
    return blurred
