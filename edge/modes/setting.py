"""What a mode knows before anything is measured, and what it learns while measuring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.maps import ElementMaps, Samples
from edge.motion.kinematics import StageModel
from edge.reconstruct.cells import MeasuredCells
from models.binarise import DEFAULT_BINARISER
from models.masks.request import MaskRequest

_ROUNDING = 1e-6
"""Relative slack of a limit: times are summed."""


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
    bearable_s: NDArray[np.float64] | None = None
    """Live time that each cell may receive in all, shape (rows, columns); None: any."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.grid.shape

    @property
    def area_mm2(self) -> float:
        """What may be measured."""
        return float(self.allowed.sum()) * self.grid.pitch_mm**2

    @property
    def fastest_cell_s(self) -> float:
        """The least time in which a cell can be flown over and told from the next."""
        return max(self.grid.pitch_mm / self.stage.speed_mm_s, self.stage.shortest_stroke_s)

    @property
    def longest_cell_s(self) -> float:
        """The most time that every cell can bear."""
        return np.inf if self.bearable_s is None else float(self.bearable_s[self.allowed].min(initial=np.inf))

    def can_bear(self, planned_s: NDArray[np.floating], cell_s: float) -> NDArray[np.bool_]:
        """Cells that may be measured for so long again, shape (rows, columns)."""
        if self.bearable_s is None:
            return self.allowed
        return np.asarray(self.allowed & (planned_s + cell_s <= self.bearable_s * (1 + _ROUNDING)), np.bool_)

    def having_had(self, live_s: NDArray[np.floating]) -> Setting:
        """The same, but that cells have received so much that no part of the plan says, shape (rows, columns)."""
        return self if self.bearable_s is None else replace(self, bearable_s=self.bearable_s - live_s)

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
    planned_s: NDArray[np.float32]
    """Beam that each cell has had or will have without anybody's asking, s, shape (rows, columns)."""

    def maps(self, rgb: NDArray[Any] | None) -> ElementMaps:
        """The maps that these values make, by the method that suits them."""
        from edge.reconstruct import reconstruct
        from edge.reconstruct.choice import method_in_motion

        cells = self.cells
        method = method_in_motion(cells)
        samples = Samples(cells.rows, cells.columns, cells.values, cells.variance)
        return reconstruct(samples, cells.shape, elements=cells.names, rgb=rgb, method=method, live_s=cells.live_s)
