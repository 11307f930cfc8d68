"""Lessons for an unfolded network from a scan: inputs by the plan's recipe, exposures, and what is held out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import points
from edge.reconstruct.exposure_upsampling import bilinear, on_raster, raster
from edge.reconstruct.unfold.inputs import RECIPES
from edge.reconstruct.unfold.scaling import Span
from models.training.unfolding.lessons import Lesson
from models.training.unfolding.plans import NamedPlan
from tools.mask_lessons import lesson_at, lesson_of_parts

Floats = NDArray[np.float32]

_LEAST_VARIANCE = 0.03**2
"""Of the span squared: what a map errs by counts beside the counting noise of what it is held against."""
_FEWEST = 4
"""Exposures of each part that a plan learns from."""


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Everything that a training takes in."""

    scaled: MeasuredCells
    """All exposures on the network's scale."""
    span: Span
    held: NDArray[np.intp]
    """Indices of those that neither lessons nor inputs hold."""
    taught: list[Lesson]
    judged: Lesson
    judged_inputs: Floats
    """X without what is held out, (rows, columns, inputs)."""


def lessons_of(cells: MeasuredCells, rgb: Floats, named: NamedPlan) -> Lessons:
    """What a plan learns from a scan.

    Raises
    ------
    UsageError
        There are too few exposures. Or the plan wants the scan coarsened once more and its exposures form no raster, or
        it is too small for that; or it wants cells that were measured by themselves, as
        `edge.reconstruct.unfold.looks.require_mask` says.
    """
    span = Span.of(cells)
    scaled = span.scaled(cells)
    random = np.random.default_rng((named.plan.seed, 5))
    order = random.permutation(len(cells))
    held = np.sort(order[: max(1, round(named.plan.held_share * len(cells)))])
    kept = np.setdiff1d(np.arange(len(cells)), held)
    needed = _FEWEST * max(named.plan.folds, 1)
    if len(kept) < needed:
        raise UsageError(
            f"{len(cells)} exposures, of which {len(held)} are held out, are too few to learn from, for this plan "
            f"needs {needed} besides: measure more, or take kriging"
        )
    make = RECIPES[named.recipe]
    inputs = make(scaled.picked(kept), rgb)
    parts = [np.sort(part) for part in np.array_split(random.permutation(kept), max(named.plan.folds, 1))]
    if named.recipe == "looks":
        there = scaled.picked(held)
        judged = lesson_at(there, inputs[there.rows, there.columns])
        return Lessons(scaled, span, held, [lesson_of_parts(scaled, rgb, parts, held)], judged, inputs)
    if named.plan.folds:
        taught = [
            _of_seen_cells(_lesson(make(scaled.without(np.concatenate([part, held])), rgb), rgb, scaled.picked(part)))
            for part in parts
        ]
    else:
        taught = [_lesson(inputs, rgb, scaled.picked(kept))]
    if named.is_coarsened_too:
        taught.append(_coarsened(scaled.picked(kept), rgb))
    return Lessons(scaled, span, held, taught, _lesson(inputs, rgb, scaled.picked(held)), inputs)


def _lesson(inputs: Floats, rgb: Floats, met: MeasuredCells) -> Lesson:
    operator = met.seen_by()
    trust: Floats = (1 / (met.variance + np.float32(_LEAST_VARIANCE))).astype(np.float32)
    return Lesson(
        met.shape,
        inputs.reshape(-1, inputs.shape[2]),
        rgb.reshape(-1, 3),
        operator.first,
        operator.cell,
        operator.weight,
        met.values,
        trust / trust.mean(),
    )


def _of_seen_cells(lesson: Lesson) -> Lesson:
    """A lesson without the cells that none of its exposures saw, as a grid of one column.

    Inputs are many times the maps: parts that each kept those of every cell would take as many times more.
    """
    seen, cell = np.unique(lesson.cell, return_inverse=True)
    return replace(
        lesson, shape=(len(seen), 1), inputs=lesson.inputs[seen], colours=lesson.colours[seen], cell=cell.ravel()
    )


def _coarsened(cells: MeasuredCells, rgb: Floats) -> Lesson:
    """The scan with its exposures for cells: its maps are known, its inputs come from blocks of them."""
    found = raster(cells.seen_by().centroids())
    if found is None:
        raise UsageError("exposures that form no raster cannot be coarsened once more: choose another plan")
    rows, columns, order = found
    factor = max(2, round(float(np.diff(rows).mean()))) if len(rows) > 1 else 2
    shape = len(rows) // factor * factor, len(columns) // factor * factor
    if min(shape) < 2 * factor:
        raise UsageError(
            f"a raster of {len(rows)} x {len(columns)} exposures has not 2 x 2 blocks of {factor} x {factor} to be "
            "coarsened once more: choose another plan, or scan a larger area"
        )
    coarse = on_raster(cells.values, order)[: shape[0], : shape[1]]
    colours = on_raster(cells.seen_by().seen(rgb), order)[: shape[0], : shape[1]]
    blocks = coarse.reshape(shape[0] // factor, factor, shape[1] // factor, factor, -1).mean(axis=(1, 3))
    from edge.reconstruct.exposure_operator import areas

    down, right = (factor * axis.ravel() for axis in np.indices(blocks.shape[:2]))
    above = areas(shape, down, right, height=factor, width=factor)
    upsampled = bilinear(above, blocks.reshape(-1, blocks.shape[2]).astype(np.float32))
    own = points(shape, *np.divmod(np.arange(shape[0] * shape[1]), shape[1]))
    measured: Floats = np.ascontiguousarray(coarse).reshape(-1, coarse.shape[2])
    inputs = np.concatenate([upsampled, colours], axis=2)
    return Lesson(
        shape,
        inputs.reshape(-1, inputs.shape[2]),
        np.ascontiguousarray(colours).reshape(-1, 3),
        own.first,
        own.cell,
        own.weight,
        measured,
        np.ones_like(measured),
    )
