"""The rows of the synthetic experiment, and how far each is from the truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.fusion.palm import Plan
from edge.reconstruct.super_resolution import recipes
from edge.reconstruct.super_resolution.choosing import chosen
from edge.reconstruct.super_resolution.raster import spread
from edge.reconstruct.super_resolution.recipes import Recipe
from tools.reproduce.synthetic.scene import Scene

Floats = NDArray[np.float32]
Rows = Callable[[slice], Floats]

RECIPES: dict[str, Recipe] = {
    "csusr": recipes.CSUSR,
    "ssr-baseline-1": recipes.BASELINE_1,
    "ssr-baseline-2": recipes.BASELINE_2,
    "ssr": recipes.SSR,
    "ssr-all-terms": recipes.SSR_ALL_TERMS,
    "ssrcu": recipes.SSRCU,
}
NAMES = ("bicubic", *RECIPES)
TOLERANCE = 2e-4
"""Of the maps, whose channels are mostly background."""
_ROWS_AT_ONCE = 16
_CHANNELS_AT_ONCE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one row comes to."""

    name: str
    rmse: float
    """On the truth's scale, Eq. 23."""
    psnr_db: float
    """Eq. 24."""
    sam_deg: float
    """Eq. 25."""
    by_channel: Floats
    """Mean squared error of each channel, shape (channels,)."""
    picture: Floats
    """Sum over the channels of the picture, shape (rows, columns)."""
    seconds: float
    iterations: int = 0
    lambda_: float = 0.0
    start: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """How every row is made."""

    atoms: int
    iterations: int
    sparsity: int | None
    """Most atoms of a cell; None: all."""
    pictured: tuple[int, int]
    """Channels of the picture, the first and the one after the last."""


def outcome(name: str, seen: Scene, request: Request) -> Outcome:
    """One row, measured on the whole scene."""
    pictured = slice(*request.pictured)
    begun = time.perf_counter()
    if name == "bicubic":
        maps = _bicubic(seen)
        return _measured(name, seen, pictured, lambda rows: maps[rows], time.perf_counter() - begun)
    plan = Plan(most_iterations=request.iterations, tolerance=TOLERANCE, sparsity=request.sparsity)
    recipe = RECIPES[name]
    found, tried = chosen(seen.cells, seen.photograph, recipe, kind="spectra", atoms=request.atoms, plan=plan)
    row = _measured(name, seen, pictured, found.rows, time.perf_counter() - begun)
    lambda_ = tried.lambda_ if recipe.has_hidden else 0.0
    return replace(row, iterations=found.iterations, lambda_=lambda_, start=tried.start if recipe.starts[1:] else "")


def _bicubic(seen: Scene) -> Floats:
    cells = seen.cells
    found: Floats = np.empty((*cells.shape, cells.elements), np.float32)
    for first in range(0, cells.elements, _CHANNELS_AT_ONCE):
        part = slice(first, first + _CHANNELS_AT_ONCE)
        found[:, :, part] = spread(cells.values[:, part], cells).reshape(*cells.shape, -1)
    return found


def _measured(name: str, seen: Scene, pictured: slice, rows_of: Rows, seconds: float) -> Outcome:
    shape, channels = seen.cells.shape, seen.cells.elements
    square, angle = np.zeros(channels), 0.0
    picture: Floats = np.empty(shape, np.float32)
    most = 0.0
    for first in range(0, shape[0], _ROWS_AT_ONCE):
        rows = slice(first, min(first + _ROWS_AT_ONCE, shape[0]))
        found, truth = rows_of(rows), seen.truth(rows)
        most = max(most, float(truth.max()))
        square += np.square(found - truth, dtype=np.float64).sum(axis=(0, 1))
        angle += float(_angles_deg(found, truth).sum())
        picture[rows] = found[:, :, pictured].sum(axis=2)
    cells = shape[0] * shape[1]
    rmse = float(np.sqrt(square.sum() / (cells * channels)))
    psnr = float(20 * np.log10(most / rmse))
    return Outcome(name, rmse, psnr, angle / cells, (square / cells).astype(np.float32), picture, seconds)


def _angles_deg(found: Floats, truth: Floats) -> NDArray[np.float64]:
    lengths = np.linalg.norm(found, axis=2) * np.linalg.norm(truth, axis=2)
    cosine = np.einsum("ijk,ijk->ij", found, truth) / np.maximum(lengths, 1e-9)
    angles: NDArray[np.float64] = np.degrees(np.arccos(np.clip(cosine.astype(np.float64), -1, 1)))
    return angles
