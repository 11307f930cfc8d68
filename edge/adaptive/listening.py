"""Batch after batch: measure, krige, choose what to measure next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.choice import chosen_cells
from edge.adaptive.worth import Worth, worth_of_cells
from edge.maps import Samples
from edge.reconstruct.cells import checked_photograph, merged
from edge.reconstruct.kriging import krige_everywhere, learn_parameters, usable_photograph

Cells = NDArray[np.bool_]


ADAPTIVE = "adaptive"
"""The name that configuration and command line use, in the place of a mask's."""
FIRST, FIRST_BLIND = "netm", "blue-noise"
"""Masks of the first part, with a photograph and without."""


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


class Measure(Protocol):
    """Whatever measures cells: a scan, or a recorded raster."""

    def __call__(self, cells: Cells) -> Samples:
        """All that is known of the marked cells, shape (rows, columns)."""
        ...


def worth_of_samples(
    samples: Samples,
    shape: tuple[int, int],
    *,
    elements: tuple[str, ...],
    rgb: NDArray[np.generic] | None,
    interest: NDArray[np.float32] | None = None,
    planned: Cells | None = None,
) -> Worth:
    """What a measurement at each cell is worth after these samples; see `worth_of_cells`.

    Raises
    ------
    UsageError
        As `edge.reconstruct.reconstruct`.
    """
    cells = merged(samples, shape, elements)
    photograph = None if rgb is None else usable_photograph(checked_photograph(rgb, shape))
    learned = learn_parameters(cells, photograph)
    maps, standard_error = krige_everywhere(cells, learned, photograph)
    return worth_of_cells(
        cells,
        learned,
        photograph,
        maps=maps,
        standard_error=standard_error,
        interest=interest,
        planned=planned,
    )


def listened_cells(
    first: Callable[[int], Cells],
    measure: Measure,
    allowed: Cells,
    count: int,
    *,
    elements: tuple[str, ...],
    rgb: NDArray[np.generic] | None,
    batches: Batches | None = None,
) -> Cells:
    """Cells that sampling that listens visits, shape (rows, columns), `count` of them.

    Parameters
    ----------
    first
        Chooses so many allowed cells before anything is measured.
    measure
        Tells what is known of cells: only of those chosen is it asked.
    allowed
        Cells that may be measured, at least `count`.
    """
    first_count, *rest = (batches or Batches()).sizes(count)
    chosen = first(first_count)
    for size in rest:
        worth = worth_of_samples(measure(chosen), (allowed.shape[0], allowed.shape[1]), elements=elements, rgb=rgb)
        chosen = chosen | chosen_cells(worth, allowed, size)
    return chosen
