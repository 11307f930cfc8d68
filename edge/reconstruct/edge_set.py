"""The edge set of Ambrosio and Tortorelli: where a field is steep, a phase falls from one towards zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

Floats = NDArray[np.float32]


@compiled
def steepness(field: Floats, weight: Floats, steep: Floats) -> None:
    """Weighted sum over elements of the squared gradient, by central differences, one-sided steps halved at borders.

    Parameters
    ----------
    field
        Shape (rows, columns, elements).
    weight
        Of each element, shape (elements,).
    steep
        Written, shape (rows, columns).
    """
    rows, columns, elements = field.shape
    quarter = np.float32(0.25)
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, columns - 1)
            total = np.float32(0)
            for e in range(elements):
                fall = field[below, j, e] - field[above, j, e]
                slope = field[i, right, e] - field[i, left, e]
                total += weight[e] * (fall * fall + slope * slope)
            steep[i, j] = quarter * total


@compiled
def relax_phase(phase: Floats, steep: Floats, contrast: float, width: float, sweeps: int) -> None:
    """Gauss-Seidel sweeps on (1 + contrast x steep) phase - width² x Laplacian of phase = 1, no flow at the borders."""
    rows, columns = phase.shape
    spread, factor = np.float32(width * width), np.float32(contrast)
    for _ in range(sweeps):
        for parity in range(2):
            for i in range(rows):
                above, below = max(i - 1, 0), min(i + 1, rows - 1)
                for j in range((i + parity) % 2, columns, 2):
                    left, right = max(j - 1, 0), min(j + 1, columns - 1)
                    inside = np.float32((above < i) + (below > i) + (left < j) + (right > j))
                    around = phase[above, j] + phase[below, j] + phase[i, left] + phase[i, right]
                    around -= (np.float32(4) - inside) * phase[i, j]
                    phase[i, j] = (np.float32(1) + spread * around) / (
                        np.float32(1) + factor * steep[i, j] + spread * inside
                    )


@compiled
def links_from_phase(phase: Floats, least: float, across: Floats, down: Floats) -> None:
    """Links between neighbours: the mean of their squared phases, and `least` more."""
    rows, columns = phase.shape
    half, floor = np.float32(0.5), np.float32(least)
    for i in range(rows):
        below = min(i + 1, rows - 1)
        for j in range(columns):
            right = min(j + 1, columns - 1)
            own = phase[i, j] * phase[i, j]
            across[i, j] = floor + half * (own + phase[i, right] * phase[i, right])
            down[i, j] = floor + half * (own + phase[below, j] * phase[below, j])
