"""Least squares with non-negative unknowns, on the normal equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def nonnegative_solution(gram: Matrix, right: Matrix, guess: NDArray[np.bool_] | None = None) -> Matrix:
    """Minimise ``x' G x - 2 r' x`` over ``x >= 0``: fast non-negative least squares.

    Bro and de Jong, J. Chemometrics 11 (1997) 393.

    Parameters
    ----------
    gram
        ``A' W A``, symmetric and positive (semi)definite, shape (p, p).
    right
        ``A' W y``, shape (p,).
    guess
        Unknowns that are probably above zero, shape (p,): a good guess saves time and changes nothing else.

    Returns
    -------
    ndarray
        The minimiser, shape (p,).
    """
    count = right.size
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    matrix = gram / np.outer(scale, scale) + 1e-11 * np.eye(count)
    target = right / scale
    active = np.zeros(count, dtype=bool)
    solution = np.zeros(count)
    if guess is not None and guess.any():
        active = guess.copy()
        trial = np.linalg.solve(matrix[np.ix_(active, active)], target[active])
        while trial.size and trial.min() <= 0:
            active[np.flatnonzero(active)[trial <= 0]] = False
            trial = np.linalg.solve(matrix[np.ix_(active, active)], target[active])
        solution[active] = trial
    tolerance = 1e-9 * max(float(np.abs(target).max(initial=0.0)), 1e-300)
    for _ in range(3 * count):
        gradient = target - matrix @ solution
        gradient[active] = -np.inf
        entering = int(np.argmax(gradient))
        if gradient[entering] <= tolerance:
            break
        active[entering] = True
        _step_to_feasible(matrix, target, active, solution)
    return solution / scale


def _step_to_feasible(matrix: Matrix, target: Matrix, active: NDArray[np.bool_], solution: Matrix) -> None:
    """Solve on the active set, dropping unknowns that would turn negative; changes ``active`` and ``solution``."""
    while True:
        index = np.flatnonzero(active)
        trial = np.linalg.solve(matrix[np.ix_(index, index)], target[index])
        blocked = trial <= 0
        if not blocked.any():
            solution[:] = 0.0
            solution[index] = trial
            return
        here = solution[index]
        ratios = here[blocked] / np.maximum(here[blocked] - trial[blocked], 1e-300)
        here = here + float(ratios.min()) * (trial - here)
        solution[:] = 0.0
        solution[index] = here
        dropped = index[blocked & (here <= 1e-14)]
        if dropped.size == 0:
            dropped = index[blocked][[int(np.argmin(ratios))]]
        active[dropped] = False
        solution[dropped] = 0.0
