"""One recipe solved, for few channels or many: abundances and dictionaries, of which maps are made in portions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.exposure_operator import ExposureOperator
from edge.reconstruct.fusion.method import Scale, scale_of
from edge.reconstruct.fusion.palm import Plan, minimised
from edge.reconstruct.fusion.problem import Problem, Unknowns
from edge.reconstruct.fusion.smoothness import even_steps
from edge.reconstruct.super_resolution.recipes import ATOMS, LAMBDAS, Recipe
from edge.reconstruct.super_resolution.start import degradation, started

Floats = NDArray[np.float32]
Kind: TypeAlias = Literal["elements", "spectra"]

PLAN = Plan(most_iterations=1000)
"""How every recipe is solved."""
_ROWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Sharpened:
    """What was found, as abundances and dictionaries: maps are made of them where they are asked for."""

    shape: tuple[int, int]
    unknowns: Unknowns | None
    """None where no channel's exposures differ."""
    scale: Scale
    room: float
    constant: Floats
    """Of channels whose exposures are all the same, their value."""
    residual: float
    """Root mean square change of the maps in the second half of the iterations, of a full scale 1."""
    iterations: int

    def rows(self, rows: slice) -> Floats:
        """Maps of some rows, shape (rows, columns, channels), in the samples' unit."""
        first, last, _ = rows.indices(self.shape[0])
        columns, differ = self.shape[1], self.scale.differ
        found: Floats = np.empty(((last - first) * columns, len(differ)), np.float32)
        found[:, ~differ] = self.constant[~differ]
        if self.unknowns is not None:
            made = self.unknowns.maps(slice(first * columns, last * columns))
            made *= self.scale.span[differ] / np.float32(self.room)
            made += self.scale.lowest[differ]
            found[:, differ] = made
        return found.reshape(last - first, columns, -1)

    def seen(self, operator: ExposureOperator) -> Floats:
        """What exposures see of the maps, shape (exposures, channels)."""
        differ = self.scale.differ
        found: Floats = np.broadcast_to(self.constant, (len(operator), len(differ))).copy()
        if self.unknowns is not None:
            seen = operator.seen(self.unknowns.abundances.reshape(*self.shape, -1))
            made = replace(self.unknowns, abundances=seen).maps(slice(None))
            found[:, differ] = made * (self.scale.span[differ] / np.float32(self.room)) + self.scale.lowest[differ]
        return found

    def maps(self) -> Floats:
        """All maps, shape (rows, columns, channels): nothing else has as many values."""
        found: Floats = np.empty((*self.shape, len(self.scale.differ)), np.float32)
        for first in range(0, self.shape[0], _ROWS_AT_ONCE):
            part = slice(first, min(first + _ROWS_AT_ONCE, self.shape[0]))
            found[part] = self.rows(part)
        return found


def sharpened(
    cells: MeasuredCells,
    rgb: Floats | None,
    recipe: Recipe,
    *,
    kind: Kind = "elements",
    atoms: int = ATOMS,
    lambda_: float = LAMBDAS[0],
    plan: Plan | None = None,
    scale: Scale | None = None,
    start: Unknowns | None = None,
) -> Sharpened:
    """Abundances and dictionaries of a recipe.

    Parameters
    ----------
    rgb
        Photograph on the grid, shape (rows, columns, 3), in [0, 1]; None where the recipe needs none.
    kind
        Elements are scaled one by one, the channels of spectra all alike.
    atoms
        M of each dictionary, at least 1.
    lambda_
        Of the hidden part's steps.
    start
        Where to go on from, an earlier solve's unknowns, which are used up; None: `started`.

    Raises
    ------
    UsageError
        Values that are not finite, a photograph that is missing or not on the grid, or no atom.
    """
    _require_usable(cells, rgb, recipe, atoms)
    scale = scale or scale_for(cells, kind)
    if not scale.differ.any():
        return Sharpened(cells.shape, None, scale, recipe.room, cells.values[0], 0.0, 0)
    problem = _problem(cells, rgb, recipe, scale, lambda_)
    plan = replace(plan or PLAN, visible=recipe.moved_by)
    if recipe.moved_by == "photograph":
        # no one objective falls there, by which momentum could be judged
        plan = replace(plan, accelerated=False)
    solved = minimised(problem, start or started(problem, cells, recipe, atoms), plan)
    return Sharpened(
        cells.shape, solved.unknowns, scale, recipe.room, cells.values[0], solved.residual, solved.iterations
    )


def _problem(cells: MeasuredCells, rgb: Floats | None, recipe: Recipe, scale: Scale, lambda_: float) -> Problem:
    differ, room = scale.differ, np.float32(recipe.room)
    measured = room * (cells.values[:, differ] - scale.lowest[differ]) / scale.span[differ]
    photograph: Floats = np.zeros((*cells.shape, 3), np.float32)
    if recipe.has_visible and rgb is not None:
        photograph = room * rgb
    steps, operator = even_steps(cells.shape), cells.seen_by()
    linear = degradation(measured, operator.seen(photograph)) if recipe.is_linear else None
    return Problem(operator, measured, photograph, steps, steps, 0.0, lambda_, recipe.price, linear)


def scale_for(cells: MeasuredCells, kind: Kind) -> Scale:
    """The scale on which exposures lie in [0, 1]; of spectra, from zero and one for all channels."""
    if kind == "elements":
        return scale_of(cells)
    channels, most = cells.elements, max(float(cells.values.max()), 0.0)
    return Scale(np.zeros(channels, np.float32), np.full(channels, most, np.float32), np.full(channels, most > 0))


def _require_usable(cells: MeasuredCells, rgb: Floats | None, recipe: Recipe, atoms: int) -> None:
    if atoms < 1:
        raise UsageError(f"a dictionary of {atoms} atoms makes no maps: give at least 1")
    if not bool(np.isfinite(cells.values).all()):
        raise UsageError("an exposure has a value that is not finite: leave out such exposures")
    if not recipe.has_visible:
        return
    if rgb is None:
        raise UsageError(f"{recipe.title} needs a photograph on the scan's grid: give one, or use its baseline 1")
    if rgb.shape != (*cells.shape, 3):
        raise UsageError(
            f"the photograph has shape {rgb.shape}, the grid needs ({cells.shape[0]}, {cells.shape[1]}, 3): "
            "resample it to the scan grid"
        )
    if not bool(np.isfinite(rgb).all()):
        raise UsageError("the photograph has values that are not finite: give one without")
