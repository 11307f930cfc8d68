"""What exposures that are held out choose: where a recipe starts, and how smooth its hidden part is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.distance import held_out
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.fusion.palm import Plan
from edge.reconstruct.fusion.problem import Unknowns
from edge.reconstruct.super_resolution import solving
from edge.reconstruct.super_resolution.agreement import agreeing
from edge.reconstruct.super_resolution.recipes import ATOMS, LAMBDAS, Recipe, Start
from edge.reconstruct.super_resolution.solving import Kind, Sharpened, scale_for, sharpened

Floats = NDArray[np.float32]

_TRIAL_ITERATIONS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What exposures held out chose."""

    held: NDArray[np.intp]
    """Their indices, shape (k,)."""
    residual: Floats
    """Their errors by the choice, shape (k, channels). The least of some tries, they are too small by a little."""
    lambda_: float
    start: Start


def chosen(
    cells: MeasuredCells,
    rgb: Floats | None,
    recipe: Recipe,
    *,
    kind: Kind = "elements",
    atoms: int = ATOMS,
    plan: Plan | None = None,
) -> tuple[Sharpened, Tried]:
    """A recipe solved with the start and the lambda by which it predicts exposures best that were held out.

    Starts are tried first, under the published lambda; then other lambdas go on from the best so far. The solve of all
    exposures goes on from the best of all.
    """
    plan = plan or solving.PLAN
    held, scale = held_out(len(cells)), scale_for(cells, kind)
    tried = Tried(held, np.zeros((len(held), cells.elements), np.float32), LAMBDAS[0], recipe.start)
    if not len(held):
        found = sharpened(cells, rgb, recipe, kind=kind, atoms=atoms, plan=plan)
        return found, tried
    briefly = replace(plan, most_iterations=min(plan.most_iterations, _TRIAL_ITERATIONS))
    fewer, seen_by = cells.without(held), cells.seen_by().picked(held)

    def trial(start: Start, lambda_: float, onward: Unknowns | None) -> tuple[float, Sharpened, Tried]:
        found = sharpened(
            fewer,
            rgb,
            replace(recipe, start=start),
            atoms=atoms,
            lambda_=lambda_,
            plan=briefly,
            scale=scale,
            start=onward,
        )
        residual = cells.values[held] - _predicted(found, fewer, seen_by, kind)
        error = np.square(residual / np.where(scale.span > 0, scale.span, 1)).sum(dtype=np.float64)
        return float(error), found, Tried(held, residual, lambda_, start)

    best = min((trial(start, LAMBDAS[0], None) for start in recipe.starts), key=lambda one: one[0])
    for lambda_ in LAMBDAS[1:] if recipe.has_hidden else ():
        best = min(best, trial(best[2].start, lambda_, _copied(best[1])), key=lambda one: one[0])
    _, found, tried = best
    recipe = replace(recipe, start=tried.start)
    found = sharpened(
        cells, rgb, recipe, atoms=atoms, lambda_=tried.lambda_, plan=plan, scale=scale, start=found.unknowns
    )
    return found, tried


def _predicted(found: Sharpened, fewer: MeasuredCells, seen_by: ExposureOperator, kind: Kind) -> Floats:
    """What exposures held out would see; maps of elements have been brought to agree with the others before."""
    return seen_by.seen(agreeing(found.maps(), fewer)) if kind == "elements" else found.seen(seen_by)


def _copied(found: Sharpened) -> Unknowns | None:
    if found.unknowns is None:
        return None
    return replace(found.unknowns, abundances=found.unknowns.abundances.copy())
