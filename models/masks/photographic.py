"""Masks from a formula over the photograph: denser where its colour changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.binarise import binarise
from models.density import density_from_importance
from models.gradient import gradient_importance, laplacian_importance
from models.masks.request import MaskRequest, MaskResult
from models.photograph import photograph_lab


def gradient_mask(request: MaskRequest) -> MaskResult:
    """Density after the photograph's colour gradient."""
    return _mask("gradient", request, gradient_importance)


def laplacian_mask(request: MaskRequest) -> MaskResult:
    """Density after the square root of the photograph's Laplacian (Belhachmi et al. 2009)."""
    return _mask("laplacian", request, laplacian_importance)


def _mask(
    name: str, request: MaskRequest, importance: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> MaskResult:
    allowed = request.allowed_cells()
    lab = photograph_lab(request.photograph(name), request.shape)
    density = density_from_importance(importance(lab), count=request.count, allowed=allowed, origin=name)
    mask = binarise(
        density,
        count=request.count,
        allowed=allowed,
        binariser=request.binariser,
        seed=request.seed,
        max_hole=request.max_hole,
    )
    return MaskResult(density, mask)
