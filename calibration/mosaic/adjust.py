"""All frames' places at once: what the pictures say of each other, and what the stage says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.overlaps import Overlap

Doubles = NDArray[np.float64]

_ROUNDS = 20
_FAR = 4.7
"""Tukey's biweight: an overlap so many deviations off counts for nothing (P. J. Huber 1981, 95 % efficiency)."""
_FLOOR_CELLS = 0.03
"""Of a shift's error along each axis, in cells, for what its own information leaves out: lens, light, resampling."""


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """Corrections that make neighbours agree."""

    moves_mm: Doubles
    """To be added to the places that the stage stated, shape (frames, 2)."""
    errors_mm: Doubles
    """Standard errors of those, along x and y, shape (frames, 2)."""
    strain: Doubles
    """By which offsets from a frame's centre grow: an error of the head's rotation and scale, shape (2, 2)."""
    strain_errors: Doubles
    """Standard errors, shape (2, 2)."""
    before_mm: Doubles
    """Distance between what two neighbours show, placed by the stage alone, shape (overlaps,)."""
    after_mm: Doubles
    """The same once adjusted."""
    weights: Doubles
    """What each overlap counted for, 0 to 1, shape (overlaps,)."""


def adjusted(
    places_mm: Doubles,
    overlaps: Sequence[Overlap],
    *,
    stage_error_mm: float,
    strain_error: float,
    cell_mm: float,
) -> Adjustment:
    """Least squares over all overlaps with the stage's positions as a prior, outliers counted less and less.

    With ``t`` the moves, ``E`` the strain and ``p`` the stated places, detail that lies ``m`` further in frame j than
    in frame i says ``m = t_i - t_j + E (p_j - p_i)``. Overlaps that are not alike say nothing.

    Parameters
    ----------
    places_mm : shape (frames, 2)
    overlaps
    stage_error_mm
        Standard deviation of the stage's positions, along each axis.
    strain_error
        Standard deviation of each element of the strain.
    cell_mm
        Of the pictures that the shifts were measured in.
    """
    count = len(places_mm)
    designs = [_design(overlap, places_mm, count) for overlap in overlaps]
    information = [_softened(overlap, cell_mm) for overlap in overlaps]
    prior = np.concatenate([np.full(2 * count, stage_error_mm**-2), np.full(4, strain_error**-2)])
    weights = np.array([1.0 if overlap.is_alike else 0.0 for overlap in overlaps])
    solution: Doubles = np.zeros(prior.size)
    normal: Doubles = np.diag(prior)
    for _ in range(_ROUNDS):
        normal, right = np.diag(prior), np.zeros(prior.size)
        for overlap, design, told, weight in zip(overlaps, designs, information, weights, strict=True):
            if weight > 0:
                columns = np.flatnonzero(design.any(axis=0))
                part = design[:, columns]
                normal[np.ix_(columns, columns)] += weight * part.T @ told @ part
                right[columns] += weight * part.T @ told @ overlap.shift_mm
        solution = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
        again = _weights(_distances(overlaps, designs, information, solution), overlaps)
        if float(np.abs(again - weights).max(initial=0.0)) < 1e-3:
            break
        weights = again
    distances = _distances(overlaps, designs, information, solution)
    errors = _errors(np.diag(prior), normal, _scale(distances, overlaps), 2 * int(np.count_nonzero(weights)))
    rest = [
        float(np.linalg.norm(overlap.shift_mm - design @ solution))
        for overlap, design in zip(overlaps, designs, strict=True)
    ]
    return Adjustment(
        moves_mm=solution[: 2 * count].reshape(count, 2),
        errors_mm=errors[: 2 * count].reshape(count, 2),
        strain=solution[2 * count :].reshape(2, 2),
        strain_errors=errors[2 * count :].reshape(2, 2),
        before_mm=np.array([float(np.linalg.norm(overlap.shift_mm)) for overlap in overlaps]),
        after_mm=np.array(rest),
        weights=weights,
    )


def _errors(known: Doubles, normal: Doubles, scale: float, count: int) -> Doubles:
    """Standard errors of all parameters, shape (parameters,).

    What the overlaps miss beyond their own errors widens what they say, not what the stage says beforehand (`known`).
    Of ``count`` shifts the fit has taken up as many as parameters are told by them, so that what is left is less.
    """
    said = normal - known
    taken = float(np.trace(np.linalg.solve(normal, said)))
    scale = max(1.0, scale * float(np.sqrt(count / max(count - taken, 1.0))))
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(known + said / scale**2))))


def _design(overlap: Overlap, places_mm: Doubles, count: int) -> Doubles:
    """Of one overlap, shape (2, 2 * frames + 4)."""
    design = np.zeros((2, 2 * count + 4))
    way = places_mm[overlap.second] - places_mm[overlap.first]
    for axis in range(2):
        design[axis, 2 * overlap.first + axis] = 1.0
        design[axis, 2 * overlap.second + axis] = -1.0
        design[axis, 2 * count + 2 * axis : 2 * count + 2 * axis + 2] = way
    return design


def _softened(overlap: Overlap, cell_mm: float) -> Doubles:
    """Information that never claims more than the floor allows."""
    values, vectors = np.linalg.eigh(overlap.information)
    floor = (_FLOOR_CELLS * cell_mm) ** 2
    softened = np.where(values > 0, 1 / (1 / np.maximum(values, 1e-12) + floor), 0.0)
    return np.asarray(vectors @ np.diag(softened) @ vectors.T)


def _distances(
    overlaps: Sequence[Overlap], designs: Sequence[Doubles], information: Sequence[Doubles], solution: Doubles
) -> Doubles:
    """What is left of each overlap's shift, in its own standard errors, shape (overlaps,)."""
    distances = np.zeros(len(overlaps))
    for k, (overlap, design, told) in enumerate(zip(overlaps, designs, information, strict=True)):
        rest = overlap.shift_mm - design @ solution
        distances[k] = np.sqrt(max(float(rest @ told @ rest), 0.0))
    return distances


def _scale(distances: Doubles, overlaps: Sequence[Overlap]) -> float:
    """How many times their own errors the overlaps that are alike miss."""
    alike = np.array([overlap.is_alike for overlap in overlaps], dtype=bool)
    if not alike.any():
        return 1.0
    # The median of a Rayleigh distance is 1.177 deviations; more than that is error that the overlaps do not know of.
    return float(np.median(distances[alike])) / 1.177


def _weights(distances: Doubles, overlaps: Sequence[Overlap]) -> Doubles:
    alike = np.array([overlap.is_alike for overlap in overlaps], dtype=bool)
    far = np.clip(distances / (max(1.0, _scale(distances, overlaps)) * _FAR), 0, 1)
    return np.where(alike, (1 - far**2) ** 2, 0.0)
