"""Lessons for the unfolded network of a mask: the measured cells alone, each with inputs that were made without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.unfold.looks import looks, standard_error_of
from models.training.unfolding.lessons import Lesson

Floats = NDArray[np.float32]

_LEAST_ERROR = 1e-4
"""Of the span: what a cell is expected to err by is no less."""


def lesson_of_parts(
    cells: MeasuredCells, rgb: Floats, parts: Sequence[NDArray[np.intp]], held: NDArray[np.intp]
) -> Lesson:
    """All parts of the cells, each with looks at the others and at nothing that is held out."""
    found = []
    for part in parts:
        inputs = looks(cells.without(np.concatenate([part, held])), rgb)
        found.append(inputs[cells.rows[part], cells.columns[part]])
    return lesson_at(cells.picked(np.concatenate(list(parts))), np.concatenate(found))


def lesson_at(cells: MeasuredCells, inputs: Floats) -> Lesson:
    """Cells measured by themselves, as a grid of one column, from the inputs at each, shape (cells, inputs).

    A cell counts by the inverse of the standard deviation that its error is expected to have, and elements count alike:
    by the inverse of its square the steepest places would hardly count, without it nothing else would.
    """
    elements, count = cells.elements, len(cells)
    residual = cells.values - inputs[:, :elements]
    expected = np.square(standard_error_of(inputs, elements)) + cells.variance
    trust = 1 / np.sqrt(np.maximum(expected, _LEAST_ERROR**2))
    trust = trust / np.maximum((trust * np.square(residual)).mean(axis=0), _LEAST_ERROR)
    return Lesson(
        (count, 1),
        inputs,
        inputs[:, elements : elements + 3],
        np.arange(count + 1),
        np.arange(count),
        np.ones(count, np.float32),
        cells.values,
        trust.astype(np.float32),
    )
