"""Sampling that listens, on a raster that somebody measured already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import FIRST, FIRST_BLIND, Batches, origin_after
from edge.adaptive.listening import listened_cells
from edge.replaying.sources import Stack
from models.masks import MaskRequest, make_mask
from models.sampling import SamplingMask


def adaptive_mask(
    stack: Stack,
    request: MaskRequest,
    batches: Batches | None = None,
    enough: Callable[[NDArray[np.bool_]], bool] = lambda _chosen: False,
) -> SamplingMask:
    """Cells that sampling that listens visits on a raster.

    Parameters
    ----------
    stack
        Asked for the values of cells that were chosen, and no others.
    request
        As for a mask that is known beforehand.
    enough
        As of `listened_cells`.

    Raises
    ------
    ModelsError
        The request cannot be met.
    """
    allowed = request.allowed_cells()
    name = FIRST_BLIND if request.rgb is None else FIRST

    def first(count: int) -> NDArray[np.bool_]:
        return make_mask(name, replace(request, count=count)).mask.cells

    cells = listened_cells(
        first,
        stack.samples,
        allowed,
        request.count,
        elements=stack.elements,
        rgb=request.rgb,
        batches=batches,
        enough=enough,
    )
    cells.setflags(write=False)
    return SamplingMask(cells, int(cells.sum()) / int(allowed.sum()), origin_after(name), "by worth", request.seed)
