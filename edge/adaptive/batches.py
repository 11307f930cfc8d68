"""A budget in batches: light, since every scan reads it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

ADAPTIVE = "adaptive"
"""The name that configuration and command line use, in the place of a mask's."""
_AFTER = f"{ADAPTIVE} after "
FIRST, FIRST_BLIND = "netm", "blue-noise"
"""Masks of the first part, with a photograph and without."""


def origin_after(first: str) -> str:
    """Where a mask comes from that began as one of the origin `first`."""
    return f"{_AFTER}{first_origin(first)}"


def first_origin(origin: str) -> str:
    """Where the part of a mask comes from that was known beforehand."""
    return origin.removeprefix(_AFTER)


@dataclass(frozen=True, slots=True)
class Batches:
    """How a budget of cells is spent."""

    first_share: float = 0.3
    """Part of it that is chosen before anything is measured, in (0, 1]."""
    count: int = 8
    """Batches that the rest is chosen in, each after the one before was measured."""

    def sizes(self, cells: int) -> list[int]:
        """Cells of the first part and of each batch; they add up to `cells`."""
        first = min(cells, max(1, round(self.first_share * cells)))
        ends = [first + (cells - first) * k // self.count for k in range(self.count + 1)]
        return [first, *(after - before for before, after in pairwise(ends) if after > before)]

    def after(self, planned: int, cells: int) -> int:
        """Cells of the batch that follows when so many of all are planned; 0 when they are all planned."""
        ends = np.cumsum(self.sizes(cells))
        further = ends[ends > planned]
        return int(further[0]) - planned if len(further) else 0
