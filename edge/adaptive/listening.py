"""Batch after batch: measure, krige, choose what to measure next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import Batches
from edge.adaptive.choice import chosen_cells
from edge.adaptive.worth import Worth, worth_of_cells
from edge.maps import Samples
from edge.reconstruct.cells import checked_photograph, merged
from edge.reconstruct.kriging import krige_everywhere, learn_parameters, usable_photograph

Cells = NDArray[np.bool_]


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
    enough: Callable[[Cells], bool] = lambda _chosen: False,
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
    enough
        Asked after each part, with all cells so far: no more are chosen once it says so.
    """
    first_count, *rest = (batches or Batches()).sizes(count)
    chosen = first(first_count)
    for size in rest:
        if enough(chosen):
            break
        worth = worth_of_samples(measure(chosen), (allowed.shape[0], allowed.shape[1]), elements=elements, rgb=rgb)
        chosen = chosen | chosen_cells(worth, allowed, size)
    return chosen
