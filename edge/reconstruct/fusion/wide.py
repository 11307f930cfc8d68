"""The objective where there are more channels than atoms: products of dictionaries in place of fields of channels.

What exposures see is compared at the exposures, |S A D - X|² = <S A, S A D D' - 2 X D'> + |X|², and a smooth part by
its abundances, |grad(A D)|² = <A, L A D D'> with L the weighted Laplacian. So D D', atoms by atoms, and X D', exposures
by atoms, are all that knows of channels; nothing has cells times channels. Given abundances, dictionaries have a
quadratic of their own, of which an iteration costs atoms squared times channels: they take many at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion.problem import Problem, Unknowns, own_cost
from edge.reconstruct.fusion.smoothness import Steps
from edge.reconstruct.fusion.sweeps import beyond, gathered, laplacian
from edge.reconstruct.fusion.terms import Visible, paced

Floats = NDArray[np.float32]

DICTIONARY_STEPS = 20
_LEAST_ROWS = 4
_BLOCK_BYTES = 400_000
"""Of abundances, so that a block and what is made of it stay in a core's cache."""


@dataclass(slots=True, eq=False)
class WideJudgement:
    """The gradient by abundances, and the objective."""

    gradient: Floats
    """Shape (cells, atoms of all parts)."""
    value: float
    seen: Floats
    """S A of what maps are made of, shape (exposures, atoms)."""


class WideTerms:
    """The objective by way of abundances."""

    def __init__(self, problem: Problem, visible: Visible) -> None:
        self._problem, self._visible = problem, visible
        self._power = float(np.square(problem.measured, dtype=np.float64).sum())
        self._photograph = np.ascontiguousarray(problem.photograph.reshape(-1, 3), np.float32)
        self._by_cell = problem.operator.by_cell()
        self.restarts = 0
        self._spare: list[Floats] = []
        self._now: Unknowns
        self._gram: Floats
        self._pull: Floats

    def judged(self, unknowns: Unknowns) -> WideJudgement:
        self._refer_to(unknowns)
        found = self.begun()
        self.finished(found, unknowns)
        return found

    def again(self, unknowns: Unknowns, found: WideJudgement) -> WideJudgement:
        self._judge(found, unknowns)
        return found

    def _refer_to(self, unknowns: Unknowns) -> None:
        self._now = unknowns
        maps = np.concatenate([unknowns.visible[:, :-3], unknowns.hidden])
        self._gram, self._pull = maps @ maps.T, self._problem.measured @ maps.T

    def begun(self) -> WideJudgement:
        # pages that the system hands out anew cost as much as filling them
        gradient = self._spare.pop() if self._spare else np.empty((0, 0), np.float32)
        return WideJudgement(gradient, np.inf, np.empty((0, 0), np.float32))

    def dropped(self, found: WideJudgement) -> None:
        self._spare.append(found.gradient)

    def make(self, found: WideJudgement, block: slice, abundances: Floats) -> None:
        """All that is judged here needs neighbours and exposures: nothing is taken in block by block."""

    def finished(self, found: WideJudgement, unknowns: Unknowns) -> None:
        cube = unknowns.abundances.reshape(*self._problem.shape, -1)
        found.seen = self._problem.operator.seen(cube)[:, : self._now.parts[1].stop]
        if found.gradient.shape != unknowns.abundances.shape:
            found.gradient = np.empty_like(unknowns.abundances)
        self._judge(found, unknowns)

    def _judge(self, found: WideJudgement, unknowns: Unknowns) -> None:
        """Gradient and value of abundances of which it is known what exposures see."""
        seen, problem = found.seen, self._problem
        misses = seen @ self._gram - self._pull
        value = self._power + _inner(seen, misses) - _inner(seen, self._pull)
        value += self._of_rows(2 * misses, unknowns.abundances, found.gradient)
        if problem.gamma:
            value += self._visible_smoothness(unknowns.abundances, found.gradient)
        found.value = value + own_cost(problem, unknowns)

    def _of_rows(self, misses: Floats, abundances: Floats, gradient: Floats) -> float:
        """Write the gradient of all but the visible part's smoothness, some rows at a time; its value but for misses.

        Parameters
        ----------
        misses
            Gradient by what exposures see, shape (exposures, atoms).
        """
        problem, (visible, hidden, _) = self._problem, self._now.parts
        colours, alone = (np.ascontiguousarray(one.T) for one in (self._now.visible[:, -3:], self._now.colours))
        is_led = self._visible == "photograph"
        value = 0.0
        for block, slope in self._slopes(problem.hidden_steps, problem.lambda_, hidden, abundances):
            value += gathered(
                abundances[block],
                misses,
                slope,
                *self._by_cell,
                block.start,
                self._photograph[block],
                colours,
                alone,
                visible.stop if is_led else 0,
                np.float32(problem.price),
                gradient[block],
            )
        return value

    def _slopes(self, steps: Steps, factor: float, part: slice, abundances: Floats) -> Iterator[tuple[slice, Floats]]:
        """Block after block of cells, with a smooth part's gradient, (cells, atoms), in room that is used again."""
        scaled = np.float32(2 * factor) * self._gram[part, part]
        slope: Floats = np.empty((0, 0), np.float32)
        for block, curved in _curved(self._problem.shape, steps, part, abundances):
            if slope.shape != curved.shape:
                slope = np.empty_like(curved)
            np.matmul(curved, scaled, out=slope)
            yield block, slope

    def _visible_smoothness(self, abundances: Floats, gradient: Floats) -> float:
        """Add the visible part's gradient, unless the photograph alone moves it; its value."""
        problem, visible = self._problem, self._now.parts[0]
        value = 0.0
        for block, slope in self._slopes(problem.visible_steps, problem.gamma, visible, abundances):
            value += _inner(abundances[block, visible], slope) / 2
            if self._visible != "photograph":
                gradient[block, visible] += slope
        return value

    def slope(self, at: WideJudgement, before: WideJudgement, momentum: float, block: slice, room: Floats) -> None:
        if momentum == 0:
            np.copyto(room, at.gradient[block])
            return
        beyond(at.gradient[block], before.gradient[block], np.float32(momentum), room)

    def improved(self, unknowns: Unknowns, at: WideJudgement) -> tuple[Unknowns, WideJudgement]:
        found = self._solved(unknowns, at.seen)
        self._refer_to(found)
        return found, self.again(found, at)

    def _solved(self, now: Unknowns, seen: Floats) -> Unknowns:
        """Dictionaries some way down their own quadratic: D_rgb and colours alone, then D_v and D_nv together."""
        problem = self._problem
        visible, hidden, colours = now.parts
        square = (seen.T @ seen).astype(np.float64)
        count = len(now.visible) + len(now.colours)
        of_colour, pull = np.zeros((count, count)), np.zeros((count, 3))
        for block, curved in _curved(problem.shape, problem.hidden_steps, hidden, now.abundances):
            here = now.abundances[block]
            square[hidden, hidden] += problem.lambda_ * (here[:, hidden].T @ curved)
            used = here[:, visible] if not len(now.colours) else here[:, np.r_[visible, colours]]
            of_colour += used.T @ used
            pull += used.T @ self._photograph[block]
        if problem.gamma:
            for block, curved in _curved(problem.shape, problem.visible_steps, visible, now.abundances):
                square[visible, visible] += problem.gamma * (now.abundances[block, visible].T @ curved)
        maps = np.concatenate([now.visible[:, :-3], now.hidden])
        maps = lowered(maps, square.astype(np.float32), seen.T @ problem.measured)
        colour = np.concatenate([now.visible[:, -3:], now.colours])
        if problem.degradation is not None:
            colour = maps[visible] @ problem.degradation
        elif len(colour):
            colour = lowered(colour, of_colour.astype(np.float32), pull.astype(np.float32))
        first = np.concatenate([maps[visible], colour[: len(now.visible)]], axis=1)
        return Unknowns(now.abundances, first, maps[hidden], colour[len(now.visible) :])


