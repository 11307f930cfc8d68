"""What a mask would have taken on a stage that is stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.motion.kinematics import predict_duration, predict_raster_s
from edge.motion.stage_model import StageModel
from edge.travel.ordering import order_points

_MOST_ORDERED = 60_000
"""Cells above which an order takes minutes to find."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Cells and times that predictions are made for."""

    pitch_mm: float
    dwell_s: float
    model: StageModel
    assumed: tuple[str, ...] = ()
    """What nobody stated."""

    @property
    def words(self) -> str:
        model = self.model
        return (
            f"cells of {self.pitch_mm:g} mm, {self.dwell_s:g} s on each, a stage of {model.speed_mm_s:g} mm/s and "
            f"{model.acceleration_mm_s2:g} mm/s²" + (f" ({' and '.join(self.assumed)} assumed)" if self.assumed else "")
        )


def points_s(cells: NDArray[np.bool_], stage: Stage) -> float | None:
    """Seconds in which these cells are visited one by one in an order of little travel; None of too many."""
    if int(cells.sum()) > _MOST_ORDERED:
        return None
    grid = _grid(cells.shape, stage)
    rows, columns = np.nonzero(cells)
    centres = grid.centres_mm(rows, columns)
    centres = centres[order_points(centres, stage.model)]
    table = np.column_stack([centres, centres, np.full(len(centres), stage.dwell_s)])
    return predict_duration(table, stage.model).total_s


def raster_s(shape: tuple[int, ...], stage: Stage) -> float:
    """Seconds of the whole raster, flown row by row with as long on each cell."""
    return predict_raster_s(_grid(shape, stage), stage.dwell_s, stage.model)


def _grid(shape: tuple[int, ...], stage: Stage) -> ScanGrid:
    rows, columns = shape
    return ScanGrid(0.0, 0.0, stage.pitch_mm, rows, columns)
