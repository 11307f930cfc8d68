"""What the best linear estimate of noisy maps lacks, learned from the same maps by splitting their noise.

Noise of known variance can be added to a map in such a way that several noisier copies with independent noise result,
whose mean is the map (A. Rasines and G. A. Young 2023; A. Neufeld and others 2024; for photon counts, dividing the
photons is the same thing). What one copy is predicted from the others is then held against it without bias and
without truth (J. Lehtinen and others 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.coregionalization import Bands, ExpectedError, Matrices, estimated, transformed
from edge.reconstruct.evidence import regress

Floats = NDArray[np.float32]
COPIES = 4
"""2 learn 0.1 to 0.15 dB less on the hands, 8 no more."""
_NOISES = (1.0, 0.2, 5.0, 25.0)
"""Noise variances that the estimates are made for, relative to the true one, which is first."""
_LEVELS = 5
"""Of local contrast, between which the share of each estimate is interpolated."""
_UNITS = 300
"""Rectified random directions (A. Rahimi and B. Recht 2008); 150 gain 0.05 dB less on the hands, 600 0.03 more."""
_MISFIT = 2.0
"""Variance of a copy less its estimate, in units of its noise: at frequencies where the signal drowns the estimate errs
by as much as the noise, and its errors are common to all copies."""
_MOST_CELLS = 20_000
"""That the regressions learn from, drawn at random."""
_LEAST_SIGNAL = 0.5
"""Variance of a feature of the estimate, in units of its own error."""
_CONTRAST_BLUR_CELLS = 1.5
_SEED = 20_231


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What the linear estimate was made with."""

    bands: Bands
    signal: Matrices
    error: ExpectedError
    elements: int
    """Channels that are measured with noise, with variance 1 on average; the others come from the photograph."""


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The estimate after learning, and how far it can be trusted."""

    estimate: Floats
    """Shape (rows, columns, elements), as the measured maps."""
    gained: Matrices
    """By how much the mean squared error fell, per element, in units of the noise."""
    smoothing: Floats
    """Squared error from smoothing, relative to its expectation before learning, shape (rows, columns)."""
    least_error: Matrices
    """Mean squared error that copies show at least, one standard deviation below what they show, per element."""


@dataclass(frozen=True, slots=True, eq=False)
class _Directions:
    """Directions between channels."""

    components: Floats
    """Orthonormal, elements x components, from the most to the least varying in the estimate."""
    features: Floats
    """Elements x features: combinations with a signal, in units of their error."""


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """Estimates at some cells for several noises, by component, and the local contrast."""

    base: Floats
    """Shape (cells, components)."""
    changes: Floats
    """Other noises' estimates less the base, shape (noises, cells, components)."""
    contrast: Floats
    """Logarithm, shape (cells,)."""
    outside: Floats
    """The photograph's channels, shape (cells, channels)."""


def split(measured: Floats, noise: Floats, copies: int, random: np.random.Generator) -> Iterator[Floats]:
    """Copies of the maps with independent noise of `copies` times the variance `noise`, whose mean is the maps."""
    drawn = random.standard_normal((copies, *measured.shape), dtype=np.float32)
    drawn -= drawn.mean(axis=0)
    deviation = np.sqrt(noise * np.float32(copies))
    for one in drawn:
        yield measured + deviation * one


