"""What a reconstruction gives, and what its standard error says of values that it had not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.maps import LeftOut
from edge.reconstruct.cells import MeasuredCells


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """Maps as a method leaves them."""

    maps: NDArray[np.float32]
    """Shape (rows, columns, elements), in the samples' unit."""
    standard_error: NDArray[np.float32]
    """One standard deviation, same shape and unit."""
    left_out: LeftOut | None = None
    """The method's check on measured cells that it predicted without themselves; None where there were too few."""
    remarks: tuple[str, ...] = ()
    """What the method decided by itself, one sentence each."""
    method: str | None = None
    """The method that made the maps, where it isn't the one that was asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Maps split into what the photograph explains and what it doesn't; the two add up to the method's maps."""

    visible: NDArray[np.float32]
    """The part that follows the photograph, shape (rows, columns, elements), in the samples' unit."""
    hidden: NDArray[np.float32]
    """The part that doesn't, as paint below the surface would leave it; same shape and unit."""


Method: TypeAlias = Callable[[MeasuredCells, NDArray[np.float32] | None], Reconstruction]
"""Maps from measured cells and a photograph, (rows, columns, 3) in [0, 1], or None."""


def held_against(
    residual: NDArray[np.float32], expected: NDArray[np.float32], weight: NDArray[np.float32] | None = None
) -> LeftOut:
    """Errors of predicted measurements against the standard deviations that were expected of them.

    Parameters
    ----------
    residual, expected
        Shape (k, elements), in the samples' unit; the expected one holds the measurement's own noise.
    weight
        What each counts, shape (k,); None: all the same.
    """
    share = np.full(len(residual), 1 / len(residual)) if weight is None else weight / weight.sum()
    miss = np.abs(residual)
    return LeftOut(
        len(residual),
        np.sqrt(share @ np.square(miss)).astype(np.float32),
        (share @ (miss <= expected)).astype(np.float32),
        (share @ (miss <= 2 * expected)).astype(np.float32),
    )


def quantile_of_columns(
    values: NDArray[np.float32], share: float, weight: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The value of each column up to which the given share of the weight lies, shape (columns,)."""
    counted = np.ones(len(values), np.float32) if weight is None else weight
    order = np.argsort(values, axis=0)
    below = np.cumsum(counted[order], axis=0)
    at = (below < share * below[-1]).sum(axis=0)
    chosen: NDArray[np.float32] = np.take_along_axis(np.take_along_axis(values, order, axis=0), at[None], axis=0)[0]
    return chosen
