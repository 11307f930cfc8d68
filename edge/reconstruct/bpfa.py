"""Beta-process factor analysis: patches as sparse sums of atoms that are learnt from the measured cells alone.

M. Zhou, H. Chen, J. Paisley, L. Ren, L. Li, Z. Xing, D. Dunson, G. Sapiro and L. Carin, "Nonparametric Bayesian
dictionary learning for analysis of noisy and incomplete images" (2012). Patch i is x_i = D (z_i s_i) + noise, atoms
d_k ~ N(0, 1/P), weights s ~ N(0, 1/g), uses z_ik ~ Bernoulli(p_k) with p_k ~ Beta(1, N/8) for N patches, and vague
gamma priors on both precisions. Use and weight are drawn together, the weight integrated out of the use, which mixes
faster than their turns; as in their code the atoms start from a singular value decomposition, here of harmonic patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.factor_analysis import add_patches, measured_in_patches, sweep_atoms, sweep_patches
from edge.reconstruct.harmonic import fill, hold
from edge.reconstruct.reconstruction import Reconstruction

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

PATCH_CELLS = 8
ATOMS = 128
BURN_IN = 80
ROUNDS = 200
"""Gibbs rounds, of which those after the burn-in are averaged. Twice as many gained 0.06 dB in the mean of four
photographs of 64 x 64 at a tenth of their cells, -0.02 to 0.17 on single ones."""
STRIDES = (2, 4)
"""Cells from one patch to the next: the first with which there are at most `MOST_PATCHES`, or else the last."""
MOST_PATCHES = 20_000
MOST_BYTES = 1_500_000_000
TRIAL_BURN_IN, TRIAL_ROUNDS = 20, 50
_DECOMPOSED = 4096
"""Patches from which the first atoms are made."""
_VAGUE = 1e-6
_HIGHEST_PRECISION = 1e8
_NOISE_SHARE = 0.5
"""Of a sample's counting variance in a cell between samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Where the patches lie, and which of their cells are measured."""

    tops: Indices
    lefts: Indices
    height: int
    width: int
    start: Indices
    place: Indices
    cover: Floats
    """How many patches hold each cell, (rows, columns, 1)."""


