"""A full raster as an object to be scanned again: whoever stays for less than it did sees more noise than it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.modes.pieces import Pieces
from edge.modes.setting import Seen
from edge.modes.stand_in import ExpectedRates
from edge.reconstruct.cells import MeasuredCells
from edge.replaying.score import scale_of
from edge.replaying.sources import Stack

Floats = NDArray[np.float32]
_BLUR_CELLS = 2.0
"""A variance is counted from the same photons as its value: it is averaged over about 25 cells."""
_MEDIAN_OF_SQUARES = 0.4549
"""Median of the square of a standard normal variable: that of chi squared with one degree of freedom."""
_SQUARES_OF_FIVE = 1.25
"""Variance of a value less the mean of its four neighbours, over that of each."""


@dataclass(frozen=True, slots=True, eq=False)
class CountingNoise:
    """What counting left in a source."""

    variance: Floats
    """Of each value, shape (rows, columns, elements)."""
    is_guessed: bool
    """Whether neighbouring cells told it, and not the source."""

    def rates(self, stack: Stack, dwell_s: float) -> ExpectedRates:
        """Counts in a bright cell in a second, of the median element, that noise like this speaks of."""
        known = stack.known
        values = stack.maps[known].astype(np.float64)
        per_value = self.variance[known].mean(axis=0, dtype=np.float64) / np.maximum(values.mean(axis=0), 1e-30)
        counted = per_value > 0
        if not counted.any():
            return ExpectedRates(_WITHOUT_NOISE, 0.0)
        counts = scale_of(values)[counted] / per_value[counted]
        return ExpectedRates(float(np.clip(np.median(counts) / dwell_s, 1e-3, _WITHOUT_NOISE)), 0.0)


_WITHOUT_NOISE = 1e9
"""Counts in a second, where no noise is known of."""


def counting_noise_of(stack: Stack) -> CountingNoise:
    """What the source says of its noise; where it says nothing, what neighbouring cells tell.

    Then the variance is taken to go with the value, by the factor that the median cell has: fine detail counts as
    noise, so that it is rather too much than too little.
    """
    if stack.variance[stack.known].any():
        return CountingNoise(np.stack([_blurred(one, stack.known) for one in _layers(stack.variance)], axis=2), False)
    guessed = [one * _noise_for_value(one, stack.known) for one in _layers(stack.maps)]
    return CountingNoise(np.stack([_blurred(np.maximum(one, 0), stack.known) for one in guessed], axis=2), True)


def _layers(maps: Floats) -> list[Floats]:
    return [maps[..., k] for k in range(maps.shape[2])]


def _noise_for_value(values: Floats, known: NDArray[np.bool_]) -> float:
    """Variance over value of the median cell that has four known neighbours and a mean above zero."""
    inside = known[1:-1, 1:-1] & known[:-2, 1:-1] & known[2:, 1:-1] & known[1:-1, :-2] & known[1:-1, 2:]
    around = (values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]) / 4
    told = inside & (around > 0)
    if not told.any():
        return 0.0
    ratio = np.square(values[1:-1, 1:-1] - around)[told].astype(np.float64) / around[told]
    return float(np.median(ratio)) / (_MEDIAN_OF_SQUARES * _SQUARES_OF_FIVE)


def _blurred(variance: Floats, known: NDArray[np.bool_]) -> Floats:
    import cv2

    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), _BLUR_CELLS)
    blurred = cv2.GaussianBlur(np.where(known, variance, 0).astype(np.float32), (0, 0), _BLUR_CELLS)
    return np.where(known, blurred / np.maximum(weight, np.float32(1e-6)), 0).astype(np.float32)


class MeasuredAgain:
    """A source that pieces are measured on: what is counted in a time is a part of what the source counted in its own.

    A sum of counts goes from nothing to the source's value along a Brownian bridge, which is what the sum of many
    photons does between two known ends; cells that are left before the source's dwell is over end below or above. No
    stay, however long, tells more than the source.

    Parameters
    ----------
    stack
        A full raster.
    dwell_s
        Its time on each cell.
    noise
        Variance of its values after that.
    seed
        Of the draws: the same pieces in the same order bring the same values.
    """

    def __init__(self, stack: Stack, dwell_s: float, noise: Floats, seed: int) -> None:
        self._stack, self._dwell_s, self._noise = stack, dwell_s, noise
        self._chance = np.random.default_rng(seed)
        self._sums = np.zeros(stack.maps.shape, np.float32)
        """Values times seconds so far."""
        self._live_s = np.zeros(stack.shape)

    def expose(self, pieces: Pieces) -> None:
        """Let the beam dwell on points, and fly over runs; no cell comes twice in them."""
        where, cell_s = pieces.cells()
        rows, columns = where[:, 0], where[:, 1]
        left_s = self._dwell_s - self._live_s[rows, columns]
        taken_s = np.minimum(cell_s, left_s)
        share = np.divide(taken_s, left_s, out=np.zeros_like(taken_s), where=left_s > 0)
        spread = self._dwell_s * taken_s * (1 - share)
        before = self._sums[rows, columns]
        ahead = self._stack.maps[rows, columns] * np.float32(self._dwell_s) - before
        chance = self._chance.standard_normal(before.shape, np.float32)
        chance *= np.sqrt(self._noise[rows, columns] * spread[:, None].astype(np.float32))
        self._sums[rows, columns] = before + ahead * share[:, None].astype(np.float32) + chance
        self._live_s[rows, columns] += taken_s

    def seen(self) -> Seen:
        """All values so far, with the variance that counting leaves in them."""
        rows, columns = np.nonzero(self._live_s > 0)
        live_s = self._live_s[rows, columns].astype(np.float32)
        cells = MeasuredCells(
            self._stack.shape,
            rows,
            columns,
            self._sums[rows, columns] / live_s[:, None],
            self._noise[rows, columns] * (np.float32(self._dwell_s) / live_s)[:, None],
            self._stack.elements,
            live_s,
        )
        return Seen(cells, self._live_s.astype(np.float32))
