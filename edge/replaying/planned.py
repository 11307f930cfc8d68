"""The cells of a plan on a recording or a raster of the same grid: what that plan would have given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.planning.folder import is_recording, read_plan
from edge.planning.plan import ScanPlan
from edge.replaying.sources import Stack
from models.sampling import SamplingMask


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCells:
    """Cells that a plan visits on a source."""

    mask: SamplingMask
    digest: str
    """Of the plan."""
    lacking: int
    """Cells of the plan of which the source knows nothing, and which are left out."""


def planned_cells(path: Path, stack: Stack, source: Path) -> PlannedCells:
    """Which cells a plan visits on a source, those left out that the source does not know.

    Parameters
    ----------
    path
        The plan: as for `read_plan`.

    Raises
    ------
    UsageError
        There is no plan, it is of another grid than the source, or they have no cell in common.
    IntegrityError
        The plan is damaged or too new.
    """
    plan = read_plan(path)
    _require_grid(plan, path, stack, source)
    cells: NDArray[np.bool_] = plan.mask.cells & stack.known
    wanted, found = int(plan.mask.cells.sum()), int(cells.sum())
    if wanted == 0:
        raise UsageError(f"{path}: the plan visits no cell: there is nothing to replay")
    if found == 0:
        raise UsageError(f"{source}: holds none of the plan's {wanted} cells: replay a recording or raster that does")
    cells.flags.writeable = False
    mask = plan.mask
    rate = found / int(stack.known.sum())
    return PlannedCells(SamplingMask(cells, rate, mask.origin, mask.binariser, mask.seed), plan.digest, wanted - found)


def _require_grid(plan: ScanPlan, path: Path, stack: Stack, source: Path) -> None:
    """A raster in a file says how many cells it has, a recording also where they lie."""
    if is_recording(source) and (recorded := read_plan(source).grid) != plan.grid:
        raise UsageError(
            f"{path}: the plan is of {plan.grid.words}, the recording of {recorded.words}: replay a plan of its grid"
        )
    if plan.grid.shape != stack.shape:
        rows, columns = stack.shape
        raise UsageError(
            f"{path}: the plan is of {plan.grid.rows} x {plan.grid.columns} cells, {source} has {rows} x {columns}: "
            "replay a plan of its grid"
        )
