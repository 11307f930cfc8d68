"""The plan of a coarse raster: dwells in the middle of blocks of cells, or strokes through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.coarse_raster import middle_cells, middle_lines, require_factor
from edge.configuration.config import ScanConfig
from edge.configuration.sampling import CoarseConfig
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.pieces import Pieces
from edge.modes.planning import exposures_of, priced_plan
from edge.motion.kinematics import ExposureTable, StageModel
from edge.photography.sighting import Sighting
from edge.planning.area import allowed_cells
from edge.planning.passage import passage_of
from edge.planning.plan import make_plan
from edge.planning.scan_plan import ScanPlan, frozen_table
from edge.strokes import counted_cells
from models.sampling import SamplingMask

ORIGIN = "coarse"
"""What chose the cells, in plans."""
_SAME_MM = 5e-4


def coarse_plan(sighting: Sighting, config: ScanConfig, stage: StageModel) -> ScanPlan:
    """One exposure for each block, all as long; what a block at the rim lacks of its cells, a stroke there lacks of its
    time.

    The plan's mask holds the cell that each exposure is counted for.

    Raises
    ------
    UsageError
        The factor does not fit the grid, or strokes are too fast for the stage.
    """
    coarse = config.sampling.coarse
    assert coarse is not None
    require_factor(coarse.factor, sighting.grid.shape)
    allowed = allowed_cells(config, sighting.grid)
    if coarse.exposures == "points":
        return make_plan(
            grid=sighting.grid,
            mask=_mask(middle_cells(allowed, coarse.factor), allowed, config),
            dwell_s=config.sampling.dwell_s,
            stage=stage,
            registration_digest=sighting.registration.digest,
            passage=passage_of(config, stage),
        )
    return _plan_of_strokes(sighting, config, coarse, allowed, stage)


def _plan_of_strokes(
    sighting: Sighting, config: ScanConfig, coarse: CoarseConfig, allowed: NDArray[np.bool_], stage: StageModel
) -> ScanPlan:
    grid, passage = sighting.grid, passage_of(config, stage)
    is_upright = grid.rows > grid.columns  # along the longer side there are fewer turns
    cell_s = config.sampling.dwell_s / coarse.factor
    _require_speed(cell_s, coarse.factor, grid, stage)
    marked = middle_lines(allowed.T if is_upright else allowed, coarse.factor)
    pieces = Pieces.along_rows(marked, cell_s)
    cells = exposures_of(pieces.turned() if is_upright else pieces, grid, stage, passage=passage)
    if not len(cells):
        raise UsageError(
            f"no row through the middle of blocks of {coarse.factor} cells may be flown over: lower "
            "sampling.coarse.factor, or write exposures: points"
        )
    table = frozen_table(joined_in_blocks(cells, grid, coarse.factor))
    counted = counted_cells(table[:, :2], table[:, 2:4], grid)
    visited = np.zeros(grid.shape, np.bool_)
    visited[counted[:, 0], counted[:, 1]] = True
    return priced_plan(
        table,
        grid=grid,
        mask=_mask(visited, allowed, config),
        stage=stage,
        registration_digest=sighting.registration.digest,
        passage=passage,
    )


def joined_in_blocks(table: ExposureTable, grid: ScanGrid, factor: int) -> ExposureTable:
    """Strokes of a cell each that lie end to end in one block, as one; dwells stay by themselves."""
    block = grid.cells_of((table[:, 0:2] + table[:, 2:4]) / 2) // factor
    is_stroke = (table[:, 0:2] != table[:, 2:4]).any(axis=1)
    goes_on = np.abs(table[1:, 0:2] - table[:-1, 2:4]).max(axis=1) < _SAME_MM
    goes_on &= is_stroke[1:] & is_stroke[:-1] & (block[1:] == block[:-1]).all(axis=1)
    first = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    last = np.append(first[1:], len(table)) - 1
    return np.column_stack([table[first, 0:2], table[last, 2:4], np.add.reduceat(table[:, 4], first)])


def _mask(cells: NDArray[np.bool_], allowed: NDArray[np.bool_], config: ScanConfig) -> SamplingMask:
    cells.flags.writeable = False
    return SamplingMask(cells, float(cells.sum() / max(int(allowed.sum()), 1)), ORIGIN, "none", config.sampling.seed)


def _require_speed(cell_s: float, factor: int, grid: ScanGrid, stage: StageModel) -> None:
    least_s = max(grid.pitch_mm / stage.speed_mm_s, stage.shortest_stroke_s)
    if cell_s < least_s * (1 - 1e-9):
        raise UsageError(
            f"strokes over {factor} cells of {grid.pitch_mm:g} mm in sampling.dwell_s of {factor * cell_s:g} s are too "
            f"fast for this instrument: give {factor * least_s:.3g} s or more, or write exposures: points"
        )
