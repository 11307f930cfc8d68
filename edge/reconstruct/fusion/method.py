"""Fusion inpainting as a reconstruction: maps, their standard error, and their visible and hidden parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.distance import distance_standard_error, held_out
from edge.reconstruct.fusion.dictionary import BETA, coded, coupled_dictionary, fitted_abundances
from edge.reconstruct.fusion.palm import Plan, Solved, minimised
from edge.reconstruct.fusion.problem import ATOMS, Problem, Unknowns, fields_of, problem_of_cells
from edge.reconstruct.mumford_shah import mumford_shah
from edge.reconstruct.reconstruction import Layers, Reconstruction

Floats = NDArray[np.float32]

PLAN = Plan()
"""How `fusion` and `fusion_layers` solve."""
_TRAINING_CELLS = 2000
_CODING_ROUNDS = 5
_DARKEST = 0.05
"""Atoms darker than this are not brightened in full: their colour is mostly rounding."""
_NOISE_SHARE = 0.3
"""Of a sample's counting variance in a cell between samples: several are averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How samples lie in [0, 1]: a channel from zero, or its lowest sample below that, to its largest sample."""

    lowest: Floats
    """Of each channel, at most 0."""
    span: Floats
    """Above zero where a channel's samples differ."""
    differ: NDArray[np.bool_]
    """Channels whose samples differ; the others are constant and take no part."""


def fusion(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """Maps and standard error by fusion inpainting (Dai et al., Eq. 14 to 19), measured cells as they were measured.

    Some samples are held out of a first solve, whose errors scale the standard error; the second, of all samples,
    goes on from where the first ended.
    """
    held = held_out(len(cells))
    residual = np.zeros((len(held), cells.elements), np.float32)
    scale, solved = scale_of(cells), None
    if len(held):
        fewer = cells.without(held)
        solved = _solved(fewer, rgb, scale, None)
        residual = cells.values[held] - _parts(cells, scale, solved)[2][cells.rows[held], cells.columns[held]]
    solved = _solved(cells, rgb, scale, None if solved is None else solved.unknowns)
    maps = _parts(cells, scale, solved)[2]
    maps[cells.rows, cells.columns] = cells.values
    error, left_out = distance_standard_error(cells, held, residual, noise_share=_NOISE_SHARE)
    remarks = [] if rgb is not None else ["Fusion inpainting had no photograph to fuse with."]
    if solved is not None and solved.residual > PLAN.tolerance:
        remarks.append(
            f"Fusion inpainting was stopped after {PLAN.most_iterations} iterations, of which the second half still "
            f"changed the maps by {solved.residual:.2%} of full scale; {PLAN.tolerance:.2%} counts as converged."
        )
    return Reconstruction(maps, error, left_out, tuple(remarks))


def fusion_layers(cells: MeasuredCells, rgb: Floats | None = None) -> Layers:
    """The visible part D_v A_v and the hidden part D_nv A_nv of the maps.

    Under all terms of Eq. 14 visible abundances may leave the photograph as soon as there are more atoms than colours,
    and the least objective shares hidden paint evenly. So they are those that explain the photograph alone here (as in
    Dai et al., super-resolution, Eq. 15a), and stay; everything else is found by Eq. 14 as for `fusion`.
    What a measured cell has beyond both, counts as hidden; so does a lowest sample below zero.
    """
    scale = scale_of(cells)
    if not scale.differ.any():
        return _layers(cells, scale, None)
    problem = problem_of(cells, rgb, scale)
    start = photograph_start(problem, cells, scale)
    return _layers(cells, scale, minimised(problem, start, replace(PLAN, visible="fixed")))


def scale_of(cells: MeasuredCells) -> Scale:
    """The scale on which the samples lie in [0, 1]."""
    lowest = np.minimum(cells.values.min(axis=0), 0)
    span = cells.values.max(axis=0) - lowest
    return Scale(lowest, span, cells.values.max(axis=0) > cells.values.min(axis=0))


def problem_of(cells: MeasuredCells, rgb: Floats | None, scale: Scale) -> Problem:
    """The published problem of the channels that differ; without a photograph, with a black one."""
    differ = scale.differ
    measured = (cells.values[:, differ] - scale.lowest[differ]) / scale.span[differ]
    photograph = np.zeros((*cells.shape, 3), np.float32) if rgb is None else rgb
    return problem_of_cells(cells.shape, cells.rows, cells.columns, measured, photograph)


def published_start(problem: Problem, cells: MeasuredCells, scale: Scale, *, atoms: int = ATOMS) -> Unknowns:
    """Where Dai et al. start: Mumford-Shah inpainting, Eq. 18, D_nv like D_v, and nothing hidden.

    Abundances are those of Eq. 14, which add up to 1 in each cell, fitted to Mumford-Shah's maps and the photograph.
    There are at most as many atoms as measured cells that differ.
    """
    differ = scale.differ
    filled = (mumford_shah(cells).maps[:, :, differ] - scale.lowest[differ]) / scale.span[differ]
    wanted = np.concatenate([np.clip(filled, 0, 1), problem.photograph], axis=2).reshape(-1, problem.channels + 3)
    drawn = np.random.default_rng(0).permutation(len(wanted))[:_TRAINING_CELLS]
    pairs = wanted[cells.rows * cells.shape[1] + cells.columns]
    visible = coupled_dictionary(wanted[drawn], pairs, atoms=atoms)
    abundances: Floats = np.zeros((len(wanted), 2 * len(visible)), np.float32)
    abundances[:, : len(visible)] = fitted_abundances(wanted, visible)
    return Unknowns(abundances, visible, visible[:, :-3].copy())


def photograph_start(problem: Problem, cells: MeasuredCells, scale: Scale, *, atoms: int = ATOMS) -> Unknowns:
    """The dictionaries of `published_start`, visible abundances from the photograph alone, and all the rest hidden."""
    start = published_start(problem, cells, scale, atoms=atoms)
    count = len(start.visible)
    # atoms as bright as can be, and few of them: as much as the photograph allows is left for the hidden part
    brightest = np.maximum(start.visible[:, -3:].max(axis=1, keepdims=True), _DARKEST)
    visible = np.minimum(start.visible / brightest, 1)
    colours = visible[:, -3:]
    found: Floats = np.zeros((len(start.abundances), count), np.float32)
    for _ in range(_CODING_ROUNDS):
        found = coded(problem.photograph.reshape(-1, 3), colours, found, BETA)
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1)
    rest = np.maximum(1 - found.sum(axis=1, keepdims=True), 0) / np.float32(count)
    return Unknowns(np.concatenate([found, np.repeat(rest, count, axis=1)], axis=1), visible, start.hidden)


