"""Covariance of several maps on a full grid, learned and applied in the frequency domain.

The maps are taken for Gaussian fields, each a mixture of a few independent ones that vary over stated distances: the
linear model of coregionalization (A. G. Journel and C. J. Huijbregts 1978). On a full grid with equal noise its cosine
transform falls apart into bands of frequencies with one small matrix each. Its likelihood (P. Whittle 1953) and its
best linear estimate (N. Wiener 1949) cost no more than that transform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrices = NDArray[np.float64]
_DISTANCES_CELLS = ((1.5, 6.0), (3.0, 3.0), (6.0, 1.5), (6.0, 24.0), (12.0, 12.0), (24.0, 6.0))
"""Down and across. What a mixture leaves unused costs nothing: on the hands 3 to 10 fields are equal within 0.05 dB."""
_SMOOTHNESS = 1.5
"""Power of the spectra (B. Matérn 1960); 1.25 and 2 are equal within 0.08 dB on the hands."""
_ROUNDS = 40
_BANDS_AN_OCTAVE = 3
_DOUBT = 10.0
"""A prior's weight, in coefficients, against covariance that few coefficients speak for; 0.07 dB on the hands at a
thousandth of the photons, nothing elsewhere; half or twice as much is as good."""
_FAINT = 0.01
"""Variance, in units of the noise, below which the prior no longer cares."""
_LEAST_VARIANCE = 1e-3
"""Of the start, in units of the noise; below it a field is lost in the noise at any size of grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """Frequencies of a grid's cosine transform, grouped by how fast they vary down and across."""

    order: NDArray[np.intp]
    """Coefficients, numbered row by row, sorted by band; the first band is the mean alone."""
    starts: NDArray[np.intp]
    """Where each band begins in `order`, shape (bands,)."""
    sizes: Matrices
    """Coefficients of each band, as floating point, shape (bands,)."""
    down: Matrices
    """Root mean square frequency, in half cycles a cell, shape (bands,)."""
    across: Matrices


def bands_of(shape: tuple[int, int]) -> Bands:
    """Bands of equal width on a logarithmic scale, each way."""
    down, across = _band_of_each(shape[0]), _band_of_each(shape[1])
    band = (down[:, None] * (across[-1] + 1) + across[None]).ravel()
    order = np.argsort(band, kind="stable")
    starts = np.flatnonzero(np.diff(band[order], prepend=-1))
    sizes = np.diff(starts, append=band.size).astype(np.float64)
    rows, columns = np.divmod(order, shape[1])
    mean_down = np.add.reduceat(np.square(rows / shape[0]), starts) / sizes
    mean_across = np.add.reduceat(np.square(columns / shape[1]), starts) / sizes
    return Bands(order, starts, sizes, np.sqrt(mean_down), np.sqrt(mean_across))


def transformed(maps: Floats) -> Floats:
    """Orthonormal cosine transform of maps (rows, columns, channels), without preferred edges."""
    from scipy.fft import dctn

    return np.asarray(dctn(maps, axes=(0, 1), norm="ortho"), np.float32)


def learn_covariance(transform: Floats, bands: Bands, rounds: int = _ROUNDS) -> Matrices:
    """Covariance of the signal in each band, shape (bands, channels, channels), the most likely under model and prior.

    Noise must be independent between channels and cells, with variance 1. Each round replaces every field's mixing
    covariance by the minimum of a bound on the likelihood (H. Zhou, L. Hu, J. Zhou and K. Lange 2019, section 3), to
    which is added the logarithmic determinant of the mixing covariances' sum, so that what is faint vanishes.
    """
    found = _covariances(transform, bands)
    shapes = _field_spectra(bands)
    sizes = bands.sizes.copy()
    sizes[0] = 0  # the mean is not taken for a sample of a field
    if sizes.sum() == 0:
        return np.zeros_like(found)
    unit = np.eye(found.shape[1])
    start = np.einsum("b,bii->i", sizes, found) / sizes.sum() - 1
    mixing = np.repeat(np.diag(np.maximum(start, _LEAST_VARIANCE))[None] / len(shapes), len(shapes), axis=0)
    for _ in range(rounds):
        precision = np.linalg.inv(np.tensordot(shapes.T, mixing, 1) + unit)
        expected = np.tensordot(sizes * shapes, precision, 1)
        expected += _DOUBT * np.linalg.inv(mixing.sum(axis=0) + _FAINT * unit)
        seen = np.tensordot(sizes * shapes, precision @ found @ precision, 1)
        factor = np.linalg.cholesky(expected + 1e-9 * unit)
        lifted = np.swapaxes(factor, 1, 2) @ mixing
        root = _square_root(lifted @ seen @ np.swapaxes(lifted, 1, 2))
        back = np.linalg.inv(factor)
        mixing = np.swapaxes(back, 1, 2) @ root @ back
    signal: Matrices = np.tensordot(shapes.T, mixing, 1)
    return signal


