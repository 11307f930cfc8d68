"""A mask by its name, and a reconstruction by its name, on one raster."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import ADAPTIVE
from edge.reconstruct import reconstruct
from edge.replay_matrix.design import LEARNER
from edge.replay_matrix.result_cache import digest_of
from edge.replaying.score import score
from edge.replaying.sources import Stack
from models.density import cells_for_rate
from models.masks import MaskRequest, make_mask

Cells = NDArray[np.bool_]

_LEAST_AT_ONCE, _SHARE_AT_ONCE = 50, 0.01
"""Cells that Learner2D is asked for at a time: it takes them all into account anew each time, and a hundredth of its
budget at once keeps that to minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What all trials share."""

    stack: Stack
    seed: int
    model: Path | None = None

    def request(self, rate: float) -> MaskRequest:
        """For a mask at a rate."""
        stack = self.stack
        count = cells_for_rate(rate, int(stack.known.sum()) if stack.is_full else stack.cells)
        return MaskRequest(
            shape=stack.shape, count=count, rgb=stack.rgb, allowed=stack.known, seed=self.seed, model=self.model
        )

    @property
    def digest(self) -> str:
        """Of everything that is sampled, looked at and seeded."""
        stack = self.stack
        photograph = [] if stack.rgb is None else [stack.rgb]
        model = "" if self.model is None else hashlib.sha256(self.model.read_bytes()).hexdigest()
        return digest_of(stack.maps, stack.variance, stack.known, *photograph, seed=self.seed, model=model)


def chosen(mask: str, rate: float, setup: Setup, *, keep_on: Callable[[], bool] = lambda: True) -> Cells:
    """Cells of a mask by its name.

    Parameters
    ----------
    keep_on
        Asked now and then of a mask that takes long.

    Raises
    ------
    ModelsError, EdgeError
        They cannot be had.
    OutOfTime
        It is not to be kept on with.
    """
    request = setup.request(rate)
    if mask == ADAPTIVE:
        from edge.adaptive.recorded import adaptive_mask

        return adaptive_mask(setup.stack, request).cells
    if mask == LEARNER:
        from edge.replay_matrix.learner import learner_cells

        at_once = max(_LEAST_AT_ONCE, round(_SHARE_AT_ONCE * request.count))
        allowed = request.allowed_cells()
        return learner_cells(setup.stack.maps, allowed, request.count, at_once=at_once, keep_on=keep_on)
    return make_mask(mask, request).mask.cells


def scored(cells: Cells, method: str, stack: Stack) -> tuple[tuple[float, float, float], float]:
    """PSNR in dB, normalised RMSE and mean spectral angle in degrees, as in a replay's report; and the seconds."""
    start = time.perf_counter()
    maps = reconstruct(stack.samples(cells), stack.shape, elements=stack.elements, rgb=stack.rgb, method=method)
    seconds = time.perf_counter() - start
    figures = score(maps.maps, stack.maps, scored_cells(cells, stack))
    angle = 0.0 if math.isnan(figures.sam_rad) else math.degrees(figures.sam_rad)
    return (figures.psnr_db, figures.rmse, angle), seconds


def scored_cells(cells: Cells, stack: Stack) -> Cells:
    """Where maps are held against the source: everywhere in a full raster, else where the replay did not look."""
    return stack.known if stack.is_full else stack.known & ~cells
