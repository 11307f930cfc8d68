"""What a mode knows before anything is measured, and what it learns while measuring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.kinematics import StageModel
from edge.maps import ElementMaps, Samples
from edge.reconstruct.cells import MeasuredCells
from models.binarise import DEFAULT_BINARISER
from models.masks.request import MaskRequest


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One object before one stage."""

    grid: ScanGrid
    stage: StageModel
    dwell_s: float
    """Live time at a point."""
    allowed: NDArray[np.bool_]
    """Cells that may be measured, shape (rows, columns)."""
    rgb: NDArray[Any] | None = None
    """Photograph on the grid."""
    seed: int = 0
    binariser: str = DEFAULT_BINARISER
    max_hole: float | None = None
    """Coverage floor of points, in cells."""
    model: Path | None = None
    """The mask network's file; None for the shipped one."""
    interest: NDArray[np.float32] | None = None
    """How much each element counts, shape (elements,); None: all the same."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.grid.shape

    @property
    def fastest_cell_s(self) -> float:
        """The least time in which a cell can be flown over and told from the next."""
        return max(self.grid.pitch_mm / self.stage.speed_mm_s, self.stage.shortest_stroke_s)

    def mask_request(self, count: int) -> MaskRequest:
        """For so many cells."""
        return MaskRequest(
            self.shape,
            count,
            rgb=self.rgb,
            allowed=self.allowed,
            binariser=self.binariser,
            seed=self.seed,
            max_hole=self.max_hole,
            model=self.model,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What has been measured so far."""

    cells: MeasuredCells
    """With the live time behind each value."""
    planned: NDArray[np.bool_]
    """Cells that are measured, or will be without anybody's asking, shape (rows, columns)."""

    def maps(self, rgb: NDArray[Any] | None) -> ElementMaps:
        """The maps that these values make, by the method that suits them."""
        from edge.reconstruct import reconstruct
        from edge.reconstruct.choice import method_in_motion

        cells = self.cells
        method = method_in_motion(cells)
        samples = Samples(cells.rows, cells.columns, cells.values, cells.variance)
        return reconstruct(samples, cells.shape, elements=cells.names, rgb=rgb, method=method, live_s=cells.live_s)
