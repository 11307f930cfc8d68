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
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion import projection
from edge.reconstruct.fusion.problem import Problem, Unknowns
from edge.reconstruct.fusion.projection import Allowed, Projection
from edge.reconstruct.fusion.terms import ROUNDING, FieldTerms, Judged, Terms, Visible, paced
from edge.reconstruct.fusion.wide import WideTerms

Floats = NDArray[np.float32]
Maps: TypeAlias = Callable[[], Floats]
Watch: TypeAlias = Callable[[int, float, Maps], None]
Found = TypeVar("Found", bound=Judged)

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
_FALLS = 0.999
"""What the objective of both images must have fallen to in the second half of the iterations, of what it was, where the
photograph alone moves visible abundances: that may lead away from what exposures saw."""
_LOOKED_AT = 2**20
"""Most values of the maps by which the residual is known: of more, cells at even distances are looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the problem is solved."""

    projection: Projection = "simplex"
    sparsity: int | None = None
    """s of Eq. 14h, most atoms of a cell; None: as many as there are, as published."""
    visible: Visible = "all-terms"
    """What moves visible abundances: every term of Eq. 14; the photograph alone, as in Eq. 15a of the super-resolution,
    where the objective need not fall; or nothing, after a start that explains the photograph."""
    accelerated: bool = True
    dictionary_every: int = _DICTIONARY_EVERY
    """Steps of abundances for one of each dictionary."""
    most_iterations: int = MOST_ITERATIONS
    tolerance: float = TOLERANCE


@dataclass(slots=True, eq=False)
class Solved:
    """Where the iterations ended."""

    unknowns: Unknowns
    objectives: list[float] = field(default_factory=list)
    """At the start and after each iteration."""
    residual: float = float("inf")
    """Root mean square change of the maps in the second half of the iterations, of a full scale 1."""
    restarts: int = 0

    @property
    def iterations(self) -> int:
        """How many there were."""
        return len(self.objectives) - 1


def begun(problem: Problem, start: Unknowns, plan: Plan) -> Walk[Any]:
    """A walk from a start, whose arrays are used up, in the form that suits channels and atoms."""
    if problem.channels > max(len(start.visible), len(start.hidden)):
        return Walk(problem, start, plan, WideTerms(problem, plan.visible))
    return Walk(problem, start, plan, FieldTerms(problem, plan.visible, accelerated=plan.accelerated))