def bpfa(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Maps and standard error by beta-process factor analysis; the photograph is not used.

    All elements share their patches. No cell leaves the range of its element's samples. The random numbers are always
    the same. Some samples are held out of a first, shorter run, whose errors scale the standard error.

    Raises
    ------
    UsageError
        When the patches would take too much memory.
    """
    del rgb
    held = held_out(len(cells))
    kept = np.ones(len(cells), np.bool_)
    everything = kept.copy()
    kept[held] = False
    residual = np.zeros((0, cells.elements), np.float32)
    if len(held):
        trial = learnt(cells, kept, burn_in=TRIAL_BURN_IN, rounds=TRIAL_ROUNDS)
        residual = cells.values[held] - trial[cells.rows[held], cells.columns[held]]
    maps = learnt(cells, everything, burn_in=BURN_IN, rounds=ROUNDS)
    return Reconstruction(maps, *distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE))


def learnt(cells: MeasuredCells, kept: NDArray[np.bool_], *, burn_in: int, rounds: int) -> Floats:
    """Mean of the maps that the rounds after the burn-in give, from the kept samples, (rows, columns, elements)."""
    field, free = hold(cells, kept)
    fill(field, free)
    values = cells.values[kept]
    varies = np.flatnonzero(np.ptp(values, axis=0) > 0)
    if not free.any() or not len(varies):
        return field
    patches = _laid_out(free, len(varies))
    mean, deviation = values[:, varies].mean(axis=0), values[:, varies].std(axis=0)
    found = _average((field[:, :, varies] - mean) / deviation, patches, burn_in=burn_in, rounds=rounds)
    field[:, :, varies] = np.clip(
        mean + deviation * found, values[:, varies].min(axis=0), values[:, varies].max(axis=0)
    )
    field[cells.rows[kept], cells.columns[kept]] = values
    return field


def _laid_out(free: NDArray[np.bool_], elements: int) -> Patches:
    height, width = (min(PATCH_CELLS, length) for length in free.shape)
    for stride in STRIDES:
        rows, columns = _starts(free.shape[0], height, stride), _starts(free.shape[1], width, stride)
        if len(rows) * len(columns) <= MOST_PATCHES:
            break
    tops, lefts = np.repeat(rows, len(columns)), np.tile(columns, len(rows))
    start = np.empty(len(tops) + 1, np.intp)
    measured_in_patches(free, tops, lefts, height, width, start, np.empty(0, np.intp))
    needed = 4 * len(tops) * ATOMS + (4 * elements + 8) * int(start[-1]) + 12 * free.size * elements
    if needed > MOST_BYTES:
        raise UsageError(
            f"bpfa would take {needed / 1e9:.1f} GB for {free.shape[0]} x {free.shape[1]} cells and {elements} "
            f"elements, above {MOST_BYTES / 1e9:.1f} GB: choose kriging, or fewer elements or cells"
        )
    place = np.empty(start[-1], np.intp)
    measured_in_patches(free, tops, lefts, height, width, start, place)
    down, across = (
        np.add.reduce([(np.arange(length) >= at) & (np.arange(length) < at + side) for at in starts], dtype=np.float32)
        for length, side, starts in ((free.shape[0], height, rows), (free.shape[1], width, columns))
    )
    return Patches(tops, lefts, height, width, start, place, (down[:, None] * across)[:, :, None])


def _starts(length: int, side: int, stride: int) -> Indices:
    """First cells of patches along one axis; the last patch ends at the border."""
    return np.unique(np.append(np.arange(0, length - side, stride), length - side))


def _average(filled: Floats, patches: Patches, *, burn_in: int, rounds: int) -> Floats:
    """Gibbs sampling from a filled field of mean 0 and variance 1; the mean of what its kept rounds make of it."""
    random = np.random.default_rng(0)
    count = len(patches.tops)
    atoms = _first_atoms(filled, patches, random)
    weights = np.zeros((count, ATOMS), np.float32)
    owner = np.repeat(np.arange(count), np.diff(patches.start))
    rows = patches.tops[owner] + patches.place // patches.width
    residual = np.ascontiguousarray(filled[rows, patches.lefts[owner] + patches.place % patches.width])
    del owner, rows
    share, weight_precision, noise_precision = np.full(ATOMS, 1 / ATOMS), 1.0, 10.0
    total = np.zeros_like(filled)
    for done in range(rounds):
        log_odds = (np.log(share) - np.log1p(-share)).astype(np.float32)
        squares = sweep_patches(
            patches.start, patches.place, residual, atoms, weights, log_odds, weight_precision, noise_precision, random
        )
        sweep_atoms(patches.start, patches.place, residual, atoms, weights, noise_precision, random)
        uses = np.count_nonzero(weights, axis=0)
        share = np.clip(random.beta(1 + uses, count / 8 + count - uses), 1e-9, 1 - 1e-9)
        weight_precision = _drawn_precision(int(uses.sum()), squares, random)
        noise_precision = _drawn_precision(residual.size, float(np.square(residual).sum(dtype=np.float64)), random)
        if done >= burn_in:
            add_patches(atoms, weights, patches.tops, patches.lefts, patches.width, total)
    mean: Floats = total / (patches.cover * np.float32(rounds - burn_in))
    return mean


def _first_atoms(filled: Floats, patches: Patches, random: np.random.Generator) -> Floats:
    """Principal directions of the filled patches, of unit length; draws from the prior where there are too few."""
    cells, elements = patches.height * patches.width, filled.shape[2]
    some = np.linspace(0, len(patches.tops) - 1, min(_DECOMPOSED, len(patches.tops))).astype(np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(filled, (patches.height, patches.width), axis=(0, 1))
    chosen = windows[patches.tops[some], patches.lefts[some]].transpose(0, 2, 3, 1).reshape(len(some), -1)
    directions = np.linalg.eigh(chosen.T @ chosen)[1][:, ::-1][:, :ATOMS].T
    atoms = random.standard_normal((ATOMS, cells * elements)) / np.sqrt(cells * elements)
    atoms[: len(directions)] = directions
    shaped: Floats = atoms.reshape(ATOMS, cells, elements).astype(np.float32)
    return shaped


def _drawn_precision(count: int, squares: float, random: np.random.Generator) -> float:
    """A precision given so many values of zero mean and the sum of their squares."""
    return min(float(random.gamma(_VAGUE + count / 2) / (_VAGUE + squares / 2)), _HIGHEST_PRECISION)
