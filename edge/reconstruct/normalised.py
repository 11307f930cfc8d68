"""Samples on a scale on which all elements count alike: mean 0, standard deviation 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.photograph import Photograph

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What some cells' values are normalised by."""

    offset: Floats
    """Mean of each element, shape (elements,)."""
    spread: Floats
    """Standard deviation of each element; a single sample is taken to be as uncertain as it is large."""
    mean_variance: Floats
    """Mean counting variance of each element; zero where unknown."""

    @classmethod
    def of(cls, cells: MeasuredCells) -> Self:
        """The scale of at least one cell."""
        spread = cells.values.std(axis=0) if len(cells) > 1 else np.abs(cells.values[0])
        return cls(cells.values.mean(axis=0), spread, cells.variance.mean(axis=0))

    def normalised(self, values: Floats) -> Floats:
        """Values, shape (n, elements), on this scale; all 0 of an element that does not vary."""
        normalised: Floats = (values - self.offset) / self.divisor()
        if (self.spread == 0).any():
            normalised[:, self.spread == 0] = 0
        return normalised

    def counting(self, variance: Floats) -> Floats:
        """Counting variances, shape (n, elements), on this scale."""
        divisor = self.divisor()
        counting: Floats = variance / (divisor * divisor)
        return counting

    def noise(self, variance: Floats) -> Floats:
        """Noise variance of samples relative to the mean one's, shape (n,), from the elements whose variance is known.

        The square root of the ratio of counting variances: the noise that kriging learns is partly counting, which goes
        with the ratio, and partly variation between cells, which does not.
        """
        known = self.mean_variance > 0
        if not known.any():
            return np.ones(len(variance), np.float32)
        relative = (variance[:, known] / self.mean_variance[known]).mean(axis=1)
        bounded: Floats = np.sqrt(np.clip(relative, np.float32(0.01), np.float32(100)))
        return bounded

    def divisor(self) -> Floats:
        """What values above the offset are divided by: the spread, or 1 of an element that does not vary."""
        return np.where(self.spread > 0, self.spread, np.float32(1))


@dataclass(frozen=True, slots=True, eq=False)
class NormalisedSamples:
    """Samples as parameters are learned from them, and the photograph that may explain them."""

    rows: NDArray[Any]
    """In cells, shape (n,); of means between them, too."""
    columns: NDArray[Any]
    values: Floats
    """Normalised, shape (n, elements)."""
    noise: Floats
    """Each sample's noise variance relative to the mean sample's, shape (n,)."""
    counting: Floats
    """Counting variance of the normalised values, shape (n, elements); zero where unknown."""
    photograph: Photograph | None
    """None: colour-blind."""

    @classmethod
    def of(cls, cells: MeasuredCells, photograph: Photograph | None) -> Self:
        """All of the cells, on their own scale."""
        scale = Scale.of(cells)
        return cls(
            *cells.places(),
            scale.normalised(cells.values),
            scale.noise(cells.variance),
            scale.counting(cells.variance),
            photograph,
        )

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def only(self, which: NDArray[np.integer]) -> Self:
        """Some of the samples."""
        return replace(
            self,
            rows=self.rows[which],
            columns=self.columns[which],
            values=np.ascontiguousarray(self.values[which]),
            noise=self.noise[which],
            counting=self.counting[which],
        )

    def of_elements(self, which: NDArray[np.integer]) -> Self:
        """All samples, with some of the elements."""
        values, counting = (np.ascontiguousarray(array[:, which]) for array in (self.values, self.counting))
        return replace(self, values=values, counting=counting)
