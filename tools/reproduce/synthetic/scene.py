"""A scene as Dai et al. describe theirs: bars that the photograph shows, and a rectangle that it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import areas

Floats = NDArray[np.float32]

SHAPE, CHANNELS, FACTOR, SNR_DB, PEAK = (345, 490), 1024, 5, 35.0, 255.0
YELLOW, BLUE = (0.95, 0.85, 0.10), (0.10, 0.15, 0.60)
HIDDEN = 0.4
"""Of the third spectrum, which reaches the detector through what lies over it."""
_LINES = (
    ((120, 10, 0.35), (205, 14, 1.0), (262, 12, 0.4), (340, 16, 0.25)),
    ((150, 12, 0.6), (235, 15, 0.8), (300, 14, 0.5), (380, 15, 0.3)),
    ((110, 10, 0.3), (200, 13, 0.9), (250, 15, 0.5), (325, 14, 0.45)),
)
"""Channel, width and height of each spectrum's lines, of 1,024 channels."""
_BACKGROUND, _FALL = 0.05, 250
_COLUMNS_OF_BARS = ((0.03, (14, 10, 8)), (0.48, (7, 6, 5, 4, 3, 3)), (0.73, (6, 5, 4, 3, 2, 2, 1, 1)))
"""Where each column of bars begins, of the width, and the bars' widths in cells."""
_BARS, _LONG = 3, 5
_BLOCK = ((0.66, 0.96), (0.82, 0.97))
_RECTANGLE = ((0.27, 0.72), (0.30, 0.70))
"""Rows and columns of a yellow block, and of the hidden rectangle, as parts of the height and the width."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is true, what the photograph shows, and what exposures saw."""

    shares: Floats
    """Of yellow, of blue and of the rectangle, shape (rows, columns, 3)."""
    spectra: Floats
    """Of the three, shape (3, channels), on the scale where the largest true value is `PEAK`."""
    photograph: Floats
    """Shape (rows, columns, 3), in [0, 1]."""
    cells: MeasuredCells
    """Means over blocks, with noise."""
    noise: float
    """Its standard deviation."""

    def truth(self, rows: slice) -> Floats:
        """True maps of some rows, shape (rows, columns, channels)."""
        found: Floats = self.shares[rows] @ self.spectra
        return found


def scene(
    shape: tuple[int, int] = SHAPE,
    channels: int = CHANNELS,
    factor: int = FACTOR,
    snr_db: float = SNR_DB,
    seed: int = 0,
) -> Scene:
    """The scene on a grid that the factor divides, seen through means over blocks of factor by factor cells."""
    yellow, rectangle = bars(shape), np.zeros(shape, np.bool_)
    rectangle[_part(_RECTANGLE[0], shape[0]), _part(_RECTANGLE[1], shape[1])] = True
    shares = np.stack([yellow, ~yellow, rectangle], axis=2).astype(np.float32)
    spectra = three_spectra(channels)
    spectra *= np.float32(PEAK / (np.unique(shares.reshape(-1, 3), axis=0) @ spectra).max())
    top, left = (one.ravel() for one in np.mgrid[: shape[0] : factor, : shape[1] : factor])
    operator = areas(shape, top, left, height=factor, width=factor)
    values = operator.seen(shares) @ spectra
    noise = float(np.sqrt(np.square(values, dtype=np.float64).mean() / 10 ** (snr_db / 10)))
    values += np.random.default_rng(seed).normal(0, noise, values.shape).astype(np.float32)
    middle = factor // 2
    variance = np.full_like(values, noise**2)
    names = tuple(map(str, range(channels)))
    cells = MeasuredCells(shape, top + middle, left + middle, values, variance, names, None, operator)
    photograph = np.where(yellow[:, :, None], np.array(YELLOW), np.array(BLUE)).astype(np.float32)
    return Scene(shares, spectra, photograph, cells, noise)


def three_spectra(channels: int) -> Floats:
    """Sums of Gaussian lines on a falling background, overlapping from channel 100 to 400 of 1,024; (3, channels)."""
    at = np.arange(channels) * (CHANNELS / channels)
    background = _BACKGROUND * np.exp(-at / _FALL)
    found = [
        sum(height * np.exp(-0.5 * ((at - place) / width) ** 2) for place, width, height in lines) + background
        for lines in _LINES
    ]
    found[2] = HIDDEN * found[2]
    return np.stack(found).astype(np.float32)


def bars(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Upright and lying bars of several widths, as on a resolution target."""
    found = np.zeros(shape, np.bool_)
    for begin, widths in _COLUMNS_OF_BARS:
        left, top = round(begin * shape[1]), 12
        for width in widths:
            long = _LONG * width
            for bar in range(_BARS):
                away = 2 * width * bar
                found[top : top + long, left + away : left + away + width] = True
                beside = left + (2 * _BARS + 1) * width
                found[top + away : top + away + width, beside : beside + long] = True
            top += long + 12
    found[_part(_BLOCK[0], shape[0]), _part(_BLOCK[1], shape[1])] = True
    return found


def _part(share: tuple[float, float], length: int) -> slice:
    return slice(round(share[0] * length), round(share[1] * length))
