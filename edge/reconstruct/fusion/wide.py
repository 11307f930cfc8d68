"""The objective where there are more channels than atoms: products of dictionaries in place of fields of channels.

What exposures see is compared at the exposures, |S A D - X|² = <S A, S A D D' - 2 X D'> + |X|², and a smooth part by
its abundances, |grad(A D)|² = <A, L A D D'> with L the weighted Laplacian. So D D', atoms by atoms, and X D', exposures
by atoms, are all that knows of channels; nothing has cells times channels. Given abundances, dictionaries have a
quadratic of their own, of which an iteration costs atoms squared times channels: they take many at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled
from edge.reconstruct.fusion.problem import Problem, Unknowns, own_cost
from edge.reconstruct.fusion.smoothness import Steps
from edge.reconstruct.fusion.terms import Visible, paced

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

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


class WideTerms:
    """The objective by way of abundances."""

    def __init__(self, problem: Problem, visible: Visible) -> None:
        self._problem, self._visible = problem, visible
        self._power = float(np.square(problem.measured, dtype=np.float64).sum())
        self._photograph = problem.photograph.reshape(-1, 3)
        self.restarts = 0
        self._now: Unknowns
        self._gram: Floats
        self._pull: Floats

    def judged(self, unknowns: Unknowns) -> WideJudgement:
        self._refer_to(unknowns)
        found = self.begun()
        self.finished(found, unknowns)
        return found

    def _refer_to(self, unknowns: Unknowns) -> None:
        self._now = unknowns
        maps = np.concatenate([unknowns.visible[:, :-3], unknowns.hidden])
        self._gram, self._pull = maps @ maps.T, self._problem.measured @ maps.T

    def begun(self) -> WideJudgement:
        return WideJudgement(np.empty((0, 0), np.float32), np.inf)

    def make(self, found: WideJudgement, block: slice, abundances: Floats) -> None:
        """All that is judged here needs neighbours and exposures: nothing is taken in block by block."""

    def finished(self, found: WideJudgement, unknowns: Unknowns) -> None:
        abundances = unknowns.abundances
        seen = self._seen(abundances)
        misses = seen @ self._gram - self._pull
        value = self._power + _inner(seen, misses) - _inner(seen, self._pull)
        visible, hidden, _ = self._now.parts
        problem, is_led = self._problem, self._visible == "photograph"
        first = hidden.start if is_led else 0
        gradient: Floats = np.zeros_like(abundances)
        problem.operator.add_adjoint(2 * misses[:, first:], gradient, first)
        value += self._smoothness(problem.hidden_steps, problem.lambda_, hidden, abundances, gradient)
        aside = np.zeros_like(gradient) if is_led and problem.gamma else gradient
        value += self._smoothness(problem.visible_steps, problem.gamma, visible, abundances, aside)
        value += self._colour(abundances, gradient)
        if problem.price:
            gradient[:, visible.stop :] += np.float32(problem.price)
        found.gradient, found.value = gradient, value + own_cost(problem, unknowns)

    def _seen(self, abundances: Floats) -> Floats:
        """S A of what maps are made of, shape (exposures, atoms)."""
        cube = abundances.reshape(*self._problem.shape, -1)
        return self._problem.operator.seen(cube)[:, : self._now.parts[1].stop]

    def _smoothness(self, steps: Steps, factor: float, part: slice, abundances: Floats, gradient: Floats) -> float:
        """Add a smooth part's gradient, row block by row block; its value."""
        count = part.stop - part.start
        if not count or not factor:
            return 0.0
        rows, columns = self._problem.shape
        cube = abundances.reshape(rows, columns, -1)
        height = max(_LEAST_ROWS, _BLOCK_BYTES // (4 * columns * cube.shape[2]))
        room: Floats = np.empty((height, columns, count), np.float32)
        value, scaled = 0.0, np.float32(2 * factor) * self._gram[part, part]
        for top in range(0, rows, height):
            bottom = min(top + height, rows)
            curved = room[: bottom - top]
            laplacian(cube, part.start, top, steps.across, steps.down, curved)
            block = slice(top * columns, bottom * columns)
            slope = curved.reshape(-1, count) @ scaled
            here = abundances[block, part]
            value += float(np.einsum("ij,ij->i", here, slope).sum(dtype=np.float64)) / 2
            gradient[block, part] += slope
        return value

    def _colour(self, abundances: Floats, gradient: Floats) -> float:
        """Add the photograph's gradient; its value."""
        visible, _, colours = self._now.parts
        of_visible, of_colours = self._now.visible[:, -3:], self._now.colours
        if not len(of_visible) and not len(of_colours):
            return float(np.square(self._photograph, dtype=np.float64).sum())
        value, height = 0.0, max(256, _BLOCK_BYTES // (4 * abundances.shape[1]))
        for top in range(0, len(abundances), height):
            block = slice(top, top + height)
            miss = abundances[block, visible] @ of_visible - self._photograph[block]
            if len(of_colours):
                miss += abundances[block, colours] @ of_colours
                gradient[block, colours] += (2 * miss) @ of_colours.T
            gradient[block, visible] += (2 * miss) @ of_visible.T
            value += float(np.dot(miss.ravel(), miss.ravel()))
        return value

    def slope(self, at: WideJudgement, before: WideJudgement, momentum: float, block: slice, room: Floats) -> None:
        if momentum == 0:
            np.copyto(room, at.gradient[block])
            return
        on = np.float32(momentum)
        np.multiply(at.gradient[block], 1 + on, out=room)
        room -= on * before.gradient[block]

    def improved(self, unknowns: Unknowns, at: WideJudgement) -> tuple[Unknowns, WideJudgement]:
        found = self._solved(unknowns)
        return found, self.judged(found)

    def _solved(self, now: Unknowns) -> Unknowns:
        """Dictionaries some way down their own quadratic: D_rgb and colours alone, then D_v and D_nv together."""
        problem = self._problem
        visible, hidden, colours = now.parts
        seen = self._seen(now.abundances)
        square = (seen.T @ seen).astype(np.float64)
        for part, steps, factor in (
            (visible, problem.visible_steps, problem.gamma),
            (hidden, problem.hidden_steps, problem.lambda_),
        ):
            square[part, part] += factor * self._curvature(now.abundances, steps, factor, part)
        maps = np.concatenate([now.visible[:, :-3], now.hidden])
        maps = lowered(maps, square.astype(np.float32), seen.T @ problem.measured)
        of_colours = np.concatenate([now.visible[:, -3:], now.colours])
        if problem.degradation is not None:
            of_colours = maps[visible] @ problem.degradation
        elif len(of_colours):
            chosen = np.r_[visible, colours]
            used = now.abundances if len(chosen) == now.abundances.shape[1] else now.abundances[:, chosen]
            of_colours = lowered(of_colours, used.T @ used, used.T @ self._photograph)
        first = np.concatenate([maps[visible], of_colours[: len(now.visible)]], axis=1)
        return Unknowns(now.abundances, first, maps[hidden], of_colours[len(now.visible) :])

    def _curvature(self, abundances: Floats, steps: Steps, factor: float, part: slice) -> Doubles:
        """A' L A of a part, shape (atoms, atoms)."""
        count = part.stop - part.start
        found: Doubles = np.zeros((count, count))
        if not count or not factor:
            return found
        rows, columns = self._problem.shape
        cube = abundances.reshape(rows, columns, -1)
        height = max(_LEAST_ROWS, _BLOCK_BYTES // (4 * columns * cube.shape[2]))
        room: Floats = np.empty((height, columns, count), np.float32)
        for top in range(0, rows, height):
            bottom = min(top + height, rows)
            curved = room[: bottom - top]
            laplacian(cube, part.start, top, steps.across, steps.down, curved)
            found += abundances[top * columns : bottom * columns, part].T @ curved.reshape(-1, count)
        return found


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


@compiled
def laplacian(cube: Floats, first: int, top: int, across: Floats, down: Floats, room: Floats) -> None:
    """Write the weighted differences from neighbours, added up, of rows from `top` and entries from `first`.

    Parameters
    ----------
    cube
        Shape (rows, columns, entries).
    across, down
        Weights of steps, see `edge.reconstruct.fusion.smoothness.Steps`.
    room
        Shape (rows wanted, columns, entries wanted).
    """
    rows, columns = cube.shape[0], cube.shape[1]
    for r in range(room.shape[0]):
        i = top + r
        for j in range(columns):
            left = across[i, j - 1] if j > 0 else np.float32(0)
            right = across[i, j]
            above = down[i - 1, j] if i > 0 else np.float32(0)
            below = down[i, j]
            jl, jr = max(j - 1, 0), min(j + 1, columns - 1)
            ia, ib = max(i - 1, 0), min(i + 1, rows - 1)
            whole = left + right + above + below
            for e in range(room.shape[2]):
                k = first + e
                room[r, j, e] = whole * cube[i, j, k] - (
                    left * cube[i, jl, k] + right * cube[i, jr, k] + above * cube[ia, j, k] + below * cube[ib, j, k]
                )
