"""Where super-resolution starts: Eq. 13 of Dai et al., and P of its Eq. 27."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.fusion import projection
from edge.reconstruct.fusion.dictionary import coupled_dictionary, fitted_abundances
from edge.reconstruct.fusion.problem import Problem, Unknowns
from edge.reconstruct.super_resolution.raster import spread
from edge.reconstruct.super_resolution.recipes import Recipe

Floats = NDArray[np.float32]

_TRAINING_EXPOSURES = 2000
_RIDGE = 1e-6
"""Of the mean square of a channel, for channels that see nothing."""


def started(problem: Problem, cells: MeasuredCells, recipe: Recipe, atoms: int) -> Unknowns:
    """Dictionaries of the exposures' spectra and colours, and abundances that make something near.

    Eq. 13 learns both dictionaries from exposures and the colours that they would see; D_nv starts like D_v, and hidden
    abundances from a black atom, which shows nothing. There are at most as many atoms as exposures that differ.
    """
    room = np.float32(recipe.room)
    colours = problem.operator.seen(problem.photograph) if recipe.has_visible else np.zeros((len(cells), 3), np.float32)
    pairs: Floats = np.clip(np.concatenate([problem.measured, colours], axis=1) / room, 0, 1).astype(np.float32)
    drawn = np.random.default_rng(0).permutation(len(pairs))[:_TRAINING_EXPOSURES]
    dictionary = coupled_dictionary(pairs[drawn], pairs, atoms=atoms)
    nothing: Floats = np.zeros((0, dictionary.shape[1]), np.float32)
    if not recipe.has_visible:
        return Unknowns(_between_exposures(pairs, dictionary, cells), nothing, dictionary[:, :-3].copy())
    match recipe.start:
        case "exposures":
            visible = _between_exposures(pairs, dictionary, cells)
        case "photograph":
            visible = fitted_abundances(problem.photograph.reshape(-1, 3) / room, dictionary[:, -3:].copy())
        case _:
            assert_never(recipe.start)
    if problem.degradation is not None:
        dictionary[:, -3:] = dictionary[:, :-3] @ problem.degradation
    hidden = dictionary[:, :-3].copy() if recipe.has_hidden else nothing[:, :-3]
    alone = dictionary[:, -3:].copy() if recipe.has_colours else nothing[:, -3:]
    count, beside = len(dictionary), len(hidden) + len(alone)
    abundances: Floats = np.zeros((len(visible), count + beside), np.float32)
    np.multiply(visible, room, out=abundances[:, :count])
    for first, part in ((count, hidden), (count + len(hidden), alone)):
        if len(part) and recipe.room < 1:
            part[0] = 0
            abundances[:, first] = 1 - room
    return Unknowns(abundances, dictionary, hidden, alone)


def degradation(measured: Floats, colours: Floats) -> Floats:
    """P transposed, (channels, 3), that takes spectra nearest to colours, least squares (Eq. 26 and 27)."""
    spectra = measured.astype(np.float64)
    square = spectra.T @ spectra
    square[np.diag_indices_from(square)] += _RIDGE * max(float(np.trace(square)) / len(square), 1e-12)
    found: Floats = np.linalg.solve(square, spectra.T @ colours).astype(np.float32)
    return found


def _between_exposures(pairs: Floats, dictionary: Floats, cells: MeasuredCells) -> Floats:
    """Abundances of exposures, read off at every cell, and brought back to what they may be."""
    found = spread(fitted_abundances(pairs, dictionary), cells)
    projection.onto_simplex(found, np.zeros(len(found), np.float32))
    return found
