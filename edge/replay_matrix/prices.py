"""What a mask would have taken on a stage that is stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.motion.kinematics import predict_duration, predict_raster_s
from edge.motion.stage_model import StageModel
from edge.travel.ordering import order_points

_MOST_ORDERED = 500_000
"""Cells that an order is found for, in some seconds; of more, of a band of rows that holds so many."""


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


def points_s(cells: NDArray[np.bool_], stage: Stage) -> float:
    """Seconds in which these cells are visited one by one in an order of little travel."""
    until = np.cumsum(cells.sum(axis=1))
    band = cells[: max(1, int(np.searchsorted(until, _MOST_ORDERED, side="right")))]
    rows, columns = np.nonzero(band)
    if not len(rows):
        return 0.0
    centres = grid_on(cells.shape, stage).centres_mm(rows, columns)
    centres = centres[order_points(centres, stage.model)]
    table = np.column_stack([centres, centres, np.full(len(centres), stage.dwell_s)])
    return predict_duration(table, stage.model).total_s * int(until[-1]) / len(rows)


def raster_s(shape: tuple[int, ...], stage: Stage, *, cells: int) -> float:
    """Seconds of a raster flown along its longer side with as long on each cell.

    Of an area that leaves some of the rectangle out, by its part of the cells: no longer than it can have taken.
    """
    shorter, longer = sorted(shape)
    whole_s = predict_raster_s(grid_on((shorter, longer), stage), stage.dwell_s, stage.model)
    return whole_s * cells / (shorter * longer)


def grid_on(shape: tuple[int, ...], stage: Stage) -> ScanGrid:
    """Cells of the stated pitch."""
    rows, columns = shape
    return ScanGrid(0.0, 0.0, stage.pitch_mm, rows, columns)
