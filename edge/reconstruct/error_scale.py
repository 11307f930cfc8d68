"""What turns a kriging deviation into a standard error: its scale, from samples that were left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.reconstruction import held_against, quantile_of_columns
from edge.reconstruct.trial import Errors

TRUST = 2.0
"""Samples that the global sill counts for beside a neighbourhood's own."""
CERTAIN = np.array([0, 0, 1, 0, 1, 1], np.float32)
"""`error_scale` of an element that does not vary."""
_ONE_STANDARD_ERROR = 0.6827
_LEAST = 0.25
"""The calibration is never less than this part of the standardised errors' root mean square."""


def error_scale(errors: Errors, nugget: float) -> NDArray[np.float32]:
    """Scale of the errors from leave-one-out errors, and how these compare with the standard error that comes of it.

    The calibration is of the kriging deviation whole, nugget included: it covers 68 % of the errors. The nugget holds
    counting noise and true variation between cells; only the latter is an error of the map. Of a left-out sample its
    own counting error is expected beside that.

    Returns
    -------
    ndarray
        Shape (6, elements): sill, unresolved part of the nugget in units of it, calibration, root mean square error,
        share of errors within one standard error, and within two.
    """
    residual, variance, weight, counting = errors.residual, errors.variance, errors.weight, errors.counting
    sill = weight @ (np.square(residual) / variance[:, None]) / len(weight)
    others = max(errors.others - 1, 1)
    local = np.maximum((others * errors.rest + TRUST * sill) / (others + TRUST), 1e-30)
    standard = np.abs(residual) / np.sqrt(local * variance[:, None])
    least = _LEAST * np.sqrt(weight @ np.square(standard) / len(weight))
    calibration = np.maximum(quantile_of_columns(standard.astype(np.float32), _ONE_STANDARD_ERROR, weight), least)
    unit = np.maximum(sill * np.square(calibration), 1e-12)
    unresolved = np.maximum(nugget - weight @ counting / len(weight) / unit, 0)
    spread = np.maximum(variance - nugget * errors.noise, 0)[:, None] + unresolved
    expected = np.sqrt(np.square(calibration) * local * spread + counting)
    held = held_against(residual, expected.astype(np.float32), weight)
    return np.array([sill, unresolved, calibration, held.rms, held.within_one, held.within_two], np.float32)
