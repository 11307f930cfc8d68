"""Proximal alternating linearised minimisation of the fusion objective.

J. Bolte, S. Sabach and M. Teboulle, "Proximal alternating linearized minimization for nonconvex and nonsmooth problems"
(2014), in the blocks of Q. Dai, E. Pouyet, O. Cossairt, M. Walton and A. K. Katsaggelos, "Spatial-Spectral
Representation for X-Ray Fluorescence Image Super-Resolution", Eq. 15 to 21: abundances, D_rgb, D_v, D_nv. The gradients
are derived from Eq. 14 here, all of its terms included, where the papers' brackets are ambiguous or a term is left out.
Step lengths come from bounds of the curvature, cell by cell for abundances and atom by atom for dictionaries, in place
of one norm for all; so no step with the Euclidean projection raises the objective. Each block gains momentum as in
A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm" (2009), given up whenever the objective
would rise (B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion import projection
from edge.reconstruct.fusion.problem import (
    Fields,
    Problem,
    Unknowns,
    fields_of,
    gradient_by_hidden,
    gradient_by_visible,
    hidden_of,
    objective_and_gradient,
    visible_of,
)

Floats = NDArray[np.float32]
Projection: TypeAlias = Literal["simplex", "clip-and-scale"]
Visible: TypeAlias = Literal["all-terms", "photograph"]
Watch: TypeAlias = Callable[[int, float, Fields], None]

MOST_ITERATIONS = 4000
TOLERANCE = 1.5e-3
"""The solve ends when the second half of its iterations changed the maps by less, root mean square; 1 is full scale."""
_FIRST_LOOK = 40
_LOOKS_PER_DOUBLING = 2
_DICTIONARY_EVERY = 2
_BLOCK_CELLS = 256
"""So that a block's abundances, before and after, stay in a core's cache."""
_LEAST_LEFT = 1e-6
"""Of a cell's abundances for its hidden part."""
_ROUNDING = 1e-6
"""Of an objective summed in single precision."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the problem is solved."""

    projection: Projection = "simplex"
    sparsity: int | None = None
    """s of Eq. 14h, most atoms of a cell; None: as many as there are, as published."""
    visible: Visible = "all-terms"
    """What moves visible abundances: every term of Eq. 14, or nothing after a start that explains the photograph."""
    accelerated: bool = True
    dictionary_every: int = _DICTIONARY_EVERY
    """Steps of abundances for one of each dictionary."""
    most_iterations: int = MOST_ITERATIONS
    tolerance: float = TOLERANCE


@dataclass(slots=True, eq=False)
class Solved:
    """Where the iterations ended."""

    unknowns: Unknowns
    fields: Fields
    objectives: list[float] = field(default_factory=list)
    """At the start and after each iteration."""
    residual: float = float("inf")
    """Root mean square change of the maps in the second half of the iterations, of a full scale 1."""
    restarts: int = 0

    @property
    def iterations(self) -> int:
        """How many there were."""
        return len(self.objectives) - 1


def minimised(problem: Problem, start: Unknowns, plan: Plan | None = None, watch: Watch | None = None) -> Solved:
    """Iterate from a start, whose arrays are used up, until the residual is below the tolerance.

    Parameters
    ----------
    watch
        Called with the number, the objective and the fields at the start and after each iteration.
    """
    plan = plan or Plan()
    walk = Walk(problem, start, plan)
    solved = Solved(start, walk.fields, [walk.objective])
    looks = _looks(plan.most_iterations)
    kept: dict[int, Floats] = {}
    if watch is not None:
        watch(0, walk.objective, walk.fields)
    for done in range(1, plan.most_iterations + 1):
        walk.step_abundances()
        if plan.dictionary_every and done % plan.dictionary_every == 0:
            walk.step_dictionaries()
        solved.objectives.append(walk.objective)
        if watch is not None:
            watch(done, walk.objective, walk.fields)
        if done in looks:
            now = walk.fields.maps()
            half = kept.pop(looks[done], None)
            kept[done] = now
            if half is not None:
                solved.residual = float(np.sqrt(np.square(now - half).mean(dtype=np.float64)))
                if solved.residual < plan.tolerance:
                    break
    solved.unknowns, solved.fields, solved.restarts = walk.unknowns, walk.fields, walk.restarts
    return solved


