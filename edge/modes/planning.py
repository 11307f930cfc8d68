"""From pieces to a scan's plan: ordered, one stroke a cell in motion, priced and sealed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.adaptive.batches import origin_after
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.pieces import Cells, Pieces
from edge.motion.kinematics import ExposureTable, StageModel, predict_duration
from edge.planning.passage import Passage
from edge.planning.scan_plan import ScanPlan, Way, frozen_table
from edge.planning.text import sealed
from edge.travel.ordering import order_pieces
from firmware_bridge.messages import StagePose
from models.sampling import SamplingMask

_BY_MODE = "none"
"""Of a mask that no density was made into."""


def exposures_of(
    pieces: Pieces,
    grid: ScanGrid,
    stage: StageModel,
    start: StagePose | None = None,
    passage: Passage | None = None,
) -> ExposureTable:
    """Pieces in an order of little travel from where the stage stands: a dwell for a point, strokes for a run.

    Where runs would run up or out over a keep-out, their last cells are dwelled on.
    """
    if not len(pieces):
        return np.empty((0, 5))
    order, is_reversed = order_pieces(
        pieces.segments_mm(grid),
        stage,
        start=start,
        speeds_mm_s=pieces.speeds_mm_s(grid),
        barriers=None if passage is None else passage.barriers(),
        crossing_s=stage.shutter_s,
    )
    lengths = pieces.lengths[order]
    piece = np.repeat(order, lengths)
    along = np.arange(len(piece)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    backwards = np.repeat(is_reversed, lengths)
    along = np.where(backwards, pieces.lengths[piece] - 1 - along, along)
    step = (pieces.last > pieces.first)[piece].astype(np.intp)
    cells = pieces.first[piece] + along[:, None] * step
    centres = grid.centres_mm(cells[:, 0], cells[:, 1])
    ahead = np.where(backwards, -0.5, 0.5)[:, None] * step[:, ::-1] * grid.pitch_mm
    table = np.column_stack([centres - ahead, centres + ahead, pieces.cell_s[piece]])
    return table if passage is None else passage.kept_off(table)


def plan_of_pieces(
    pieces: Pieces,
    *,
    grid: ScanGrid,
    stage: StageModel,
    way: Way,
    allowed: Cells,
    seed: int,
    registration_digest: str,
    passage: Passage | None = None,
) -> ScanPlan:
    """The first part of a scan in a mode.

    Raises
    ------
    UsageError
        There are no pieces.
    """
    if not len(pieces):
        raise UsageError(f"the mode {way.mode!r} measures nothing in {way.budget_s:.4g} s: give more time")
    table = frozen_table(exposures_of(pieces, grid, stage, passage=passage))
    marked = pieces.marked(grid.shape)
    marked.flags.writeable = False
    mask = SamplingMask(marked, float(marked.sum() / allowed.sum()), way.mode, _BY_MODE, seed)
    return priced_plan(
        table,
        grid=grid,
        mask=mask,
        stage=stage,
        registration_digest=registration_digest,
        way=way,
        passage=passage,
    )


def priced_plan(
    table: ExposureTable,
    *,
    grid: ScanGrid,
    mask: SamplingMask,
    stage: StageModel,
    registration_digest: str,
    way: Way | None = None,
    passage: Passage | None = None,
) -> ScanPlan:
    """The plan of exposures in their order, priced and sealed; the table is a frozen one."""
    plan = ScanPlan(
        grid=grid,
        table=table,
        mask=mask,
        registration_digest=registration_digest,
        predicted_s=0.0,
        travel_mm=0.0,
        beam_s=0.0,
        longest_move_s=0.0,
        digest="",
        stage=stage,
        way=way,
    )
    return _priced(plan, stage, passage)


def grown(plan: ScanPlan, pieces: Pieces, *, allowed: Cells, passage: Passage | None = None) -> ScanPlan:
    """The plan with more pieces behind its exposures, which keep their indices; cells may come again.

    A point that was held out is measured already, and is fitted from then on.

    Raises
    ------
    UsageError
        The plan does not say what its travel was priced with.
    """
    if plan.stage is None:
        raise UsageError("this plan does not say how its stage moves, and cannot grow: make it anew")
    end = StagePose(*plan.table[-1, 2:4].tolist())
    further = exposures_of(_without_held(pieces, plan), plan.grid, plan.stage, end, passage)
    visited = plan.mask.cells | pieces.marked(plan.grid.shape)
    visited.flags.writeable = False
    mask = replace(
        plan.mask, cells=visited, rate=float(visited.sum() / allowed.sum()), origin=origin_after(plan.mask.origin)
    )
    return _priced(replace(plan, table=frozen_table(np.vstack([plan.table, further])), mask=mask), plan.stage, passage)


def _without_held(pieces: Pieces, plan: ScanPlan) -> Pieces:
    if plan.held is None:
        return pieces
    return pieces.picked((pieces.lengths > 1) | ~plan.held[pieces.first[:, 0], pieces.first[:, 1]])


def _priced(plan: ScanPlan, stage: StageModel, passage: Passage | None) -> ScanPlan:
    duration = predict_duration(plan.table, stage)
    closing_s = 0.0 if passage is None else passage.closing_s(plan.table)
    return sealed(
        replace(
            plan,
            predicted_s=duration.total_s + closing_s,
            travel_mm=duration.travel_mm,
            beam_s=duration.beam_s,
            longest_move_s=duration.longest_move_s,
            digest="",
        )
    )