def minimised(problem: Problem, start: Unknowns, plan: Plan | None = None, watch: Watch | None = None) -> Solved:
    """Iterate from a start, whose arrays are used up, until the residual is below the tolerance.

    Parameters
    ----------
    watch
        Called with the number, the objective and what makes the maps, (rows, columns, channels), at the start and after
        each iteration.
    """
    plan = plan or Plan()
    walk = begun(problem, start, plan)
    solved = Solved(start, [walk.objective])
    looks = _looks(plan.most_iterations)
    cells = slice(0, None, -(-len(start.abundances) * problem.channels // _LOOKED_AT))
    kept: dict[int, Floats] = {}

    def maps() -> Floats:
        return walk.unknowns.maps(slice(None)).reshape(*problem.shape, problem.channels)

    if watch is not None:
        watch(0, walk.objective, maps)
    for done in range(1, plan.most_iterations + 1):
        walk.step_abundances()
        if plan.dictionary_every and done % plan.dictionary_every == 0:
            walk.step_dictionaries()
        solved.objectives.append(walk.objective)
        if watch is not None:
            watch(done, walk.objective, maps)
        if done in looks:
            now = walk.unknowns.maps(cells)
            half = kept.pop(looks[done], None)
            kept[done] = now
            if half is not None:
                solved.residual = float(np.sqrt(np.square(now - half).mean(dtype=np.float64)))
                falls = solved.objectives[-1] < _FALLS * solved.objectives[looks[done]]
                if solved.residual < plan.tolerance or (plan.visible == "photograph" and not falls):
                    break
    solved.unknowns, solved.restarts = walk.unknowns, walk.restarts
    return solved


def _looks(most: int) -> dict[int, int]:
    """Iterations at which the maps are compared with those of half as many, and that half."""
    doublings = range(_LOOKS_PER_DOUBLING * 40)
    numbers = [round(_FIRST_LOOK * 2 ** (k / _LOOKS_PER_DOUBLING)) for k in doublings]
    halves = [0] * _LOOKS_PER_DOUBLING + numbers[:-_LOOKS_PER_DOUBLING]
    looks = dict(zip(numbers, halves, strict=True))
    looks[most] = looks.get(most, max((number for number in numbers if number <= most / 2), default=0))
    return {number: half for number, half in looks.items() if number <= most}


class Walk(Generic[Found]):
    """The unknowns on their way, with what the objective says of them; one step of a block at a time."""

    def __init__(self, problem: Problem, start: Unknowns, plan: Plan, terms: Terms[Found]) -> None:
        self._problem, self._plan, self._terms = problem, plan, terms
        self.unknowns = start
        self._before = start.abundances.copy()
        self._at = self._at_before = terms.judged(start)
        self._threshold: Floats = np.zeros((len(start.abundances), 2), np.float32)
        self._allowed = Allowed(len(start.visible), len(start.hidden), plan.projection, plan.sparsity)
        self._pace = 1.0
        self._coverage = problem.coverage().ravel()
        self._visible_degree = problem.visible_steps.degree.ravel()
        self._hidden_degree = problem.hidden_steps.degree.ravel()
        self._length = self._step_lengths()
        self._restarts = 0

    @property
    def objective(self) -> float:
        """Its value here."""
        return self._at.value

    @property
    def restarts(self) -> int:
        """How often momentum was given up."""
        return self._restarts + self._terms.restarts

    def step_abundances(self) -> None:
        """All kinds of abundances at once, with momentum unless that raises the objective."""
        pace, momentum = paced(self._pace) if self._plan.accelerated else (1.0, 0.0)
        found = self._attempt(momentum)
        if momentum > 0 and found.value > self.objective * (1 + ROUNDING):
            self._restarts += 1
            pace = 1.0
            self._terms.dropped(found)
            found = self._attempt(0.0)
        now, earlier = self.unknowns, self._at_before
        self.unknowns = replace(now, abundances=self._before)
        self._before, self._at_before = now.abundances, self._at
        if earlier is not self._at_before:
            self._terms.dropped(earlier)
        self._at, self._pace = found, pace

    def _attempt(self, momentum: float) -> Found:
        """Abundances after a step, written over those before, and what the objective says of them."""
        now, terms = self.unknowns, self._terms
        cells, atoms = now.abundances.shape
        visible, found = len(now.visible), terms.begun()
        slope: Floats = np.empty((_BLOCK_CELLS, atoms), np.float32)
        for first in range(0, cells, _BLOCK_CELLS):
            block = slice(first, min(first + _BLOCK_CELLS, cells))
            room = slope[: block.stop - first]
            terms.slope(self._at, self._at_before, momentum, block, room)
            towards = self._before[block]
            projection.step(now.abundances[block], towards, room, self._length[block], visible, momentum)
            self._bring_back(towards, now.abundances[block], block)
            terms.make(found, block, towards)
        terms.finished(found, replace(now, abundances=self._before))
        return found

    def _bring_back(self, towards: Floats, now: Floats, block: slice) -> None:
        """Project a block's abundances; those of the visible part stay where they are to stay."""
        threshold, visible = self._threshold[block], self._allowed.visible
        match self._plan.visible:
            case "all-terms" | "photograph":
                self._allowed.bring_back(towards, threshold)
            case "fixed":
                towards[:, :visible] = now[:, :visible]
                left = np.maximum(1 - now[:, :visible].sum(axis=1, keepdims=True), _LEAST_LEFT)
                hidden = towards[:, visible:] / left
                Allowed(0, self._allowed.hidden, self._allowed.projection).bring_back(hidden, threshold)
                towards[:, visible:] = hidden * left
            case _:
                assert_never(self._plan.visible)

    def step_dictionaries(self) -> None:
        """D_rgb beside D_v, then D_nv, then colours alone."""
        self.unknowns, self._at = self._terms.improved(self.unknowns, self._at)
        self._at_before = self._terms.again(replace(self.unknowns, abundances=self._before), self._at_before)
        self._length = self._step_lengths()

    def _step_lengths(self) -> Floats:
        """One over a bound of the curvature in each cell, of visible and of other abundances, shape (cells, 2).

        A sum of squared steps is bounded by twice each cell's degree, what exposures see by the coverage.
        """
        channels, now, problem = self._problem.channels, self.unknowns, self._problem
        maps, colours = now.visible[:, :channels], now.visible[:, channels:]
        seen = 2 * self._coverage
        of_hidden = 4 * problem.lambda_ * self._hidden_degree * _largest_square(now.hidden)
        if self._plan.visible == "photograph":
            bounds = np.full_like(seen, 2 * _largest_square(colours)), seen * _largest_square(now.hidden) + of_hidden
        else:
            of_visible = 4 * problem.gamma * self._visible_degree * _largest_square(maps)
            of_colours = 2 * _largest_square(np.concatenate([colours, now.colours]))
            both = seen * _largest_square(np.concatenate([maps, now.hidden]))
            bound = both + np.maximum(of_visible + of_colours, of_hidden)
            bounds = bound, bound
        # the least of atoms that are all black: any step is short enough
        lengths: Floats = (1 / np.maximum(1.0001 * np.stack(bounds, axis=1), 1e-6)).astype(np.float32)
        return lengths


def _largest_square(matrix: Floats) -> float:
    """Square of the largest singular value."""
    if not matrix.size:
        return 0.0
    wide = matrix.shape[1] > matrix.shape[0]
    matrix = matrix.astype(np.float64)
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    return float(np.linalg.eigvalsh(gram)[-1])
