"""The objective of fusion inpainting, its five unknowns, and its gradients.

Q. Dai, H. Chopp, E. Pouyet, O. Cossairt, M. Walton and A. K. Katsaggelos, "Adaptive Image Sampling using Deep Learning
and its Application on X-Ray Fluorescence Image Reconstruction", Eq. 14: with the visible part of the maps D_v A_v, the
hidden part D_nv A_nv, the exposures S and the photograph I,

    |S (D_v A_v + D_nv A_nv) - X|² + gamma |grad_I (D_v A_v)|² + lambda |grad (D_nv A_nv)|² + |D_rgb A_v - I|²

under dictionaries in [0, 1] and abundances that are nowhere below zero and add up to 1 in each cell. Arrays hold cells
in rows and channels in columns, the transpose of the paper's.

Super-resolution is the same with another S and fewer terms (`edge.reconstruct.super_resolution`): any of the parts may
have no atoms, and a third one, of colours alone, may stand beside D_rgb A_v.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.exposure_operator import ExposureOperator, points
from edge.reconstruct.fusion.smoothness import Steps, even_steps, smoothness, steps_along_colour

Floats = NDArray[np.float32]

ALPHA = 16.0
"""How fast a step of colour loosens a step of the visible part, Eq. 16 and 17."""
GAMMA = 0.1
"""Of the visible part's steps."""
LAMBDA = 0.1
"""Of the hidden part's steps."""
ATOMS = 200
"""M, atoms of each dictionary."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is known, with the weights of the objective's terms."""

    operator: ExposureOperator
    measured: Floats
    """X, shape (exposures, channels), scaled so that maps lie in [0, 1]."""
    photograph: Floats
    """I, shape (rows, columns, 3), in [0, 1]."""
    visible_steps: Steps
    hidden_steps: Steps
    gamma: float
    lambda_: float
    price: float = 0.0
    """Of each abundance that one image has for itself, hidden or of colours alone: what both share costs nothing."""
    degradation: Floats | None = None
    """P transposed, shape (channels, 3), where colours are a linear image of spectra, so that D_rgb is P D_v."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.operator.shape

    @property
    def channels(self) -> int:
        """Of the maps."""
        return int(self.measured.shape[1])

    def coverage(self) -> Floats:
        """What each cell's value adds to all exposures together, (rows, columns): bounds the square of S."""
        seen: Floats = self.operator.adjoint(np.ones((len(self.operator), 1), np.float32))[:, :, 0]
        return seen


@dataclass(frozen=True, slots=True, eq=False)
class Unknowns:
    """Abundances and dictionaries, one atom in each row."""

    abundances: Floats
    """A_v, A_nv and those of colours alone beside each other, shape (cells, atoms of all parts)."""
    visible: Floats
    """D_v and D_rgb beside each other, shape (atoms, channels + 3)."""
    hidden: Floats
    """D_nv, shape (atoms, channels)."""
    colours: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """Of what the photograph alone shows, shape (atoms, 3)."""

    @property
    def parts(self) -> tuple[slice, slice, slice]:
        """Which abundances are visible, hidden, and of colours alone."""
        visible, hidden = len(self.visible), len(self.visible) + len(self.hidden)
        return slice(0, visible), slice(visible, hidden), slice(hidden, hidden + len(self.colours))

    def maps(self, cells: slice | NDArray[np.intp]) -> Floats:
        """Y of some cells, shape (cells, channels)."""
        channels, chosen = self.hidden.shape[1], self.abundances[cells]
        both = len(self.visible) + len(self.hidden)
        total: Floats = chosen[:, :both] @ np.concatenate([self.visible[:, :channels], self.hidden])
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """What abundances and dictionaries make together, or a gradient by it."""

    visible: Floats
    """D_v A_v and, with what the photograph alone shows, D_rgb A_v, shape (rows, columns, channels + 3)."""
    hidden: Floats
    """D_nv A_nv, shape (rows, columns, channels)."""

    def maps(self) -> Floats:
        """Y, Eq. 19, shape (rows, columns, channels)."""
        total: Floats = self.visible[:, :, : self.hidden.shape[2]] + self.hidden
        return total


