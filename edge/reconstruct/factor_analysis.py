"""Inner loops of beta-process factor analysis: Gibbs sweeps over patches and atoms.

Patches see only their measured cells: those of patch i are `place[start[i]:start[i + 1]]`, row-major within the patch,
and `residual` holds, for each of them and each element, what the atoms do not explain. `atoms` is (atoms, cells of a
patch, elements), `weights` (patches, atoms), zero where a patch does not use an atom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


@compiled
def measured_in_patches(
    free: NDArray[np.bool_], tops: Indices, lefts: Indices, height: int, width: int, start: Indices, place: Indices
) -> None:
    """Write which cells of each patch are measured; `place` has room for all of them or, to count only, for none."""
    found = 0
    for patch in range(len(tops)):
        start[patch] = found
        for i in range(height):
            for j in range(width):
                if not free[tops[patch] + i, lefts[patch] + j]:
                    if len(place):
                        place[found] = i * width + j
                    found += 1
    start[len(tops)] = found


@compiled
def sweep_patches(
    start: Indices,
    place: Indices,
    residual: Floats,
    atoms: Floats,
    weights: Floats,
    log_odds: Floats,
    weight_precision: float,
    noise_precision: float,
    random: np.random.Generator,
) -> float:
    """Draw whether each patch uses each atom, its weight integrated out, then the weight; the sum of squared weights.

    With n the squared length of the atom on the measured cells, t the product with what the other atoms leave, s and e
    the precisions of weights and noise, the weight's precision is q = s + e n and its mean m = e t / q; the log odds of
    use grow by (log(s / q) + q m²) / 2.
    """
    squares = 0.0
    for i in range(weights.shape[0]):
        for k in range(weights.shape[1]):
            old = weights[i, k]
            length, product = np.float32(0), np.float32(0)
            for o in range(start[i], start[i + 1]):
                for e in range(atoms.shape[2]):
                    part = atoms[k, place[o], e]
                    product += part * residual[o, e]
                    length += part * part
            product += old * length
            precision = weight_precision + noise_precision * length
            mean = noise_precision * product / precision
            odds = log_odds[k] + 0.5 * (np.log(weight_precision / precision) + precision * mean * mean)
            new = np.float32(0)
            # a use of less than one in a million is not drawn for
            if odds > -14 and (odds > 30 or random.random() * (1 + np.exp(-odds)) < 1):
                new = np.float32(mean + random.standard_normal() / np.sqrt(precision))
                squares += float(new) * float(new)
            weights[i, k] = new
            if new != old:
                for o in range(start[i], start[i + 1]):
                    for e in range(atoms.shape[2]):
                        residual[o, e] -= (new - old) * atoms[k, place[o], e]
    return squares


@compiled
def sweep_atoms(
    start: Indices,
    place: Indices,
    residual: Floats,
    atoms: Floats,
    weights: Floats,
    noise_precision: float,
    random: np.random.Generator,
) -> None:
    """Draw every atom from what the patches that use it leave for it, about zero with the prior's precision."""
    cells, elements = atoms.shape[1], atoms.shape[2]
    precision, total = np.empty((cells, elements), np.float32), np.empty((cells, elements), np.float32)
    change = np.empty((cells, elements), np.float32)
    noise = np.float32(noise_precision)
    for k in range(atoms.shape[0]):
        precision[:] = cells * elements
        total[:] = 0
        for i in range(weights.shape[0]):
            weight = weights[i, k]
            if weight != 0:
                for o in range(start[i], start[i + 1]):
                    for e in range(elements):
                        precision[place[o], e] += noise * weight * weight
                        total[place[o], e] += noise * weight * (residual[o, e] + weight * atoms[k, place[o], e])
        for cell in range(cells):
            for e in range(elements):
                drawn = total[cell, e] / precision[cell, e]
                drawn += np.float32(random.standard_normal()) / np.sqrt(precision[cell, e])
                change[cell, e] = drawn - atoms[k, cell, e]
                atoms[k, cell, e] = drawn
        for i in range(weights.shape[0]):
            weight = weights[i, k]
            if weight != 0:
                for o in range(start[i], start[i + 1]):
                    for e in range(elements):
                        residual[o, e] -= weight * change[place[o], e]


@compiled
def add_patches(atoms: Floats, weights: Floats, tops: Indices, lefts: Indices, width: int, total: Floats) -> None:
    """Add what the atoms make of every patch to the cells that it covers, (rows, columns, elements)."""
    for i in range(weights.shape[0]):
        for k in range(weights.shape[1]):
            weight = weights[i, k]
            if weight != 0:
                for cell in range(atoms.shape[1]):
                    row, column = tops[i] + cell // width, lefts[i] + cell % width
                    for e in range(atoms.shape[2]):
                        total[row, column, e] += weight * atoms[k, cell, e]
