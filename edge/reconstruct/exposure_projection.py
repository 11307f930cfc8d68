"""The nearest maps of which every exposure sees exactly what it measured (Verinaz-Jadan et al., Eq. 10)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import ExposureOperator

Floats = NDArray[np.float32]

_ROUNDS = 3
"""Rounding of float32 is left over from the first; two more take it away."""
_MOST_STEPS = 200
_TOLERANCE = 1e-7


def projected(maps: Floats, operator: ExposureOperator, measured: Floats) -> Floats:
    """Maps less what the exposures see of them too much, Proj(Y) of Eq. 10.

    The paper hands the residual back by U^T. That is exact only where U U^T is the identity, so it is U^T (U U^T)^-1
    here: an area of n cells gives each of them the whole residual, a point takes its measurement, and strokes that
    share cells are solved for together. Where exposures contradict each other, as two that see the same cells
    alike, what they see comes as near to both as it can.

    Parameters
    ----------
    maps
        Shape (rows, columns, channels).
    measured
        Shape (exposures, channels), in the maps' unit.

    Returns
    -------
    ndarray
        Shape (rows, columns, channels).
    """
    found: Floats = maps.astype(np.float32, copy=True)
    for _ in range(_ROUNDS):
        residual: Floats = measured - operator.seen(found)
        found += operator.adjoint(_shared_out(operator, residual))
    return found


def are_disjoint(operator: ExposureOperator) -> bool:
    """Whether no cell is seen by two exposures, so that U U^T is diagonal."""
    return len(np.unique(operator.cell)) == len(operator.cell)


def _shared_out(operator: ExposureOperator, residual: Floats) -> Floats:
    """(U U^T)^-1 of a residual, shape (exposures, channels)."""
    own = np.add.reduceat(np.square(operator.weight), operator.first[:-1])
    if are_disjoint(operator):
        return (residual / own[:, None]).astype(np.float32)
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import LinearOperator, cg

    cells = operator.shape[0] * operator.shape[1]
    weights = csr_matrix(
        (operator.weight.astype(np.float64), operator.cell, operator.first), shape=(len(operator), cells)
    )
    gram = (weights @ weights.T).tocsr()
    scaled = LinearOperator(gram.shape, matvec=lambda vector: vector / own, dtype=np.float64)
    columns = [
        cg(gram, residual[:, e].astype(np.float64), rtol=_TOLERANCE, maxiter=_MOST_STEPS, M=scaled)[0]
        for e in range(residual.shape[1])
    ]
    return np.stack(columns, axis=1).astype(np.float32)