def refine(measured: Floats, photograph: Floats, noise: Floats, usable: NDArray[np.bool_], model: Model) -> Refined:
    """Learn where, and in which combinations of elements, the linear estimate must be sharper, smoother or elsewhere.

    First each component's estimates for several noises are mixed by local contrast; then a smooth function of all
    components, their contrast and the photograph's channels is added.

    Parameters
    ----------
    measured
        Maps with noise of mean variance 1 and mean zero, shape (rows, columns, elements).
    photograph
        Channels of the photograph as in `model`, shape (rows, columns, channels), channels may be none.
    noise
        Variance of each measured value, with mean 1 for each element.
    usable
        Cells to learn from, shape (rows, columns).
    """
    random = np.random.default_rng(_SEED)
    cells = np.flatnonzero(usable)
    if len(cells) > _MOST_CELLS:
        cells = np.sort(random.choice(cells, _MOST_CELLS, replace=False))
    whole, directions = _looks(measured, photograph, model, np.arange(usable.size), 1.0)
    looks, left = [], []
    for copy in split(measured, noise, COPIES, random):
        rest = (COPIES * measured - copy) / np.float32(COPIES - 1)
        seen, _ = _looks(rest, photograph, model, cells, COPIES / (COPIES - 1), directions)
        looks.append(seen)
        left.append(copy.reshape(-1, model.elements)[cells] @ directions.components - seen.base)
    before = _mean_square(left, directions)
    levels = _levels_of([one.contrast for one in looks])
    _mix_by_contrast(looks, left, whole, levels)
    spread = np.maximum(np.einsum("ik,ij,jk->k", directions.components, _of_elements(model), directions.components), 0)
    final: Floats = whole.base + _add_function(looks, left, whole, directions, spread, random)
    residual = np.concatenate([one @ directions.components.T for one in left])
    variance = np.tile(noise.reshape(-1, model.elements)[cells], (COPIES, 1)) * COPIES
    smoothing = _smoothing(residual, variance, np.concatenate([one.contrast for one in looks]), levels, model)
    return Refined(
        (final @ directions.components.T).reshape(*usable.shape, model.elements),
        before - _mean_square(left, directions),
        (_memberships(whole.contrast, levels) @ smoothing).reshape(usable.shape),
        _least_error(residual, variance),
    )


def _mean_square(left: Sequence[Floats], directions: _Directions) -> Matrices:
    """Of what is left of each element, over all copies and cells."""
    squares = [np.square(one @ directions.components.T).mean(axis=0, dtype=np.float64) for one in left]
    return np.asarray(np.mean(squares, axis=0), np.float64)


def _least_error(residual: Floats, variance: Floats) -> Matrices:
    """Mean square of a residual beyond its noise, less one standard deviation of that mean."""
    squares = np.square(residual, dtype=np.float64)
    return np.asarray((squares - variance).mean(axis=0) - squares.std(axis=0) / len(squares) ** 0.5, np.float64)


def _of_elements(model: Model) -> Matrices:
    return model.error.covariance[: model.elements, : model.elements]


def _directions_of(estimate: Floats, model: Model) -> _Directions:
    flat = estimate.reshape(-1, model.elements)
    covariance = (flat.T @ flat / len(flat)).astype(np.float64)
    components = np.linalg.eigh(covariance)[1][:, ::-1]
    values, vectors = np.linalg.eigh(_of_elements(model))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-4))
    strength, turned = np.linalg.eigh(whitening.T @ covariance @ whitening)
    features = whitening @ turned[:, strength > _LEAST_SIGNAL]
    return _Directions(components.astype(np.float32), features.astype(np.float32))


def _looks(
    measured: Floats,
    photograph: Floats,
    model: Model,
    cells: NDArray[np.intp],
    relative_noise: float,
    directions: _Directions | None = None,
) -> tuple[_Looks, _Directions]:
    """Estimates for each of `_NOISES` times the given one, kept at some cells."""
    transform = transformed(np.concatenate([measured, photograph], axis=2))
    estimates = []
    for factor in _NOISES:
        noise = np.ones(transform.shape[2], np.float32)
        noise[: model.elements] = factor * relative_noise
        estimates.append(estimated(transform, model.bands, model.signal, noise)[:, :, : model.elements])
    kept = directions or _directions_of(estimates[0], model)
    contrast = _contrast(estimates[0] @ kept.features).ravel()
    at = [one.reshape(-1, model.elements)[cells] @ kept.components for one in estimates]
    outside = photograph.reshape(contrast.size, photograph.shape[2])[cells]
    return _Looks(at[0], np.stack([one - at[0] for one in at[1:]]), contrast[cells], outside), kept


def _contrast(features: Floats) -> Floats:
    """Logarithm of the local mean square of what a blur takes off, over all features."""
    import cv2

    if features.shape[2] == 0:
        return np.zeros(features.shape[:2], np.float32)
    energy = np.zeros(features.shape[:2], np.float32)
    for feature in np.moveaxis(features, 2, 0):
        plain = np.ascontiguousarray(feature)
        energy += np.square(plain - cv2.GaussianBlur(plain, (0, 0), _CONTRAST_BLUR_CELLS))
    smooth = cv2.GaussianBlur(energy, (0, 0), _CONTRAST_BLUR_CELLS)
    return np.log(np.maximum(np.asarray(smooth, np.float32), np.float32(1e-6)))


def _levels_of(contrasts: Sequence[Floats]) -> Floats:
    low, high = np.quantile(np.concatenate(contrasts), (0.05, 0.95))
    return np.linspace(low, max(high, low + 1e-3), _LEVELS, dtype=np.float32)


