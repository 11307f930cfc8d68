"""Masks from a formula over the photograph: denser where its colour changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.binarise import binarise
from models.density import IMPORTANCE_FLOOR, density_from_importance
from models.gradient import gradient_importance, laplacian_importance
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_lab, photograph_rgb


def gradient_mask(request: MaskRequest) -> MaskResult:
    """Density after the photograph's colour gradient, over L*, a*, b*, with a share for every cell."""
    lab = photograph_lab(request.photograph("gradient"), request.shape)
    return _mask("gradient", request, gradient_importance(lab), IMPORTANCE_FLOOR)


def laplacian_mask(request: MaskRequest) -> MaskResult:
    """Density after the square root of the photograph's Laplacian (Belhachmi et al. 2009), and nothing else."""
    rgb = photograph_rgb(request.photograph("laplacian"), request.shape)
    return _mask("laplacian", request, laplacian_importance(rgb), 0.0)


def _mask(name: str, request: MaskRequest, importance: NDArray[np.float32], floor: float) -> MaskResult:
    allowed = request.allowed_cells()
    density = density_from_importance(importance, count=request.count, allowed=allowed, origin=name, floor=floor)
    mask = binarise(
        density,
        count=request.count,
        allowed=allowed,
        binariser=request.binariser,
        seed=request.seed,
        max_hole=request.max_hole,
    )
    return MaskResult(density, mask)
