"""From mask to scan plan: ordered, priced in seconds, sealed; checked before anything moves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import origin_after
from edge.dose.path import live_s_per_cell
from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel, predict_duration
from edge.planning.check import check_plan, check_rest, check_without_controller
from edge.planning.passage import Passage
from edge.planning.scan_plan import Exposures, ScanPlan, frozen_table
from edge.planning.text import plan_from_json, plan_to_json, sealed
from edge.travel.ordering import order_points
from firmware_bridge.messages import Exposure, StagePose
from models.sampling import SamplingMask

__all__ = [
    "Exposures",
    "ScanPlan",
    "check_plan",
    "check_rest",
    "check_without_controller",
    "extended",
    "live_s_per_cell",
    "make_plan",
    "plan_from_json",
    "plan_to_json",
    "remaining",
]


def make_plan(
    *,
    grid: ScanGrid,
    mask: SamplingMask,
    dwell_s: float,
    stage: StageModel,
    registration_digest: str,
    start: StagePose | None = None,
    poses_mm: NDArray[np.float64] | None = None,
    passage: Passage | None = None,
) -> ScanPlan:
    """Plan one dwell at the centre of every cell of the mask, in an order of little travel time.

    Parameters
    ----------
    grid
        Places the mask's cells on the stage.
    mask
        Cells to visit; none gives an empty plan, which `check_plan` refuses.
    dwell_s
        Live time of every dwell.
    stage
        Prices the travel.
    registration_digest
        Of the registration that placed the grid.
    start
        Where the stage stands beforehand. None leaves that open and predicts from the first exposure on.
    poses_mm
        Where to dwell instead, (x, y), shape (n, 2), inside the mask's cells: the centres of another grid's cells.
    passage
        What the open beam keeps out of: legs across it are priced with the shutter closed. None: nothing.

    Raises
    ------
    UsageError
        Mask and grid differ in shape, or the dwell is not above 0.
    """
    if mask.cells.shape != grid.shape:
        raise UsageError(
            f"the mask has {mask.cells.shape} cells and the grid {grid.shape}: make the mask for this grid"
        )
    if not (math.isfinite(dwell_s) and dwell_s > 0):
        raise UsageError(f"a dwell of {dwell_s} s measures nothing: give sampling.dwell_s above 0")
    rows, columns = np.nonzero(mask.cells)
    centres = grid.centres_mm(rows, columns) if poses_mm is None else poses_mm
    path = centres[_order_of(centres, stage, start, passage)]
    table = frozen_table(np.column_stack([path, path, np.full(len(path), dwell_s)]))
    duration = predict_duration(table, stage, start=start)
    return sealed(
        ScanPlan(
            grid=grid,
            table=table,
            mask=mask,
            registration_digest=registration_digest,
            predicted_s=duration.total_s + _closing_s(passage, table),
            travel_mm=duration.travel_mm,
            beam_s=duration.beam_s,
            longest_move_s=duration.longest_move_s,
            digest="",
            stage=stage,
        )
    )


def extended(plan: ScanPlan, cells: NDArray[np.bool_], *, passage: Passage | None = None) -> ScanPlan:
    """The plan with more cells behind its exposures, in an order of little travel time that goes on from its end.

    Parameters
    ----------
    plan
        One that says what its travel was priced with, and holds exposures; they keep their indices.
    cells
        To be visited besides, each as long as those of the plan, shape of the grid; none of them in the plan's mask.
    passage
        As of `make_plan`.

    Raises
    ------
    UsageError
        The shapes differ, or a cell is in the plan already.
    """
    mask = plan.mask
    if cells.shape != mask.cells.shape or (cells & mask.cells).any() or plan.stage is None:
        raise UsageError("these cells cannot be added to the plan: give new ones of its grid")
    # one that was held out is measured already, and is fitted from now on
    centres = plan.grid.centres_mm(*np.nonzero(cells if plan.held_out is None else cells & ~plan.held_out))
    path = centres[_order_of(centres, plan.stage, StagePose(*plan.table[-1, 2:4].tolist()), passage)]
    further = np.column_stack([path, path, np.full(len(path), plan.table[-1, 4])])
    table = frozen_table(np.vstack([plan.table, further]))
    duration = predict_duration(table, plan.stage)
    visited = mask.cells | cells
    visited.flags.writeable = False
    return sealed(
        replace(
            plan,
            table=table,
            mask=replace(mask, cells=visited, rate=_rate_of(mask, visited), origin=origin_after(mask.origin)),
            predicted_s=duration.total_s + _closing_s(passage, table),
            travel_mm=duration.travel_mm,
            beam_s=duration.beam_s,
            longest_move_s=duration.longest_move_s,
            digest="",
        )
    )


def remaining(plan: ScanPlan, done_indices: Iterable[int]) -> tuple[Exposure, ...]:
    """Exposures of the plan that are not done yet, in travel order.

    Raises
    ------
    IntegrityError
        An index that the plan does not hold: the recording belongs to another plan.
    """
    waiting = np.ones(len(plan.table), np.bool_)
    for index in done_indices:
        if not 0 <= index < len(waiting):
            raise IntegrityError(
                f"exposure {index} was measured and the plan holds {len(waiting)}: "
                "the recording belongs to another plan; resume with its own"
            )
        waiting[index] = False
    return tuple(plan.exposures.pick(np.flatnonzero(waiting).tolist()))


def _closing_s(passage: Passage | None, table: NDArray[np.float64]) -> float:
    return 0.0 if passage is None else passage.closing_s(table)


def _rate_of(mask: SamplingMask, visited: NDArray[np.bool_]) -> float:
    """Of the cells that may be visited, as the mask's own rate is."""
    allowed = round(float(mask.cells.sum()) / mask.rate) if mask.rate > 0 else mask.cells.size
    return float(visited.sum()) / allowed


def _order_of(
    points_mm: NDArray[np.float64], stage: StageModel, start: StagePose | None, passage: Passage | None
) -> NDArray[np.intp]:
    barriers = None if passage is None else passage.barriers()
    return order_points(points_mm, stage, start=start, barriers=barriers, crossing_s=stage.shutter_s)
