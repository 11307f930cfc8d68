"""What an operator should know of an area that is no rectangle, and of what is kept out of it, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge.configuration.config import ScanConfig
from edge.console import duration_text
from edge.motion.stage_known import stage_of
from edge.planning.area import allowed_cells, keep_outs_of
from edge.planning.passage import passage_of
from edge.planning.plan import ScanPlan


def area_sentences(plan: ScanPlan, config: ScanConfig) -> Iterator[str]:
    """How many cells may be visited, and how often the shutter closes on the way; nothing of a whole rectangle."""
    area = config.area
    if area.is_whole:
        return
    allowed = int(allowed_cells(config, plan.grid).sum())
    limits = ["area.polygon"] if area.polygon is not None else []
    limits += [f"the keep-outs {', '.join(each.name for each in area.keep_out)}"] if area.keep_out else []
    yield f"{allowed} of {plan.grid.rows * plan.grid.columns} cells may be visited, for {' and '.join(limits)}"
    if area.keep_out:
        stage = plan.stage or stage_of(config)
        closings = int(np.count_nonzero(passage_of(config, stage).closed_legs(plan.table)))
        margin_mm = keep_outs_of(config).margin_mm
        yield f"The beam's middle stays {margin_mm:.3g} mm from every keep-out; {_across(closings, stage.shutter_s)}"


def _across(closings: int, shutter_s: float) -> str:
    if closings == 0:
        return "no way crosses one"
    ways = "one way across is" if closings == 1 else f"{closings} ways across are"
    return f"{ways} driven with the shutter closed, {duration_text(closings * shutter_s)} for closing and opening"
