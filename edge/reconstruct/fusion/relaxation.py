"""A bound that no dictionary can beat: the fusion objective without dictionaries and constraints.

Any visible and hidden maps, and colours equal to the photograph's, in place of those that dictionaries make: what is
left of Eq. 14a is a quadratic, whose least value is below the objective of all unknowns that Eq. 14 allows. So it says
how far a solve of the whole, non-convex problem can be from its end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion.problem import Fields, Problem, objective_and_gradient

Floats = NDArray[np.float32]

MOST_STEPS = 2000
TOLERANCE = 1e-4
"""Of the gradient's length, of what it was at maps of zero."""


def relaxed(problem: Problem, *, tolerance: float = TOLERANCE) -> tuple[Fields, float]:
    """The quadratic's least place, with the photograph as colours, and its value.

    Conjugate gradients from zero, with the diagonal as preconditioner. What could be shifted from one part to the
    other stays shared evenly.
    """
    shape, channels = problem.shape, problem.channels
    diagonal = _diagonal(problem)
    place: Floats = np.zeros((*shape, 2 * channels), np.float32)
    _, slope = _quadratic(problem, place)
    constant = slope.copy()
    residual = -slope
    start = _length(residual)
    towards = residual / diagonal
    direction, descent = towards, _inner(residual, towards)
    for _ in range(MOST_STEPS):
        if _length(residual) <= tolerance * start:
            break
        curved = _quadratic(problem, direction)[1] - constant
        step = descent / max(_inner(direction, curved), 1e-30)
        place += np.float32(step) * direction
        residual -= np.float32(step) * curved
        towards = residual / diagonal
        before, descent = descent, _inner(residual, towards)
        direction = towards + np.float32(descent / before) * direction
    value, slope = _quadratic(problem, place)
    return _with_colours(problem, place), value


def _quadratic(problem: Problem, place: Floats) -> tuple[float, Floats]:
    value, slope = objective_and_gradient(problem, _with_colours(problem, place))
    return value, np.concatenate([slope.visible[:, :, : problem.channels], slope.hidden], axis=2)


def _with_colours(problem: Problem, place: Floats) -> Fields:
    channels = problem.channels
    visible = np.concatenate([place[:, :, :channels], problem.photograph], axis=2)
    return Fields(visible, np.ascontiguousarray(place[:, :, channels:]))


def _diagonal(problem: Problem) -> Floats:
    """Of the quadratic, with what exposures see bounded by the coverage, (rows, columns, 2 channels)."""
    seen = 2 * problem.coverage()
    visible = seen + 2 * problem.gamma * problem.visible_steps.degree
    hidden = seen + 2 * problem.lambda_ * problem.hidden_steps.degree
    both = np.stack([visible, hidden], axis=2)
    # a cell on a grid of one, or without a step that counts, has nothing to be changed by
    found: Floats = np.repeat(np.maximum(both, 1e-6), problem.channels, axis=2).astype(np.float32)
    return found


def _inner(one: Floats, other: Floats) -> float:
    return float(np.einsum("ijk,ijk->", one, other, dtype=np.float64))


def _length(vector: Floats) -> float:
    return float(_inner(vector, vector) ** 0.5)
