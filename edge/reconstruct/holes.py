"""Covariance of several maps, and their best estimate, where some cells are not measured.

With holes, a grid's cosine transform no longer falls apart into frequencies. The estimate is then the solution of a
linear system, which conjugate gradients find in a few transforms, with the estimate without holes to lead the way. The
covariance is learned from maps completed by chance: a hole is filled with what the estimate says of it and a draw of
what the estimate can't know (expectation maximisation by simulation, G. C. G. Wei and M. A. Tanner 1990).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.coregionalization import (
    Bands,
    Floats,
    Matrices,
    learn_covariance,
    multiplied,
    transformed,
)

_ROUNDS = 3
"""Of completing and learning; the first brings most, a fourth under 0.1 dB on the portrait."""
_STEPS = 8
"""Of conjugate gradients: the squared residual is then 1e-7 of the first where every second line is missing, 1e-3 where
three of four are."""
_ENOUGH = 1e-6
"""Squared residual, relative to the first."""
_LEAST_SIGNAL = 1e-2
"""Variance of any combination of channels at any frequency, in units of the noise: keeps inverses within reach."""
_SEED = 61


def completed(
    values: Floats, measured: NDArray[np.bool_], photograph: Floats, bands: Bands, signal: Matrices
) -> tuple[Floats, Matrices]:
    """Maps whose holes hold what the measured cells say of them, and the covariance learned along with that.

    Parameters
    ----------
    values
        Maps with noise of variance 1, shape (rows, columns, elements); in holes, a first guess.
    measured
        Shape (rows, columns).
    photograph
        Channels known everywhere, with noise of variance 1, shape (rows, columns, channels).
    signal
        Covariance to begin with, as of `learn_covariance`.
    """
    elements = values.shape[2]
    maps = np.concatenate([values, photograph], axis=2)
    known = np.ones(maps.shape, np.bool_)
    known[~measured, :elements] = False
    chance = np.random.default_rng(_SEED)
    for _ in range(_ROUNDS):
        maps = np.where(known, maps, estimated_with_holes(maps, known, bands, signal))
        drawn = _drawn(signal, bands, measured.shape, chance)
        seen = np.where(known, drawn + chance.standard_normal(maps.shape, dtype=np.float32), drawn)
        missed = drawn - estimated_with_holes(seen, known, bands, signal)
        noise = chance.standard_normal(maps.shape, dtype=np.float32)
        signal = learn_covariance(transformed(np.where(known, maps, maps + missed + noise)), bands)
    return np.where(known, maps, estimated_with_holes(maps, known, bands, signal))[:, :, :elements], signal


def estimated_with_holes(maps: Floats, known: NDArray[np.bool_], bands: Bands, signal: Matrices) -> Floats:
    """Best linear estimate of maps from their known values, with noise of variance 1; in holes they are a guess.

    Conjugate gradients, preconditioned by the solution for holes that are spread thinly over all cells.

    Parameters
    ----------
    maps, known
        Shape (rows, columns, channels).
    """
    unit = np.eye(maps.shape[2])
    least = signal + _LEAST_SIGNAL * unit
    inverse: Matrices = np.linalg.inv(least).astype(np.float64)
    leading: Matrices = np.linalg.inv(inverse + np.diag(known.mean(axis=(0, 1)))).astype(np.float64)
    both: Matrices = np.linalg.inv(least + unit).astype(np.float64)
    excess = multiplied(maps, both, bands)
    found = multiplied(excess, least, bands)
    residual = np.where(known, maps - found, 0) - excess
    lead = multiplied(residual, leading, bands)
    way, before = lead, _inner(residual, lead)
    enough = _ENOUGH * before
    for _ in range(_STEPS):
        if before <= enough:
            break
        turned = multiplied(way, inverse, bands) + np.where(known, way, 0)
        step = np.float32(before / _inner(way, turned))
        found = found + step * way
        residual = residual - step * turned
        lead = multiplied(residual, leading, bands)
        after = _inner(residual, lead)
        way, before = lead + np.float32(after / before) * way, after
    return found


def _drawn(signal: Matrices, bands: Bands, shape: tuple[int, ...], chance: np.random.Generator) -> Floats:
    """Maps of the covariance, by chance."""
    channels = signal.shape[1]
    root: Matrices = np.linalg.cholesky(signal + _LEAST_SIGNAL * np.eye(channels)).astype(np.float64)
    white = chance.standard_normal((*shape, channels), dtype=np.float32)
    return multiplied(white, np.swapaxes(root, 1, 2), bands)


def _inner(one: Floats, other: Floats) -> float:
    return float(np.vdot(one, other))
