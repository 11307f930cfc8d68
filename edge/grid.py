"""The one grid that photograph, mask, plan and maps share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """Square cells in stage millimetres; row 0 is at the smallest y, column 0 at the smallest x."""

    origin_x_mm: float
    """Left edge of column 0."""
    origin_y_mm: float
    """Upper edge of row 0 (smallest y)."""
    pitch_mm: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def width_mm(self) -> float:
        return self.columns * self.pitch_mm

    @property
    def height_mm(self) -> float:
        return self.rows * self.pitch_mm

    @property
    def words(self) -> str:
        """The grid in words: cells, their size, and where the first one begins."""
        return (
            f"{self.rows} x {self.columns} cells of {self.pitch_mm:g} mm from "
            f"({self.origin_x_mm:g}, {self.origin_y_mm:g}) mm"
        )

    def centre(self, row: int, column: int) -> StagePose:
        """Pose of a cell's centre."""
        return StagePose(
            self.origin_x_mm + (column + 0.5) * self.pitch_mm,
            self.origin_y_mm + (row + 0.5) * self.pitch_mm,
        )

    def centres_mm(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Centres of many cells, shape (n, 2) as (x, y)."""
        return np.column_stack(
            [
                self.origin_x_mm + (np.asarray(columns) + 0.5) * self.pitch_mm,
                self.origin_y_mm + (np.asarray(rows) + 0.5) * self.pitch_mm,
            ]
        )

    def cells_of(self, points_mm: NDArray[np.float64]) -> NDArray[np.intp]:
        """Cells (row, column) that hold the points (x, y), shape (n, 2); may lie outside the grid."""
        points = np.asarray(points_mm, dtype=float).reshape(-1, 2)
        columns = np.floor((points[:, 0] - self.origin_x_mm) / self.pitch_mm)
        rows = np.floor((points[:, 1] - self.origin_y_mm) / self.pitch_mm)
        return np.column_stack([rows, columns]).astype(np.intp)


@dataclass(frozen=True, slots=True)
class CellWindow:
    """A rectangle of cells, from a corner on."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where they lie in an array of the whole grid."""
        return slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)
