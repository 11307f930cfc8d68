"""An object whose rates are known, measured in thought: what a plan would bring, counted photon by photon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.modes.pieces import Pieces
from edge.modes.setting import Seen
from edge.reconstruct.cells import MeasuredCells


class CountedObject:
    """Element rates of every cell, and the counts that exposures have drawn from them.

    Parameters
    ----------
    rates
        Counts per second of live time, at least 0, shape (rows, columns, elements).
    elements
        Their names.
    seed
        Of the draws (Poisson): the same exposures in the same order bring the same counts.
    background_per_s
        Counts per second under each element's lines, known and taken off what is counted.
    """

    def __init__(
        self, rates: NDArray[np.floating], elements: tuple[str, ...], seed: int, *, background_per_s: float = 0.0
    ) -> None:
        self.rates: NDArray[np.float64] = np.asarray(rates, np.float64)
        self._background_per_s = background_per_s
        self._elements = elements
        self._chance = np.random.default_rng(seed)
        self._counts = np.zeros(self.rates.shape)
        self._live_s = np.zeros(self.rates.shape[:2])

    @property
    def live_s(self) -> NDArray[np.float64]:
        """Live time so far on each cell, shape (rows, columns)."""
        return self._live_s

    def expose(self, pieces: Pieces) -> None:
        """Let the beam dwell on points, and fly over runs."""
        where, cell_s = pieces.cells()
        np.add.at(self._live_s, (where[:, 0], where[:, 1]), cell_s)
        rates = self.rates[where[:, 0], where[:, 1]] + self._background_per_s
        drawn = self._chance.poisson(rates * cell_s[:, None])
        np.add.at(self._counts, (where[:, 0], where[:, 1]), drawn)

    def seen(self) -> Seen:
        """All counts so far, as rates with the variance that counting tells."""
        rows, columns = np.nonzero(self._live_s > 0)
        live_s = self._live_s[rows, columns]
        counts = self._counts[rows, columns]
        cells = MeasuredCells(
            (self.rates.shape[0], self.rates.shape[1]),
            rows,
            columns,
            (counts / live_s[:, None] - self._background_per_s).astype(np.float32),
            (counts / np.square(live_s)[:, None]).astype(np.float32),
            self._elements,
            live_s.astype(np.float32),
        )
        return Seen(cells, self._live_s.astype(np.float32))