def _memberships(contrast: Floats, levels: Floats) -> Floats:
    """Weights of the levels at each cell, of which at most two are not zero, shape (cells, levels)."""
    at = np.clip((contrast - levels[0]) / (levels[1] - levels[0]), 0, _LEVELS - 1)
    weights: Floats = np.maximum(1 - np.abs(at[:, None] - np.arange(_LEVELS)), 0).astype(np.float32)
    return weights


def _mix_by_contrast(looks: Sequence[_Looks], left: Sequence[Floats], whole: _Looks, levels: Floats) -> None:
    """Add the best share of each change at each level of contrast to every base, and take it off `left`."""
    weights = [_memberships(one.contrast, levels) for one in looks]
    components = whole.base.shape[1]
    designs = [
        [_products(one.changes[:, :, k], weight) for one, weight in zip(looks, weights, strict=True)]
        for k in range(components)
    ]
    products = [np.sum([design.T @ design for design in copies], axis=0) for copies in designs]
    targets = [
        np.sum([design.T @ one[:, k] for design, one in zip(copies, left, strict=True)], axis=0)
        for k, copies in enumerate(designs)
    ]
    shares = regress(products, targets, np.ones(components), _MISFIT * COPIES)
    whole_weights = _memberships(whole.contrast, levels)
    for k, copies in enumerate(designs):
        whole.base[:, k] += _products(whole.changes[:, :, k], whole_weights) @ shares[k]
        for one, seen, design in zip(left, looks, copies, strict=True):
            change = design @ shares[k]
            one[:, k] -= change
            seen.base[:, k] += change


def _products(changes: Floats, weights: Floats) -> Floats:
    """Each change times each weight, shape (cells, changes x weights)."""
    return np.concatenate([change[:, None] * weights for change in changes], axis=1)


def _add_function(
    looks: Sequence[_Looks],
    left: Sequence[Floats],
    whole: _Looks,
    directions: _Directions,
    spread: Matrices,
    random: np.random.Generator,
) -> Floats:
    """What a smooth function of all features adds to the components; takes it off `left`."""
    to_features = directions.components.T @ directions.features

    def inputs(seen: _Looks) -> Floats:
        return np.concatenate([seen.base @ to_features, seen.contrast[:, None], seen.outside], axis=1)

    rows = [inputs(one) for one in looks]
    centre, scale = np.mean(rows[0], axis=0), np.std(rows[0], axis=0)
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    ways = random.standard_normal((rows[0].shape[1], _UNITS), dtype=np.float32) / np.float32(rows[0].shape[1] ** 0.5)
    offsets = random.standard_normal(_UNITS, dtype=np.float32)

    def features(seen: Floats) -> Floats:
        unit = (seen - centre) / scale
        rectified = np.maximum(unit @ ways + offsets, 0)
        return np.concatenate([rectified, unit, np.ones((len(unit), 1), np.float32)], axis=1)

    product, target = np.zeros(()), np.zeros(())
    for seen, one in zip(rows, left, strict=True):
        design = features(seen)
        product, target = product + design.T @ design, target + design.T @ one
    found = regress([product] * len(spread), list(target.T), spread, float(COPIES))
    coefficients = np.stack(found, axis=1)
    for seen, one in zip(rows, left, strict=True):
        one[:] -= features(seen) @ coefficients
    parts = np.array_split(np.arange(len(whole.base)), max(1, len(whole.base) // _MOST_CELLS))
    inside = inputs(whole)
    return np.concatenate([features(inside[part]) @ coefficients for part in parts])


def _smoothing(residual: Floats, variance: Floats, contrast: Floats, levels: Floats, model: Model) -> Floats:
    """Squared error from smoothing at each level of contrast, relative to what the model expects of it on average.

    The expectation counts as much as a hundred cells, as a level may be seen in few.
    """
    diagonal = np.diag(_of_elements(model))
    smoothing = model.error.smoothing[: model.elements]
    noisy = variance / COPIES * np.maximum(diagonal - smoothing, 0)
    excess = (np.square(residual) - variance - noisy).sum(axis=1)
    weights = _memberships(contrast, levels)
    seen, expected = weights.T @ excess, weights.sum(axis=0) * smoothing.sum()
    prior = 100 * smoothing.sum()
    found: Floats = np.clip((seen + prior) / (expected + prior), 0.25, 4).astype(np.float32)
    return found
