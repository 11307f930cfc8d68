"""Super-resolution as reconstructions: maps and their standard error from whatever exposures see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.cells import MeasuredCells
from edge.reconstruct.reconstruction import Reconstruction
from edge.reconstruct.super_resolution import recipes, solving
from edge.reconstruct.super_resolution.agreement import agreeing
from edge.reconstruct.super_resolution.choosing import chosen
from edge.reconstruct.super_resolution.extension import extension_standard_error
from edge.reconstruct.super_resolution.placing import placed
from edge.reconstruct.super_resolution.recipes import Recipe

Floats = NDArray[np.float32]


def ssr(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """A part that follows the photograph and a smooth one that does not (Dai et al., Eq. 9)."""
    return _reconstructed(recipes.SSR, cells, rgb)


def ssr_baseline_1(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """One smooth part (Dai et al., Eq. 28); the photograph is not used."""
    return _reconstructed(recipes.BASELINE_1, cells, rgb)


def ssr_baseline_2(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """One part that follows the photograph (Dai et al., Eq. 30)."""
    return _reconstructed(recipes.BASELINE_2, cells, rgb)


def csusr(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """The same, with colours that are a linear image of the maps (Dai et al., Eq. 26 and 27, after Lanaras et al.)."""
    return _reconstructed(recipes.CSUSR, cells, rgb)


def ssrcu(cells: MeasuredCells, rgb: Floats | None = None) -> Reconstruction:
    """A part common to maps and photograph, and one of each for itself (Verinaz-Jadan et al., Eq. 1, of Yan et al.)."""
    return _reconstructed(recipes.SSRCU, cells, rgb)


def _reconstructed(recipe: Recipe, cells: MeasuredCells, rgb: Floats | None) -> Reconstruction:
    """Maps and standard error; what was measured of one cell alone as it was measured."""
    remarks: list[str] = []
    method = None
    if recipe.has_visible and rgb is None:
        remarks.append(f"{recipe.title} had no photograph: it was left to its baseline 1, which needs none.")
        recipe = recipes.BASELINE_1
        method = recipe.name
    elif recipe.has_visible and rgb is not None:
        rgb, said = placed(cells, rgb)
        remarks += said
    found, tried = chosen(cells, rgb, recipe)
    maps = agreeing(found.maps(), cells)
    alone = cells.alone
    maps[cells.rows[alone], cells.columns[alone]] = cells.values[alone]

    def again(fewer: MeasuredCells, photograph: Floats | None) -> Floats:
        as_before = replace(recipe, start=tried.start)
        return agreeing(solving.sharpened(fewer, photograph, as_before, lambda_=tried.lambda_).maps(), fewer)

    error, left_out = extension_standard_error(cells, rgb, tried.held, tried.residual, again)
    if found.iterations == solving.PLAN.most_iterations and found.residual > solving.PLAN.tolerance:
        remarks.append(
            f"{recipe.title} was stopped after {found.iterations} iterations, of which the second half still changed "
            f"the maps by {found.residual:.2%} of full scale; {solving.PLAN.tolerance:.2%} counts as converged."
        )
    return Reconstruction(maps, error, left_out, tuple(remarks), method)
