"""A coarse raster of what is known already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from edge.coarse_raster import Kind, coarse_sights
from edge.faults import UsageError
from edge.maps import Samples
from edge.replaying.sources import Stack
from models.sampling import SamplingMask


@dataclass(frozen=True, slots=True)
class AskedRaster:
    """A factor, and what is measured in each block."""

    factor: int
    kind: Kind = "points"

    @classmethod
    def of(cls, text: str) -> Self:
        """From ``4`` or ``4,strokes``.

        Raises
        ------
        UsageError
            It is neither.
        """
        factor, _, kind = text.partition(",")
        if not factor.isascii() or not factor.isdigit() or len(factor) > 6 or kind not in ("", "points", "strokes"):
            raise UsageError(f"--coarse {text}: write FACTOR or FACTOR,strokes, such as 4 or 4,strokes")
        return cls(int(factor), "strokes" if kind == "strokes" else "points")


@dataclass(frozen=True, slots=True, eq=False)
class CoarseCells:
    """What such a raster would have measured."""

    mask: SamplingMask
    """The cell that each exposure is counted for."""
    samples: Samples


def coarse_cells(stack: Stack, asked: AskedRaster) -> CoarseCells:
    """Measure the known cells of a source coarsely.

    Raises
    ------
    UsageError
        The factor does not fit its grid.
    """
    sights = coarse_sights(stack.known, asked.factor, asked.kind)
    cells = np.zeros(stack.shape, np.bool_)
    cells[sights.rows, sights.columns] = True
    cells.flags.writeable = False
    rate = float(cells.sum() / stack.known.sum())
    mask = SamplingMask(cells, rate, f"coarse-{asked.factor}-{asked.kind}", "none", 0)
    return CoarseCells(mask, sights.samples(stack.maps, stack.variance))
