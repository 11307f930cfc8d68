"""Measured values on the scale of an unfolded network: from zero, or what lies below, to the largest sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What the network calls 0 and 1."""

    lowest: Floats
    """Of each element, at most 0, in the samples' unit."""
    width: Floats
    """Of each element; 0 where its samples do not differ."""

    @classmethod
    def of(cls, cells: MeasuredCells) -> Span:
        """From the lowest sample below zero, or zero, to the largest."""
        lowest = np.minimum(cells.values.min(axis=0), 0)
        differ = cells.values.max(axis=0) > cells.values.min(axis=0)
        return cls(lowest, np.where(differ, cells.values.max(axis=0) - lowest, np.float32(0)))

    def divisor(self) -> Floats:
        """The width, or 1 where there is none."""
        return np.where(self.width > 0, self.width, np.float32(1))

    def scaled(self, cells: MeasuredCells) -> MeasuredCells:
        """The same cells with values of 0 to 1; an element whose samples do not differ keeps its values."""
        divisor = self.divisor()
        values = ((cells.values - self.lowest) / divisor).astype(np.float32)
        return replace(cells, values=values, variance=(cells.variance / np.square(divisor)).astype(np.float32))

    def unscaled(self, maps: Floats) -> Floats:
        """Maps, (rows, columns, elements), in the samples' unit."""
        return (maps * self.divisor() + self.lowest).astype(np.float32)
