"""The objective of fusion inpainting, its five unknowns, and its gradients.

Q. Dai, H. Chopp, E. Pouyet, O. Cossairt, M. Walton and A. K. Katsaggelos, "Adaptive Image Sampling using Deep Learning
and its Application on X-Ray Fluorescence Image Reconstruction", Eq. 14: with the visible part of the maps D_v A_v, the
hidden part D_nv A_nv, the exposures S and the photograph I,

    |S (D_v A_v + D_nv A_nv) - X|² + gamma |grad_I (D_v A_v)|² + lambda |grad (D_nv A_nv)|² + |D_rgb A_v - I|²

under dictionaries in [0, 1] and abundances that are nowhere below zero and add up to 1 in each cell. Arrays hold cells
in rows and channels in columns, the transpose of the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """A_v and A_nv beside each other, shape (cells, 2 atoms)."""
    visible: Floats
    """D_v and D_rgb beside each other, shape (atoms, channels + 3)."""
    hidden: Floats
    """D_nv, shape (atoms, channels)."""

    @property
    def atoms(self) -> int:
        """M."""
        return int(self.hidden.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """What abundances and dictionaries make together, or a gradient by it."""

    visible: Floats
    """D_v A_v and D_rgb A_v, shape (rows, columns, channels + 3)."""
    hidden: Floats
    """D_nv A_nv, shape (rows, columns, channels)."""

    def maps(self) -> Floats:
        """Y, Eq. 19, shape (rows, columns, channels)."""
        total: Floats = self.visible[:, :, : self.hidden.shape[2]] + self.hidden
        return total

    def beyond(self, earlier: Fields, momentum: float) -> Fields:
        """As far again from the earlier fields as momentum says."""
        factor = np.float32(momentum)
        return Fields(
            self.visible + factor * (self.visible - earlier.visible),
            self.hidden + factor * (self.hidden - earlier.hidden),
        )


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
    """D_v A_v and D_rgb A_v, shape (rows, columns, channels + 3)."""
    return (unknowns.abundances[:, : unknowns.atoms] @ unknowns.visible).reshape(*shape, -1)


def hidden_of(unknowns: Unknowns, shape: tuple[int, int]) -> Floats:
    """D_nv A_nv, shape (rows, columns, channels)."""
    return (unknowns.abundances[:, unknowns.atoms :] @ unknowns.hidden).reshape(*shape, -1)


def objective_and_gradient(problem: Problem, fields: Fields) -> tuple[float, Fields]:
    """Eq. 14a, and its gradient by the fields."""
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


def objective(problem: Problem, unknowns: Unknowns) -> float:
    """Eq. 14a."""
    return objective_and_gradient(problem, fields_of(unknowns, problem.shape))[0]


def gradient_by_abundances(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by A_v and A_nv, shape (cells, 2 atoms)."""
    by_visible = by_fields.visible.reshape(len(unknowns.abundances), -1) @ unknowns.visible.T
    by_hidden = by_fields.hidden.reshape(len(unknowns.abundances), -1) @ unknowns.hidden.T
    return np.concatenate([by_visible, by_hidden], axis=1)


def gradient_by_visible(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by D_v and D_rgb, shape (atoms, channels + 3)."""
    cells = by_fields.visible.reshape(len(unknowns.abundances), -1)
    found: Floats = unknowns.abundances[:, : unknowns.atoms].T @ cells
    return found


def gradient_by_hidden(unknowns: Unknowns, by_fields: Fields) -> Floats:
    """Gradient by D_nv, shape (atoms, channels)."""
    cells = by_fields.hidden.reshape(len(unknowns.abundances), -1)
    found: Floats = unknowns.abundances[:, unknowns.atoms :].T @ cells
    return found


def _square(values: Floats) -> float:
    flat = values.ravel()
    return float(np.dot(flat, flat)) if flat.size < 4096 else float(np.square(values).sum(dtype=np.float64))
