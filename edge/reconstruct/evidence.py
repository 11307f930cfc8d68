"""Ridge regressions that choose by themselves how much to learn.

The spread of the coefficients is the one under which what was seen is most probable (D. J. C. MacKay 1992), zero among
the choices: of noise alone next to nothing is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SPREADS = (0.0, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8)


def regress(
    products: Sequence[NDArray[np.floating]],
    targets: Sequence[NDArray[np.floating]],
    spread: NDArray[np.float64],
    noise: float,
) -> list[Floats]:
    """Coefficients of several ridge regressions, whose prior's scale, common to all, has the highest evidence.

    Parameters
    ----------
    products, targets
        X'X and X'y of each.
    spread
        Variance of each one's coefficients, in units of the common scale's square.
    noise
        Variance of y about its prediction.
    """
    shared = all(product is products[0] for product in products)
    first = np.linalg.eigh(np.asarray(products[0], np.float64))
    turned = []
    for product, target in zip(products, targets, strict=True):
        values, vectors = first if shared else np.linalg.eigh(np.asarray(product, np.float64))
        turned.append((np.maximum(values, 0), vectors, vectors.T @ np.asarray(target, np.float64)))

    def evidence(scale: float) -> float:
        total = 0.0
        for (values, _, along), unit in zip(turned, spread, strict=True):
            variance = scale**2 * unit
            gain = variance * np.square(along) / (noise * (noise + variance * values))
            total += float((gain - np.log1p(variance * values / noise)).sum()) / 2
        return total

    best = max(_SPREADS, key=evidence)
    return [
        (vectors @ (along * best**2 * unit / (noise + best**2 * unit * values))).astype(np.float32)
        for (values, vectors, along), unit in zip(turned, spread, strict=True)
    ]
