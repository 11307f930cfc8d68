"""Which cells to measure next: those of most worth, and none of them near another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.worth import Worth
from edge.reconstruct.compiled import compiled

_APART = 0.75
"""Cells chosen together are further apart than this part of the distance to what was measured before."""
_CLOSER = 0.7
"""Where so many do not fit, they come closer by this."""


def chosen_cells(worth: Worth, allowed: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Up to `count` cells to measure, shape (rows, columns): all that are left where there are no more.

    One by one the cell of most worth times distance, each keeping others away by a part of its own distance to the
    nearest measured cell.

    Parameters
    ----------
    allowed
        Cells that may be measured; those that have been are left out by their distance, which is 0.
    """
    free = allowed & (worth.distance > 0)
    score = np.where(free, worth.value * worth.distance, np.float32(-1)).ravel()
    order = np.argsort(-score, kind="stable")[: int(free.sum())]
    chosen = np.zeros(allowed.shape, np.bool_)
    apart = _APART * worth.distance
    missing = min(count, len(order))
    while missing:
        missing -= _take(order, apart.astype(np.float32), missing, chosen)
        apart = apart * np.float32(_CLOSER)
    return chosen


@compiled
def _take(order: NDArray[np.intp], apart: NDArray[np.float32], missing: int, chosen: NDArray[np.bool_]) -> int:
    """Mark cells in their order, none nearer to one marked before than that one keeps others away; tells how many."""
    rows, columns = chosen.shape
    kept_away = np.zeros((rows, columns), np.bool_)
    taken = 0
    for k in range(order.shape[0]):
        i, j = order[k] // columns, order[k] % columns
        if kept_away[i, j] or chosen[i, j]:
            continue
        chosen[i, j] = True
        taken += 1
        if taken == missing:
            break
        radius = apart[i, j]
        reach = int(np.ceil(radius))
        for y in range(max(i - reach, 0), min(i + reach + 1, rows)):
            for x in range(max(j - reach, 0), min(j + reach + 1, columns)):
                if (y - i) * (y - i) + (x - j) * (x - j) < radius * radius:
                    kept_away[y, x] = True
    return taken
