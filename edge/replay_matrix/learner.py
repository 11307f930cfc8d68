"""The data-driven rival: `adaptive.Learner2D` chooses each next cell after what the ones before gave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class OutOfTime(Exception):
    """There was no time to choose all cells."""


def learner_cells(
    values: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    count: int,
    *,
    at_once: int = 50,
    keep_on: Callable[[], bool] = lambda: True,
) -> NDArray[np.bool_]:
    """Cells that Learner2D asks for, shape (rows, columns); see `learner_order`."""
    cells = np.zeros(allowed.shape, np.bool_)
    cells.ravel()[learner_order(values, allowed, count, at_once=at_once, keep_on=keep_on)] = True
    return cells


def learner_order(
    values: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    count: int,
    *,
    at_once: int = 50,
    keep_on: Callable[[], bool] = lambda: True,
) -> NDArray[np.intp]:
    """Row-major indices of the cells that Learner2D (B. Nijholt, J. Weston et al., `adaptive`) asks for, in its order.

    All channels are one vector, scaled by the true 99.9th percentiles, which a scan would have to guess. A point goes
    to the nearest allowed cell; one that was measured before costs nothing.

    Parameters
    ----------
    values
        What a measurement gives, shape (rows, columns, channels).
    allowed
        Cells that may be measured, at least `count`, shape (rows, columns).
    at_once
        Points asked for at a time.
    keep_on
        Asked before each time.

    Raises
    ------
    OutOfTime
        Not to be kept on with.
    """
    from adaptive import Learner2D
    from scipy.ndimage import distance_transform_edt

    rows, columns = allowed.shape
    scale = np.percentile(values[allowed], 99.9, axis=0)
    scaled = values / np.where(scale > 0, scale, 1)
    nearest = distance_transform_edt(~allowed, return_distances=False, return_indices=True)
    learner = Learner2D(lambda point: point, [(0, rows - 1), (0, columns - 1)])
    order: dict[int, None] = {}
    while len(order) < count:
        if not keep_on():
            raise OutOfTime
        points, _ = learner.ask(min(at_once, count - len(order)))
        for point in points:
            row, column = nearest[:, round(point[0]), round(point[1])]
            order[int(row) * columns + int(column)] = None
            learner.tell(point, scaled[row, column])
    return np.array(list(order), np.intp)
