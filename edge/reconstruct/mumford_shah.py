"""Mumford-Shah inpainting in the form of Ambrosio and Tortorelli: smooth regions, and edges that hold them apart.

S. Esedoglu and J. Shen, "Digital inpainting based on the Mumford-Shah-Euler image model" (2002), on the form of
L. Ambrosio and V. M. Tortorelli, "Approximation of functionals depending on jumps by elliptic functionals via
Gamma-convergence" (1990).
With the measured cells held, the field u and the phase z, one inside regions and near zero on edges, answer to

    div((z² + k) grad u) = 0        and        (1 + b |grad u|²) z - 4 e² Laplacian(z) = 1,

no flow through the borders. They are solved in turn until neither changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.correction import WeightedGrid
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.edge_set import links_from_phase, relax_phase, steepness
from edge.reconstruct.harmonic import fill, hold
from edge.reconstruct.reconstruction import Reconstruction

Floats = NDArray[np.float32]

CONTRASTS = (0.0, 8.0, 20.0, 40.0)
"""b, for gradients in standard deviations of the samples per cell, among which left-out samples choose; 0: harmonic."""
EDGE_CELLS = 0.5
"""e, half an edge's width."""
SEEN_CELLS = 1.5
"""Standard deviation of the Gaussian through which the phase sees the gradient. Where samples are sparse, every one of
them is steep; unsmoothed, the edge set rings each sample and loses to harmonic inpainting. After F. Catté, P.-L. Lions,
J.-M. Morel and T. Coll, "Image selective smoothing and edge detection by nonlinear diffusion" (1992)."""
LEAST_LINK = 1e-3
"""k, what is left of a link across an edge."""
TOLERANCE = 3e-4
"""The rounds end when one changes the field by less than this, root mean square, in standard deviations of the samples;
the sum of all later changes is then below 0.05 dB."""
_TRIAL_TOLERANCE = 5e-3
_MOST_ROUNDS = 200
_PHASE_SWEEPS = 4
_NOISE_SHARE = 0.3
"""Of a sample's counting variance in a cell between samples: several are averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One element's field, and the cells of it that are free."""

    field: Floats
    """Shape (rows, columns, 1), changed in place; starts as harmonic."""
    grid: WeightedGrid
    deviation: float
    """Standard deviation of its samples; above 0."""


def mumford_shah(cells: MeasuredCells, rgb: NDArray[np.float32] | None = None) -> Reconstruction:
    """Maps and standard error by Mumford-Shah inpainting, element by element; the photograph is not used.

    Each element has an edge set of its own, as Dai et al. (2017) run it. Some samples are held out of a first run at
    each of `CONTRASTS`; the contrast that predicts them best is taken, and their errors scale the standard error. As
    the least of four tries these are too small by some percent where few samples are held out.
    """
    del rgb
    held = held_out(len(cells))
    kept = np.ones(len(cells), np.bool_)
    everything = kept.copy()
    kept[held] = False
    deviation = cells.values.std(axis=0)
    contrasts, residual = _choose(cells, kept, held, deviation)
    field, free = hold(cells, everything)
    fill(field, free)
    if free.any():
        grid = WeightedGrid(free, 1)
        for element in np.flatnonzero(deviation > 0).tolist():
            problem = Problem(field[:, :, element : element + 1].copy(), grid, float(deviation[element]))
            alternate(problem, contrasts[element])
            field[:, :, element] = problem.field[:, :, 0]
    return Reconstruction(field, *distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE))


def alternate(
    problem: Problem, contrast: float, *, tolerance: float = TOLERANCE, most_rounds: int = _MOST_ROUNDS
) -> int:
    """Phase, links and field in turn until a round changes the field by less than the tolerance; how many it took.

    A round is some sweeps on the phase, which starts from the last one, and one multigrid cycle on the field.
    """
    field, grid = problem.field, problem.grid
    phase, steep = np.ones(field.shape[:2], np.float32), np.empty(field.shape[:2], np.float32)
    weight = np.array([1 / problem.deviation**2], np.float32)
    grid.across[:] = grid.down[:] = 1
    grid.relink()
    for done in range(most_rounds):
        before = field.copy()
        if contrast > 0:
            seen = cv2.GaussianBlur(field, (0, 0), SEEN_CELLS, borderType=cv2.BORDER_REPLICATE)
            steepness(np.asarray(seen, np.float32).reshape(field.shape), weight, steep)
            relax_phase(phase, steep, contrast, 2 * EDGE_CELLS, _PHASE_SWEEPS)
            links_from_phase(phase, LEAST_LINK, grid.across, grid.down)
            grid.relink()
        grid.improve(field)
        before -= field
        if float(np.sqrt(np.square(before).mean())) < tolerance * problem.deviation:
            return done + 1
    return most_rounds


def _choose(
    cells: MeasuredCells, kept: NDArray[np.bool_], held: NDArray[np.intp], deviation: Floats
) -> tuple[list[float], Floats]:
    """For each element the contrast that predicts the held-out samples best, and the errors that it leaves there."""
    contrasts, residual = [0.0] * cells.elements, np.zeros((len(held), cells.elements), np.float32)
    if not len(held):
        return contrasts, residual
    field, free = hold(cells, kept)
    fill(field, free)
    place, grid = (cells.rows[held], cells.columns[held]), WeightedGrid(free, 1)
    residual = cells.values[held] - field[place]
    for element in np.flatnonzero(deviation > 0).tolist():
        least = np.inf
        for contrast in CONTRASTS:
            # the functional isn't convex: each trial starts where the final run will
            problem = Problem(field[:, :, element : element + 1].copy(), grid, float(deviation[element]))
            alternate(problem, contrast, tolerance=_TRIAL_TOLERANCE)
            error = cells.values[held, element] - problem.field[place][:, 0]
            if float(np.square(error).sum()) < least:
                least = float(np.square(error).sum())
                contrasts[element], residual[:, element] = contrast, error
    return contrasts, residual