def _solved(cells: MeasuredCells, rgb: Floats | None, scale: Scale, start: Unknowns | None) -> Solved | None:
    """The problem's solution; None where no channel's samples differ."""
    if not scale.differ.any():
        return None
    problem = problem_of(cells, rgb, scale)
    return minimised(problem, start or published_start(problem, cells, scale), PLAN)


def _layers(cells: MeasuredCells, scale: Scale, solved: Solved | None) -> Layers:
    visible, hidden, maps = _parts(cells, scale, solved)
    place = cells.rows, cells.columns
    hidden[place] += cells.values - maps[place]
    return Layers(visible, hidden)


def _parts(cells: MeasuredCells, scale: Scale, solved: Solved | None) -> tuple[Floats, Floats, Floats]:
    """Visible part, hidden part and their sum, in the samples' unit, (rows, columns, elements) each."""
    visible: Floats = np.zeros((*cells.shape, cells.elements), np.float32)
    hidden = np.broadcast_to(scale.lowest, visible.shape).copy()
    differ = scale.differ
    hidden[:, :, ~differ] = cells.values[0, ~differ]
    if solved is not None:
        span = scale.span[differ]
        fields = fields_of(solved.unknowns, cells.shape)
        visible[:, :, differ] = fields.visible[:, :, : int(differ.sum())] * span
        hidden[:, :, differ] += fields.hidden * span
    return visible, hidden, visible + hidden