def _curved(shape: tuple[int, int], steps: Steps, part: slice, abundances: Floats) -> Iterator[tuple[slice, Floats]]:
    """Block after block of cells, whole rows, with a part's `laplacian`, (cells, atoms), in room that is used again."""
    rows, columns = shape
    cube, count = abundances.reshape(rows, columns, -1), part.stop - part.start
    height = max(_LEAST_ROWS, _BLOCK_BYTES // (4 * columns * cube.shape[2]))
    room: Floats = np.empty((height, columns, count), np.float32)
    for top in range(0, rows, height):
        curved = room[: min(height, rows - top)]
        if count:
            laplacian(cube, part.start, top, steps.across, steps.down, curved)
        yield slice(top * columns, (top + len(curved)) * columns), curved.reshape(len(curved) * columns, count)


def lowered(dictionary: Floats, square: Floats, pull: Floats) -> Floats:
    """A dictionary in [0, 1] with a lower <D, square D> - 2 <D, pull>, by projected steps with momentum.

    Parameters
    ----------
    square
        Shape (atoms, atoms), without a negative eigenvalue.
    pull
        Shape (atoms, channels).
    """
    bound = np.maximum(1.0001 * np.abs(square).sum(axis=1, keepdims=True), 1e-12)
    now, before, pace = dictionary, dictionary, 1.0
    slope = square @ now - pull
    slope_before = slope
    for _ in range(DICTIONARY_STEPS):
        pace, momentum = paced(pace)
        on = np.float32(momentum)
        ahead = now + on * (now - before)
        towards = slope + on * (slope - slope_before)
        tried = np.clip(ahead - towards / bound, 0, 1)
        if momentum > 0 and float(np.vdot(ahead - tried, tried - now)) > 0:
            # the step turns back: without momentum it lowers the quadratic
            pace = 1.0
            tried = np.clip(now - slope / bound, 0, 1)
        before, slope_before = now, slope
        now = tried
        slope = square @ now - pull
    return now


def _inner(one: Floats, other: Floats) -> float:
    return float(np.einsum("ij,ij->i", one, other).sum(dtype=np.float64))