def _looks(most: int) -> dict[int, int]:
    """Iterations at which the maps are compared with those of half as many, and that half."""
    doublings = range(_LOOKS_PER_DOUBLING * 40)
    numbers = [round(_FIRST_LOOK * 2 ** (k / _LOOKS_PER_DOUBLING)) for k in doublings]
    halves = [0] * _LOOKS_PER_DOUBLING + numbers[:-_LOOKS_PER_DOUBLING]
    looks = dict(zip(numbers, halves, strict=True))
    looks[most] = looks.get(most, max((number for number in numbers if number <= most / 2), default=0))
    return {number: half for number, half in looks.items() if number <= most}


class Walk:
    """The unknowns on their way, with the fields that belong to them; one step of a block at a time."""

    def __init__(self, problem: Problem, start: Unknowns, plan: Plan) -> None:
        self._problem, self._plan = problem, plan
        self.unknowns = start
        self._before = start.abundances.copy()
        self.fields = fields_of(start, problem.shape)
        self._fields_before = self.fields
        self.objective, self._gradient = objective_and_gradient(problem, self.fields)
        self._threshold: Floats = np.zeros(len(start.abundances), np.float32)
        self._pace = self._dictionary_pace = 1.0
        self._dictionaries_before = start.visible, start.hidden
        self._coverage = problem.coverage().ravel()
        self._visible_degree = problem.visible_steps.degree.ravel()
        self._hidden_degree = problem.hidden_steps.degree.ravel()
        self._length = self._step_lengths()
        self.restarts = 0

    def step_abundances(self) -> None:
        """Both kinds of abundances at once, with momentum unless that raises the objective."""
        pace, momentum = self._paced(self._pace)
        fields, value, gradient = self._attempt(momentum)
        if momentum > 0 and value > self.objective * (1 + _ROUNDING):
            self.restarts += 1
            pace = 1.0
            fields, value, gradient = self._attempt(0.0)
        now = self.unknowns
        self.unknowns = Unknowns(self._before, now.visible, now.hidden)
        self._before, self._fields_before = now.abundances, self.fields
        self.fields, self.objective, self._gradient, self._pace = fields, value, gradient, pace

    def _attempt(self, momentum: float) -> tuple[Fields, float, Fields]:
        """Abundances after a step, written over those before, and what they make."""
        gradient = self._gradient
        if momentum > 0:
            _, gradient = objective_and_gradient(self._problem, self.fields.beyond(self._fields_before, momentum))
        now = self.unknowns
        cells, atoms = len(now.abundances), now.atoms
        by_visible, by_hidden = gradient.visible.reshape(cells, -1), gradient.hidden.reshape(cells, -1)
        visible, hidden = np.empty_like(by_visible), np.empty_like(by_hidden)
        back_visible, back_hidden = np.ascontiguousarray(now.visible.T), np.ascontiguousarray(now.hidden.T)
        slope: Floats = np.empty((_BLOCK_CELLS, 2 * atoms), np.float32)
        for first in range(0, cells, _BLOCK_CELLS):
            block = slice(first, min(first + _BLOCK_CELLS, cells))
            room = slope[: block.stop - first]
            np.matmul(by_visible[block], back_visible, out=room[:, :atoms])
            np.matmul(by_hidden[block], back_hidden, out=room[:, atoms:])
            towards = self._before[block]
            projection.step(now.abundances[block], towards, room, self._length[block], momentum)
            self._bring_back(towards, now.abundances[block], block)
            np.matmul(towards[:, :atoms], now.visible, out=visible[block])
            np.matmul(towards[:, atoms:], now.hidden, out=hidden[block])
        shape = self._problem.shape
        fields = Fields(visible.reshape(*shape, -1), hidden.reshape(*shape, -1))
        return (fields, *objective_and_gradient(self._problem, fields))

    def _bring_back(self, towards: Floats, now: Floats, block: slice) -> None:
        """Project a block's abundances; those of the visible part stay where the photograph alone says so."""
        plan, threshold, atoms = self._plan, self._threshold[block], self.unknowns.atoms
        match plan.visible:
            case "all-terms":
                projection.bring_back(towards, threshold, plan.projection, plan.sparsity)
            case "photograph":
                towards[:, :atoms] = now[:, :atoms]
                left = np.maximum(1 - now[:, :atoms].sum(axis=1, keepdims=True), _LEAST_LEFT)
                hidden = towards[:, atoms:] / left
                projection.bring_back(hidden, threshold, plan.projection, None)
                towards[:, atoms:] = hidden * left
            case _:
                assert_never(plan.visible)

    def step_dictionaries(self) -> None:
        """D_rgb beside D_v, then D_nv, with momentum unless that raises the objective."""
        pace, momentum = self._paced(self._dictionary_pace)
        now = self.unknowns
        found = self._attempt_dictionaries(momentum)
        if momentum > 0 and found[2] > self.objective * (1 + _ROUNDING):
            self.restarts += 1
            pace, found = 1.0, self._attempt_dictionaries(0.0)
        self._dictionaries_before, self._dictionary_pace = (now.visible, now.hidden), pace
        self.unknowns, self.fields, self.objective, self._gradient = found
        before = Unknowns(self._before, self.unknowns.visible, self.unknowns.hidden)
        self._fields_before = fields_of(before, self._problem.shape)
        self._length = self._step_lengths()

    def _attempt_dictionaries(self, momentum: float) -> tuple[Unknowns, Fields, float, Fields]:
        """The unknowns with other dictionaries, what they make, the objective and its gradient."""
        now, on, shape = self.unknowns, np.float32(momentum), self._problem.shape
        of_visible, of_hidden = self._dictionary_curvature()
        tried, fields, gradient = now, self.fields, self._gradient
        if momentum > 0:
            visible, hidden = self._dictionaries_before
            visible = np.clip(now.visible + on * (now.visible - visible), 0, 1)
            hidden = np.clip(now.hidden + on * (now.hidden - hidden), 0, 1)
            tried = Unknowns(now.abundances, visible, hidden)
            fields = fields_of(tried, shape)
            _, gradient = objective_and_gradient(self._problem, fields)
        visible = np.clip(tried.visible - gradient_by_visible(tried, gradient) / of_visible, 0, 1)
        tried = Unknowns(now.abundances, visible, tried.hidden)
        fields = Fields(visible_of(tried, shape), fields.hidden)
        _, gradient = objective_and_gradient(self._problem, fields)
        hidden = np.clip(tried.hidden - gradient_by_hidden(tried, gradient) / of_hidden, 0, 1)
        tried = Unknowns(now.abundances, visible, hidden)
        fields = Fields(fields.visible, hidden_of(tried, shape))
        return (tried, fields, *objective_and_gradient(self._problem, fields))

    def _paced(self, pace: float) -> tuple[float, float]:
        """The next pace, and the momentum that goes with it."""
        following = (1 + (1 + 4 * pace**2) ** 0.5) / 2 if self._plan.accelerated else 1.0
        return following, (pace - 1) / following

    def _step_lengths(self) -> Floats:
        """One over a bound of the curvature in each cell, shape (cells,).

        A sum of squared steps is bounded by twice each cell's degree, what exposures see by the coverage.
        """
        channels, now, problem = self._problem.channels, self.unknowns, self._problem
        maps = now.visible[:, :channels]
        both = _largest_square(np.concatenate([maps, now.hidden]))
        of_visible = 4 * problem.gamma * self._visible_degree * _largest_square(maps)
        of_visible += 2 * _largest_square(now.visible[:, channels:])
        of_hidden = 4 * problem.lambda_ * self._hidden_degree * _largest_square(now.hidden)
        bound = 2 * self._coverage * both + np.maximum(of_visible, of_hidden)
        # the least of atoms that are all black: any step is short enough
        lengths: Floats = (1 / np.maximum(1.0001 * bound, 1e-6)).astype(np.float32)
        return lengths

    def _dictionary_curvature(self) -> tuple[Floats, Floats]:
        """Bounds for each atom of D_v beside D_rgb, (atoms, channels + 3), and of D_nv, (atoms, 1).

        Of a matrix without negative entries the diagonal of its row sums is a bound.
        """
        now, problem, atoms = self.unknowns, self._problem, self.unknowns.atoms
        parts: Floats = np.zeros((2 * atoms, 2), np.float32)
        parts[:atoms, 0] = parts[atoms:, 1] = 1
        in_visible, in_hidden = (now.abundances @ parts).T
        seen = 2 * self._coverage
        weights = np.stack([(seen + 4 * problem.gamma * self._visible_degree) * in_visible, 2 * in_visible])
        of_maps, of_colour = weights.astype(np.float32) @ now.abundances[:, :atoms]
        weight = (seen + 4 * problem.lambda_ * self._hidden_degree) * in_hidden
        of_hidden = weight.astype(np.float32) @ now.abundances[:, atoms:]
        columns = [of_maps] * problem.channels + [of_colour] * 3
        # an atom that no cell uses has no gradient either
        return (
            np.maximum(1.0001 * np.stack(columns, axis=1), 1e-12).astype(np.float32),
            np.maximum(1.0001 * of_hidden, 1e-12).astype(np.float32)[:, None],
        )


def _largest_square(matrix: Floats) -> float:
    """Square of the largest singular value."""
    gram = matrix.T.astype(np.float64) @ matrix
    return float(np.linalg.eigvalsh(gram)[-1])
