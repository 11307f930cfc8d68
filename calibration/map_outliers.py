"""Places that lie elsewhere than the rest say, where there are too few places to let half of them vote."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_CHANCE = 0.01
"""How often, in a set of places that are all good, one may be left out."""
_TOGETHER = 3
"""So many places that hide each other are looked at together."""


def places_elsewhere(design: Doubles, residuals_mm: Doubles) -> NDArray[np.intp]:
    """The fewest places that fit the rest worse than chance allows; none where all agree.

    The F test of a shift of their own for some places, the greatest of all choices of so many (mean-shift outliers:
    Cook and Weisberg, Residuals and Influence in Regression, 1982, section 2.2; Bonferroni's bound for the choice).
    One is looked for first, then two together, then three. Where nothing would be left to tell an error by, none is
    left out, and all of the disagreement stays in the map's error.

    Parameters
    ----------
    design : derivatives of each place by the parameters of a plain least-squares fit, shape (places, 2, parameters)
    residuals_mm : of that fit, shape (places, 2)
    """
    from scipy.stats import f

    count, _, parameters = design.shape
    rows = design.reshape(2 * count, parameters)
    basis, _ = np.linalg.qr(rows / np.maximum(np.linalg.norm(rows, axis=0), 1e-300))
    left = np.eye(2 * count) - basis @ basis.T
    residuals = residuals_mm.ravel()
    squares = float(residuals @ residuals)
    for size in range(1, _TOGETHER + 1):
        free = 2 * count - parameters - 2 * size
        if free < 1 or squares <= 0:
            break
        gains = {}
        for choice in combinations(range(count), size):
            own = np.array([2 * place + axis for place in choice for axis in range(2)])
            shift = np.linalg.lstsq(left[np.ix_(own, own)], residuals[own], rcond=1e-9)[0]
            gains[choice] = float(residuals[own] @ shift)
        worst = max(gains, key=lambda choice: gains[choice])
        rest = max(squares - gains[worst], 1e-12 * squares)
        chance = float(f.sf(gains[worst] / (2 * size) / (rest / free), 2 * size, free))
        if chance * comb(count, size) * _TOGETHER < _CHANCE:
            return np.array(worst, dtype=np.intp)
    return np.empty(0, dtype=np.intp)
