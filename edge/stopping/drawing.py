"""Which exposures are never fitted: cells drawn by lot from all that the plan does not hold.

Where the plan grows, whoever chooses its cells knows nothing of the draw. A drawn cell that is chosen all the same is
measured already, and is fitted from then on; so those that are left are at any time a random sample of the cells that
the maps do not know, whatever was chosen and why.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.configuration.config import ScanConfig
from edge.faults import UsageError
from edge.motion.kinematics import StageModel, predict_duration
from edge.planning.passage import Passage
from edge.planning.scan_plan import ScanPlan, frozen_table
from edge.planning.text import sealed
from edge.travel.ordering import order_points
from firmware_bridge.messages import StagePose

FEWEST = 24
"""Exposures that an error is told by, as they are expected to be left when the scan has measured all it may."""
LEAST_LEFT = 16
"""Of fewer, and by chance fewer than expected may be left, not even the error's own uncertainty can be told."""
_WORTH_IT = 300
"""Exposures of a scan from which on so many are held out though a part of them would be fewer."""
_MOST = 0.25
"""Part of the exposures that is held out at the most, where an error is asked for."""
_STREAM = 0x68656C64
"""Keeps the draw apart from the masks', which are made with the same seed."""

Cells = NDArray[np.bool_]


def held_out_count(config: ScanConfig, exposures: int, cells: int) -> int:
    """How many of a scan's exposures are held out.

    A raster of every cell holds nothing out, nor does a placement, whose cells its campaign chose: there they would be
    missed.

    Parameters
    ----------
    exposures
        Of the whole scan.
    cells
        That may be visited.

    Raises
    ------
    UsageError
        An error is asked for, and the scan is too small to tell it.
    """
    sampling = config.sampling
    if config.placement is not None or sampling.held_out == 0:
        return 0
    if exposures >= cells:
        if sampling.stop.has_error:
            raise UsageError(
                "sampling.stop asks for an error, and a scan of every cell holds nothing out to tell it by: lower "
                "sampling.rate or sampling.time_s, or leave the error out"
            )
        return 0
    count = round(sampling.held_out * exposures)
    # chosen without knowing of them, as great a part of them as of all cells comes to the maps in the end
    needed = math.ceil(FEWEST / (1 - exposures / cells))
    is_possible, is_usual = needed <= _MOST * exposures, count >= FEWEST or exposures >= _WORTH_IT
    if is_possible and (is_usual or sampling.stop.has_error):
        return max(count, needed)
    if sampling.stop.has_error:
        raise UsageError(
            f"sampling.stop asks for an error, which takes {needed} exposures to tell in this scan of {exposures} on "
            f"{cells} cells: hold so many out of a larger scan, or leave the error out"
        )
    return 0


def drawn(free: Cells, count: int, seed: int) -> Cells:
    """So many of the free cells by lot, all of them where there are no more; shape (rows, columns), read-only."""
    places = np.flatnonzero(free)
    chance = np.random.default_rng([_STREAM, seed])
    cells = np.zeros(free.shape, np.bool_)
    cells.ravel()[chance.choice(places, min(count, len(places)), replace=False)] = True
    cells.flags.writeable = False
    return cells


def with_held_out(plan: ScanPlan, cells: Cells, *, dwell_s: float, passage: Passage | None = None) -> ScanPlan:
    """A first part of a plan that measures these cells too, and leaves them out of the maps.

    They are visited on the way where the plan dwells on points; where it flies runs, which are not taken apart, last.

    Parameters
    ----------
    cells
        None of them in the plan's mask.
    """
    if plan.stage is None or not cells.any():
        return plan
    centres = plan.grid.centres_mm(*np.nonzero(cells))
    dwells = np.column_stack([centres, centres, np.full(len(centres), dwell_s)])
    table = np.vstack([plan.table, dwells])
    if (plan.table[:, :2] == plan.table[:, 2:4]).all():
        table = table[_order_of(table[:, :2], plan.stage, None, passage)]
    else:
        end = StagePose(*plan.table[-1, 2:4].tolist())
        table[len(plan.table) :] = dwells[_order_of(centres, plan.stage, end, passage)]
    table = frozen_table(table)
    duration = predict_duration(table, plan.stage)
    return sealed(
        replace(
            plan,
            table=table,
            predicted_s=duration.total_s + (0.0 if passage is None else passage.closing_s(table)),
            travel_mm=duration.travel_mm,
            beam_s=duration.beam_s,
            longest_move_s=duration.longest_move_s,
            held_out=cells,
            digest="",
        )
    )


def _order_of(
    points_mm: NDArray[np.float64], stage: StageModel, start: StagePose | None, passage: Passage | None
) -> NDArray[np.intp]:
    barriers = None if passage is None else passage.barriers()
    return order_points(points_mm, stage, start=start, barriers=barriers, crossing_s=stage.shutter_s)
