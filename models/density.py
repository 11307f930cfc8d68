"""From importance to sampling density: a mean that is exactly the rate, and no probability above one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.faults import UnusableRequest
from models.sampling import SamplingDensity

IMPORTANCE_FLOOR = 0.1
"""Share of the mean importance that every cell is given: what a photograph does not show is sampled too."""
_NEGLIGIBLE = 1e-12
"""Importance below this share of the largest counts as none."""


def cells_for_rate(rate: float, allowed_cells: int) -> int:
    """Whole number of cells nearest to a rate, at least one.

    Raises
    ------
    UnusableRequest
        The rate is not above 0 and at most 1, or there is no cell to visit.
    """
    if not 0 < rate <= 1:
        raise UnusableRequest(f"a sampling rate of {rate} is not above 0 and at most 1: give a fraction such as 0.1")
    if allowed_cells < 1:
        raise UnusableRequest("no cell may be visited: widen the area or the allowed cells")
    return max(1, round(rate * allowed_cells))


def density_from_importance(
    importance: NDArray[Any], *, count: int, allowed: NDArray[np.bool_], origin: str, floor: float = IMPORTANCE_FLOOR
) -> SamplingDensity:
    """Sampling density proportional to importance, with a floor, clipped at one.

    Parameters
    ----------
    importance
        Shape (rows, columns), finite and at least 0 where allowed.
    count
        Cells to visit, from 1 to the number of allowed cells.
    allowed
        Cells that may be visited, shape (rows, columns).
    origin
        Name of the method that made the importance.
    floor
        Share of the mean importance that is added everywhere.

    Raises
    ------
    UnusableRequest
        See `adjust_mean`.
    """
    inside = np.asarray(importance, np.float64)[allowed]
    if floor and inside.size:
        inside = inside + floor * inside.mean()
    values = np.zeros(allowed.shape, np.float32)
    values[allowed] = adjust_mean(inside, count)
    values.flags.writeable = False
    return SamplingDensity(values=values, rate=count / inside.size, origin=origin)


def uniform_density(*, count: int, allowed: NDArray[np.bool_], origin: str) -> SamplingDensity:
    """The same probability in every allowed cell."""
    return density_from_importance(np.ones(allowed.shape), count=count, allowed=allowed, origin=origin)


def adjust_mean(importance: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Scale to ``min(1, s L)`` with the one ``s`` that makes the sum `total`.

    The sum is concave and piecewise linear in ``s``, so Newton's steps from below rise to the exact solution in
    finitely many: each is one round of the clamp and rescale that the code of Dai et al. (2017) repeats 25 times.
    Their Eq. 4 is the first rescale alone, which lifts values above one. Where the positive cells alone cannot carry
    the total, all of them get one and the rest share what is left.

    Parameters
    ----------
    importance
        Shape (n,), at least 0.
    total
        Wanted sum, from 0 to n.

    Returns
    -------
    NDArray[np.float64]
        Shape (n,), in [0, 1], summing to `total` up to rounding.

    Raises
    ------
    UnusableRequest
        The total is out of range, or an importance is negative or not finite.
    """
    if not 0 <= total <= importance.size:
        raise UnusableRequest(f"{total} cells cannot be taken from {importance.size}: lower the rate or allow more")
    if not (np.isfinite(importance).all() and (importance >= 0).all()):
        raise UnusableRequest("the importance of a cell is negative or not finite: check the photograph or the model")
    if importance.size == 0:
        return importance.copy()
    peak = importance.max()
    weight = importance / peak if peak > 0 else np.zeros_like(importance)
    weight[weight < _NEGLIGIBLE] = 0.0
    positive = weight > 0
    carriers = int(np.count_nonzero(positive))
    if carriers <= total:
        rest = importance.size - carriers
        return np.where(positive, 1.0, (total - carriers) / rest if rest else 1.0)
    saturated = np.zeros(weight.shape, np.bool_)
    while True:
        scale = (total - np.count_nonzero(saturated)) / weight[~saturated].sum()
        reached = weight * scale >= 1.0
        reached |= saturated
        if np.count_nonzero(reached) == np.count_nonzero(saturated):
            return np.where(saturated, 1.0, weight * scale)
        if reached.all():
            return np.ones_like(weight)
        saturated = reached