def log_posterior(transform: Floats, bands: Bands, signal: Matrices) -> float:
    """Of a signal's covariance given the transform without its mean, up to a constant; `learn_covariance` lifts it."""
    total = signal + np.eye(signal.shape[1])
    misfit = np.einsum("bij,bji->b", np.linalg.inv(total), _covariances(transform, bands))
    mixed = np.einsum("b,bij->ij", bands.sizes, signal) / bands.sizes.sum()
    prior = _DOUBT * np.linalg.slogdet(mixed + _FAINT * np.eye(len(mixed)))[1]
    return float(-0.5 * ((bands.sizes * (np.linalg.slogdet(total)[1] + misfit))[1:].sum() + prior))


def estimated(transform: Floats, bands: Bands, signal: Matrices, noise: Floats) -> Floats:
    """Best linear estimate of the maps, for a noise variance (channels,) that may differ from 1."""
    return _returned(transform, _gains(signal, noise.astype(np.float64)), bands)


def multiplied(maps: Floats, matrices: Matrices, bands: Bands) -> Floats:
    """Maps whose coefficients in each band, as rows, are multiplied by its matrix from the right."""
    return _returned(transformed(maps), matrices, bands)


def _returned(transform: Floats, matrices: Matrices, bands: Bands) -> Floats:
    from scipy.fft import idctn

    channels = transform.shape[2]
    sorted_coefficients = transform.reshape(-1, channels)[bands.order]
    ends = np.append(bands.starts[1:], len(bands.order))
    factors = matrices.astype(np.float32)
    for band, (start, end) in enumerate(zip(bands.starts, ends, strict=True)):
        sorted_coefficients[start:end] = sorted_coefficients[start:end] @ factors[band]
    product = np.empty_like(sorted_coefficients)
    product[bands.order] = sorted_coefficients
    return np.asarray(idctn(product.reshape(transform.shape), axes=(0, 1), norm="ortho"), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedError:
    """Error of `estimated` under unit noise, averaged over cells, in units of the noise's variance."""

    covariance: Matrices
    """Between channels, shape (channels, channels)."""
    smoothing: Matrices
    """The part of its diagonal that comes from smoothing the signal, shape (channels,); the rest is noise."""
    unmeasured: Matrices
    """Variance of a cell that is estimated from all others, shape (channels,)."""
    learning: float
    """Factor on every variance for having learned the covariance from the same maps, at most 2."""


def expected_error(bands: Bands, signal: Matrices) -> ExpectedError:
    """What the model says of its own estimate.

    Each number that was learned adds about the noise of one coefficient to the error of all channels together (as in
    the criterion of H. Akaike 1974).
    """
    unit, share = np.eye(signal.shape[1]), bands.sizes / bands.sizes.sum()
    gains = _gains(signal, np.ones(signal.shape[1]))
    lost = unit - gains
    smoothing = np.einsum("b,bji,bjk,bki->i", share, lost, signal, lost)
    without = np.linalg.inv(np.tensordot(share, np.linalg.inv(signal + unit), 1))
    unmeasured = np.maximum(np.diag(without) - 1, 0)
    covariance = np.tensordot(share, gains, 1)
    channels = len(unit)
    learned = len(_DISTANCES_CELLS) * channels * (channels + 1) / 2
    learning = 1 + min(1.0, learned / max(bands.sizes.sum() * np.trace(covariance), 1e-9))
    return ExpectedError((covariance + covariance.T) / 2, smoothing, unmeasured, float(learning))


def _band_of_each(count: int) -> NDArray[np.intp]:
    """Band of each of `count` frequencies of one axis: the lowest four alone, then equal parts of an octave."""
    edges = [0, 1, 2, 3, 4]
    while edges[-1] < count:
        step = 4 * 2 ** ((len(edges) - 4) / _BANDS_AN_OCTAVE)
        edges.append(max(edges[-1] + 1, round(step)))
    return np.searchsorted(edges, np.arange(count), side="right") - 1


def _field_spectra(bands: Bands) -> Matrices:
    """Spectrum of each field with variance 1, shape (fields, bands)."""
    spectra = np.array(
        [
            (1 + (np.pi * down * bands.down) ** 2 + (np.pi * across * bands.across) ** 2) ** -_SMOOTHNESS
            for down, across in _DISTANCES_CELLS
        ]
    )
    normalised: Matrices = spectra / (spectra @ bands.sizes / bands.sizes.sum())[:, None]
    return normalised


def _covariances(transform: Floats, bands: Bands) -> Matrices:
    """Mean outer product of the coefficients of each band, shape (bands, channels, channels)."""
    coefficients = transform.reshape(-1, transform.shape[2])[bands.order]
    ends = np.append(bands.starts[1:], len(bands.order))
    products = [
        coefficients[start:end].T @ coefficients[start:end] for start, end in zip(bands.starts, ends, strict=True)
    ]
    mean: Matrices = np.array(products, np.float64) / bands.sizes[:, None, None]
    return mean


def _gains(signal: Matrices, noise: Matrices) -> Matrices:
    """What each band's coefficients, as rows, are multiplied by from the right."""
    return np.asarray(np.linalg.solve(signal + np.diag(noise), signal), np.float64)


def _square_root(matrices: Matrices) -> Matrices:
    """Symmetric root of symmetric matrices that are positive but for rounding."""
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, 1, 2)) / 2)
    root: Matrices = (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ np.swapaxes(vectors, 1, 2)
    return root
