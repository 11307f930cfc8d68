"""What a coarse raster takes on a stage, and how many single cells could be visited in the same time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.grid import ScanGrid
from edge.modes.pieces import Pieces
from edge.modes.pricing import points_in, priced
from edge.modes.setting import Setting
from models.masks import MaskRequest, make_mask
from tools.reproduce.coarse.scans import CoarseScan
from tools.reproduce.timed.stages import PITCH_MM, STAGES

STAGE = "laboratory stage"
DWELL_S = 0.1
"""At each exposure, of a block or of a cell."""
_SEED = 0


def raster_s(scan: CoarseScan) -> float:
    """Beam and travel of the coarse raster, block by block."""
    middles = np.zeros(scan.subject.shape, np.bool_)
    middles[scan.cells.rows, scan.cells.columns] = True
    return cells_s(scan, middles)


def cells_s(scan: CoarseScan, cells: NDArray[np.bool_]) -> float:
    """Beam and travel of single cells, in an order of little travel."""
    return priced(_setting(scan), Pieces.points(cells, DWELL_S)).seconds


def cells_in_time(scan: CoarseScan) -> int:
    """How many cells, spread evenly and visited in an order of little travel, take as long as the coarse raster."""
    setting = _setting(scan)

    def spread(count: int) -> Pieces:
        request = MaskRequest(shape=setting.shape, count=count, allowed=setting.allowed, seed=_SEED)
        return Pieces.points(make_mask("blue-noise", request).mask.cells, DWELL_S)

    return len(points_in(setting, spread, raster_s(scan), int(setting.allowed.sum())))


def _setting(scan: CoarseScan) -> Setting:
    grid = ScanGrid(0.0, 0.0, PITCH_MM, *scan.subject.shape)
    return Setting(grid, STAGES[STAGE], DWELL_S, scan.subject.allowed)