def problem_of_cells(
    shape: tuple[int, int],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    measured: Floats,
    photograph: Floats,
    *,
    alpha: float = ALPHA,
    gamma: float = GAMMA,
    lambda_: float = LAMBDA,
) -> Problem:
    """The published problem: each exposure selects a cell."""
    operator = points(shape, rows, columns)
    steps = steps_along_colour(photograph, alpha)
    return Problem(operator, measured, photograph, steps, even_steps(shape), gamma, lambda_)


def fields_of(unknowns: Unknowns, shape: tuple[int, int]) -> Fields:
    """Matrix products of abundances and dictionaries."""
    return Fields(visible_of(unknowns, shape), hidden_of(unknowns, shape))


def visible_of(unknowns: Unknowns, shape: tuple[int, int]) -> Floats:
    """D_v A_v and all colours, shape (rows, columns, channels + 3)."""
    visible, _, colours = unknowns.parts
    found: Floats = unknowns.abundances[:, visible] @ unknowns.visible
    if len(unknowns.colours):
        found[:, -3:] += unknowns.abundances[:, colours] @ unknowns.colours
    return found.reshape(*shape, -1)


def hidden_of(unknowns: Unknowns, shape: tuple[int, int]) -> Floats:
    """D_nv A_nv, shape (rows, columns, channels)."""
    return (unknowns.abundances[:, unknowns.parts[1]] @ unknowns.hidden).reshape(*shape, -1)


def objective_and_gradient(problem: Problem, fields: Fields) -> tuple[float, Fields]:
    """Eq. 14a, and its gradient by the fields; what abundances cost by themselves is not in it."""
    channels = problem.channels
    towards = Fields(np.zeros_like(fields.visible), np.zeros_like(fields.hidden))
    total = smoothness(fields.visible, channels, problem.visible_steps, problem.gamma, towards.visible)
    total += smoothness(fields.hidden, channels, problem.hidden_steps, problem.lambda_, towards.hidden)
    miss = problem.operator.seen(fields.maps()) - problem.measured
    back = problem.operator.adjoint(2 * miss)
    towards.visible[:, :, :channels] += back
    np.add(towards.hidden, back, out=towards.hidden)
    colour = fields.visible[:, :, channels:] - problem.photograph
    towards.visible[:, :, channels:] = 2 * colour
    return total + _square(miss) + _square(colour), towards


def own_cost(problem: Problem, unknowns: Unknowns) -> float:
    """What abundances cost that one image has for itself."""
    if problem.price == 0:
        return 0.0
    return problem.price * float(unknowns.abundances[:, len(unknowns.visible) :].sum(dtype=np.float64))


def objective(problem: Problem, unknowns: Unknowns) -> float:
    """Eq. 14a, and what abundances cost by themselves."""
    value = objective_and_gradient(problem, fields_of(unknowns, problem.shape))[0]
    return value + own_cost(problem, unknowns)


def gradient_by_abundances(problem: Problem, unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by A_v, A_nv and those of colours alone, shape (cells, atoms of all parts)."""
    by_visible = by_fields.visible.reshape(len(unknowns.abundances), -1)
    by_hidden = by_fields.hidden.reshape(len(unknowns.abundances), -1)
    return np.concatenate(
        [
            by_visible @ unknowns.visible.T,
            by_hidden @ unknowns.hidden.T + np.float32(problem.price),
            by_visible[:, -3:] @ unknowns.colours.T + np.float32(problem.price),
        ],
        axis=1,
    )


def gradient_by_visible(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by D_v and D_rgb, shape (atoms, channels + 3)."""
    cells = by_fields.visible.reshape(len(unknowns.abundances), -1)
    found: Floats = unknowns.abundances[:, unknowns.parts[0]].T @ cells
    return found


def gradient_by_hidden(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by D_nv, shape (atoms, channels)."""
    cells = by_fields.hidden.reshape(len(unknowns.abundances), -1)
    found: Floats = unknowns.abundances[:, unknowns.parts[1]].T @ cells
    return found


def gradient_by_colours(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by what the photograph alone shows, shape (atoms, 3)."""
    cells = by_fields.visible.reshape(len(unknowns.abundances), -1)
    found: Floats = unknowns.abundances[:, unknowns.parts[2]].T @ cells[:, -3:]
    return found


def _square(values: Floats) -> float:
    flat = values.ravel()
    return float(np.dot(flat, flat)) if flat.size < 4096 else float(np.square(values).sum(dtype=np.float64))
