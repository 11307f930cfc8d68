"""The two nouns of this room: how densely to sample, and which cells to visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SamplingDensity:
    """How much of the budget each cell of the scan grid deserves."""

    values: NDArray[np.float32]
    """Probability of visiting each cell, shape (rows, columns), in [0, 1], mean equal to `rate`; read-only."""
    rate: float
    origin: str
    """Name of the method, with the model's digest where a network made it."""


@dataclass(frozen=True, slots=True, eq=False)
class SamplingMask:
    """Which cells are visited."""

    cells: NDArray[np.bool_]
    """Shape (rows, columns); read-only."""
    rate: float
    """Exactly ``cells.sum() / (number of allowed cells)``."""
    origin: str
    """Name of the density or mask method."""
    binariser: str
    seed: int
