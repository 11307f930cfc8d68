"""The continuum under the peaks: clipping it off a spectrum, and smooth components to fit it with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def snip(spectra: ArrayLike, half_widths: ArrayLike) -> NDArray[np.float64]:
    """Estimate the continuum of one or many spectra by peak clipping.

    Statistics-sensitive nonlinear iterative clipping with a shrinking window on ``log log sqrt`` counts:
    Ryan et al., Nucl. Instrum. Meth. B 34 (1988) 396; window order of Morhac et al., Nucl. Instrum. Meth. A 401
    (1997) 113.

    Parameters
    ----------
    spectra
        Counts, shape (..., channels).
    half_widths
        Widest clipping window in channels, one for all or one per channel (about 1.5 times the local FWHM).

    Returns
    -------
    ndarray
        Continuum, same shape, nowhere above the spectrum and nowhere negative.
    """
    counts = np.maximum(np.asarray(spectra, dtype=float), 0.0)
    channels = counts.shape[-1]
    widths = np.broadcast_to(np.asarray(half_widths, dtype=float), (channels,)).astype(int)
    compressed = np.log(np.log(np.sqrt(counts + 1.0) + 1.0) + 1.0)
    index = np.arange(channels)
    room = np.minimum(index, channels - 1 - index)
    for width in range(int(min(widths.max(), room.max())), 0, -1):
        clipped = np.flatnonzero((widths >= width) & (room >= width))
        neighbours = 0.5 * (compressed[..., clipped - width] + compressed[..., clipped + width])
        compressed[..., clipped] = np.minimum(compressed[..., clipped], neighbours)
    continuum = np.square(np.exp(np.exp(compressed) - 1.0) - 1.0) - 1.0
    return np.asarray(np.clip(continuum, 0.0, counts))


def hat_functions(energies_kev: NDArray[np.float64], knots_kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Piecewise linear partition of unity: shape (knots, channels), each 1 at its knot and 0 at the others."""
    return np.array([np.interp(energies_kev, knots_kev, unit) for unit in np.eye(knots_kev.size)])


def spline_functions(energies_kev: NDArray[np.float64], knots_kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic B-splines on the knots: smooth, non-negative, summing to 1 between the outer knots.

    Returns
    -------
    ndarray
        Shape (knots + 2, channels).
    """
    from scipy.interpolate import BSpline

    padded = np.concatenate([[knots_kev[0]] * 3, knots_kev, [knots_kev[-1]] * 3])
    inside = np.clip(energies_kev, knots_kev[0], knots_kev[-1] * (1.0 - 1e-12))
    return np.asarray(BSpline.design_matrix(inside, padded, 3).toarray().T)


def spline_knots(low_kev: float, high_kev: float) -> NDArray[np.float64]:
    """Knots that follow how fast a continuum bends: 0.7 keV apart at 1 keV, 2.5 keV apart from 20 keV on."""
    knots = [low_kev]
    while True:
        step = float(np.interp(knots[-1], [1.0, 5.0, 20.0], [0.7, 1.2, 2.5]))
        if knots[-1] + 1.5 * step >= high_kev:
            break
        knots.append(knots[-1] + step)
    return np.array([*knots, high_kev])
