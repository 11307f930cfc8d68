"""What turns a kriging deviation into a standard error: its scale and its shape, from samples that were left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.reconstruction import held_against, quantile_of_columns
from edge.reconstruct.trial import Errors

TRUST = 2.0
"""Samples that the global sill counts for beside a neighbourhood's own."""
CERTAIN = np.array([0, 0, 1, 0, 0, 1, 1], np.float32)
"""`error_scale` of an element that does not vary."""
LEVEL_OFFSET = 0.2
"""Added to the level: standard deviations above the lowest sample that even the lowest place is uncertain by."""
_POWERS = (0.0, 0.5, 1.0)
_ONE_STANDARD_ERROR, _TWO_STANDARD_ERRORS = 0.6827, 0.9545
_LEAST = 0.25
"""The calibration is never less than this part of the standardised errors' root mean square."""
_GIVES_WAY = 1.1
"""Most that the square of the factor is changed by for the sake of two standard errors: two points of the share in one,
well within what the samples can tell."""
_MOST_CORRECTED = 4.0
"""Most that the square of the factor departs from the nugget's, where there is no counting error at all."""
_CLOSER = 0.005
"""By how much nearer to its due share within two standard errors another power of the level must bring an element."""

Floats = NDArray[np.float32]


def error_scale(errors: Errors, nugget: float, lowest: Floats) -> Floats:
    """Scale and shape of the errors from samples left out, and how these compare with the standard error that results.

    The standard error is the kriging deviation of the neighbourhood times a power of the level: counts, and edges of
    strong against faint paint, err more where there is more of an element. The power is the one that brings the share
    within two standard errors nearest to that of a normal distribution, and the factor the one that makes the share
    within one about 68 %; both with the counting error of the sample itself. The nugget holds counting noise and true
    variation between cells; only the latter is an error of the map.

    Parameters
    ----------
    errors
        Of samples that nothing has seen that predicts them.
    nugget
        The covariance's `noise`.
    lowest
        Lowest normalised sample of each element.

    Returns
    -------
    ndarray
        Shape (7, elements): sill, unresolved part of the nugget in units of it, factor, power of the level, root mean
        square error, share of errors within one standard error, and within two.
    """
    residual, variance, weight, counting = errors.residual, errors.variance, errors.weight, errors.counting
    sill = weight @ (np.square(residual) / variance[:, None]) / len(weight)
    others = max(errors.others - 1, 1)
    local = np.maximum((others * errors.rest + TRUST * sill) / (others + TRUST), 1e-30)
    level = np.maximum(errors.measured - residual - lowest, 0) + LEVEL_OFFSET
    best = np.full((6, residual.shape[1]), np.inf, np.float32)
    nearest = np.full(residual.shape[1], np.inf)
    for power in _POWERS:
        scale = np.maximum(local * level ** (2 * power), 1e-30)
        whole = _share_of(np.square(residual) / (scale * variance[:, None]), _ONE_STANDARD_ERROR, weight)
        unit = np.maximum(whole * (weight @ scale) / len(weight), 1e-12)
        unresolved = np.maximum(nugget - weight @ counting / len(weight) / unit, 0)
        spread = np.maximum(variance - nugget * errors.noise, 0)[:, None] + unresolved
        shape = np.maximum(scale * spread, 1e-12)
        factor = _factor(residual, shape, counting, weight, whole)
        held = held_against(residual, np.sqrt(np.square(factor) * shape + counting).astype(np.float32), weight)
        off = np.abs(held.within_two - _TWO_STANDARD_ERRORS) + (_CLOSER if power else 0)
        better = off < nearest
        nearest = np.where(better, off, nearest)
        found = np.array(
            [unresolved, factor, np.full(len(factor), power), held.rms, held.within_one, held.within_two], np.float32
        )
        best = np.where(better, found, best)
    return np.concatenate([np.array([sill], np.float32), best])


def _factor(
    residual: Floats, shape: NDArray[np.floating], counting: Floats, weight: Floats, whole: NDArray[np.floating]
) -> Floats:
    """Factor f with which 68 % of the errors are within the root of f² times the shape plus their counting variance.

    It stays near the one that holds for the kriging deviation with its nugget, whose square is `whole`: where counting
    is most of the error, what is left of the difference says little. And where twice the root holds more or less than
    95 %, it gives way a little.
    """
    square = _share_of((np.square(residual) - counting) / shape, _ONE_STANDARD_ERROR, weight)
    double = _share_of((np.square(residual) / 4 - counting) / shape, _TWO_STANDARD_ERRORS, weight)
    square = square * np.clip(double / np.maximum(square, 1e-12), 1 / _GIVES_WAY, _GIVES_WAY)
    counted = np.minimum(weight @ counting / np.maximum(weight @ np.square(residual), 1e-12), 1)
    most = _MOST_CORRECTED ** (1 - counted)
    square = np.clip(square, whole / most, whole * most)
    least = np.square(_LEAST) * (weight @ (np.square(residual) / (shape + counting)) / len(weight))
    factor: Floats = np.sqrt(np.maximum(square, least)).astype(np.float32)
    return factor


def _share_of(values: NDArray[np.floating], share: float, weight: Floats) -> Floats:
    return quantile_of_columns(values.astype(np.float32), share, weight)
