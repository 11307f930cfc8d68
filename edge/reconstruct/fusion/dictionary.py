"""Dictionaries of colours and spectra that share their abundances: where fusion inpainting starts.

Eq. 18 of Q. Dai et al., "Adaptive Image Sampling using Deep Learning and its Application on X-Ray Fluorescence Image
Reconstruction", after J. Yang, J. Wright, T. Huang and Y. Ma, "Image super-resolution via sparse representation"
(2010): over abundances A and atoms D,

    |I - D_rgb A|² + |Y - D_v A|² + beta |A|_1        with atoms of length 1 at most in colour, and in spectrum.

Abundances and atoms are kept from falling below zero here, since Eq. 14 needs them so. Both are found in turn, from
atoms that are measured pairs of colour and spectrum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion import projection

Floats = NDArray[np.float32]

BETA = 0.02
"""Of the abundances' sum; Dai et al., super-resolution, below Eq. 22."""
_ROUNDS = 10
_CODING_STEPS = 20
_ATOM_STEPS = 4
_FIT_STEPS = 100
_BLOCK_CELLS = 256


def chosen_pairs(pairs: Floats, atoms: int, seed: int = 0) -> Floats:
    """Pairs that lie far apart, at most `atoms` and never one twice, shape (atoms, channels + 3).

    Each next one is drawn with a chance that goes with its squared distance to those there are (D. Arthur and
    S. Vassilvitskii, "k-means++", 2007).
    """
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(pairs)))]
    apart = np.square(pairs - pairs[chosen[0]]).sum(axis=1, dtype=np.float64)
    while len(chosen) < atoms and apart.sum() > 0:
        chosen.append(int(rng.choice(len(pairs), p=apart / apart.sum())))
        apart = np.minimum(apart, np.square(pairs - pairs[chosen[-1]]).sum(axis=1, dtype=np.float64))
    return pairs[chosen]


def coupled_dictionary(training: Floats, pairs: Floats, *, atoms: int, beta: float = BETA) -> Floats:
    """Atoms of spectrum and colour, in [0, 1], that cells are sparse sums of, shape (at most `atoms`, channels + 3).

    Parameters
    ----------
    training
        Spectrum and colour of cells, shape (cells, channels + 3), in [0, 1].
    pairs
        The same of measured cells, from which atoms start.
    """
    start = chosen_pairs(pairs, atoms)
    length = max(float(np.linalg.norm(part, axis=1).max()) for part in (start[:, :-3], start[:, -3:]))
    # Eq. 18 bounds an atom's length, Eq. 14 its entries: what is learnt goes back to the scale of the pairs
    scale = np.float32(length or 1.0)
    dictionary: Floats = start / scale
    abundances: Floats = np.zeros((len(training), len(dictionary)), np.float32)
    for _ in range(_ROUNDS):
        abundances = coded(training, dictionary, abundances, beta)
        dictionary = improved_atoms(training, dictionary, abundances)
    clipped: Floats = np.clip(dictionary * scale, 0, 1)
    return clipped


def sparse_objective(training: Floats, dictionary: Floats, abundances: Floats, beta: float) -> float:
    """Eq. 18."""
    miss = np.square(abundances @ dictionary - training).sum(dtype=np.float64)
    return float(miss + beta * abundances.sum(dtype=np.float64))


def coded(training: Floats, dictionary: Floats, start: Floats, beta: float) -> Floats:
    """Abundances that lower Eq. 18 for given atoms, by accelerated proximal steps, never above the start's value."""
    length = np.float32(1 / max(2 * _largest_square(dictionary), 1e-6))
    now, before, pace = start, start, 1.0
    value = sparse_objective(training, dictionary, start, beta)
    for _ in range(_CODING_STEPS):
        following = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead = now + np.float32((pace - 1) / following) * (now - before)
        slope = 2 * (ahead @ dictionary - training) @ dictionary.T + np.float32(beta)
        tried = np.maximum(ahead - length * slope, 0)
        found = sparse_objective(training, dictionary, tried, beta)
        if found > value:
            pace, before = 1.0, now
            continue
        now, before, pace, value = tried, now, following, found
    return now


def improved_atoms(training: Floats, dictionary: Floats, abundances: Floats) -> Floats:
    """Atoms that lower Eq. 18 for given abundances, by projected steps."""
    curvature = np.maximum(2 * abundances.sum(axis=1) @ abundances, 1e-12)[:, None]
    for _ in range(_ATOM_STEPS):
        slope = 2 * abundances.T @ (abundances @ dictionary - training)
        dictionary = np.maximum(dictionary - slope / curvature, 0)
        for part in (slice(None, -3), slice(-3, None)):
            dictionary[:, part] /= np.maximum(np.linalg.norm(dictionary[:, part], axis=1, keepdims=True), 1)
    return dictionary


def fitted_abundances(wanted: Floats, dictionary: Floats) -> Floats:
    """For each cell the mean of atoms, weights adding up to 1, that comes near to what is wanted, (cells, atoms).

    Accelerated projected gradients, a fixed number of steps: where the solve starts need not be exact.
    """
    length = 1 / max(_largest_square(dictionary - dictionary.mean(axis=0)), 1e-6)
    found: Floats = np.empty((len(wanted), len(dictionary)), np.float32)
    back = np.ascontiguousarray(dictionary.T)
    # where there are more channels than atoms, channels are multiplied away once
    gram = dictionary @ back if dictionary.shape[1] > len(dictionary) else None
    for first in range(0, len(wanted), _BLOCK_CELLS):
        goal = wanted[first : first + _BLOCK_CELLS]
        pull = None if gram is None else goal @ back
        now: Floats = np.full((len(goal), len(dictionary)), 1 / len(dictionary), np.float32)
        before, pace = now.copy(), 1.0
        threshold: Floats = np.zeros(len(goal), np.float32)
        lengths: Floats = np.full((len(goal), 2), length, np.float32)
        for _ in range(_FIT_STEPS):
            following = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            momentum, pace = (pace - 1) / following, following
            ahead = now + np.float32(momentum) * (now - before)
            slope = (ahead @ dictionary - goal) @ back if pull is None else ahead @ gram - pull
            projection.step(now, before, slope.astype(np.float32, copy=False), lengths, 0, momentum)
            projection.onto_simplex(before, threshold)
            now, before = before, now
        found[first : first + len(goal)] = now
    return found


def _largest_square(matrix: Floats) -> float:
    """Square of the largest singular value."""
    turned = matrix.astype(np.float64) if matrix.shape[1] < matrix.shape[0] else matrix.T.astype(np.float64)
    return float(np.linalg.eigvalsh(turned.T @ turned)[-1])
