"""Where a running scan measures next: found by a process of its own from the journal, so the link is never late."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.adaptive.choice import chosen_cells
from edge.adaptive.growth import left_text
from edge.adaptive.listening import worth_of_samples
from edge.dose.path import live_s_per_cell
from edge.modes.growth import ByTime, pieces_to_json
from edge.modes.of_scan import setting_of
from edge.modes.registry import MODES
from edge.modes.setting import Seen
from edge.planning.area import allowed_cells
from edge.planning.passage import passage_of
from edge.prepare import batches_of, budget_of
from edge.reconstruct.cells import merged
from edge.record.folder import RecordingPaths, open_recording
from edge.results import FittedRecording, Planned, fit_recording, read_planned
from edge.stopping.interest import interest_in

_NICE = 10


def leave_next_batch(folder: Path) -> None:
    """Choose the batch that follows a recording's latest plan, and leave it for the scan, whole or not at all."""
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    batch = _cells(planned, fitted) if planned.plan.way is None else _pieces(planned, fitted)
    path = RecordingPaths(folder).next_batch
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(left_text(planned.plan, batch), encoding="utf-8")
    unfinished.replace(path)


def _cells(planned: Planned, fitted: FittedRecording) -> Any:
    """Row-major indices of the cells of most worth."""
    plan, config = planned.plan, planned.config
    size = batches_of(config).after(int(plan.mask.cells.sum()), budget_of(config, plan.grid))
    worth = worth_of_samples(
        fitted.samples,
        plan.grid.shape,
        elements=fitted.model.elements,
        rgb=planned.sighting.rgb,
        interest=interest_in(config.sampling.interest, fitted.model.elements),
        planned=plan.mask.cells,
    )
    return np.flatnonzero(chosen_cells(worth, allowed_cells(config, plan.grid) & ~plan.mask.cells, size)).tolist()


def _pieces(planned: Planned, fitted: FittedRecording) -> Any:
    """What the plan's mode measures next."""
    plan, config = planned.plan, planned.config
    assert plan.way is not None
    assert plan.stage is not None
    cells = merged(fitted.samples, plan.grid.shape, fitted.model.elements, fitted.live_s)
    interest = interest_in(config.sampling.interest, fitted.model.elements)
    setting = replace(setting_of(planned.sighting, config, plan.stage), interest=interest)
    had_s = live_s_per_cell(plan.table, plan.grid).astype(np.float32)
    held_s = np.zeros_like(had_s) if plan.held is None else np.where(plan.held, had_s, np.float32(0))
    setting, planned_s = setting.having_had(held_s), had_s - held_s
    mode = MODES[plan.way.mode]
    part_s = ByTime(mode, setting, plan.way.budget_s, passage_of(config, plan.stage)).part_s(plan)
    return pieces_to_json(mode.next(setting, Seen(cells, planned_s), part_s))


def main(folder: Path) -> None:
    """Choose a batch for each line of standard input, until it ends: whoever asks may die in any way."""
    os.nice(_NICE)
    while sys.stdin.buffer.readline():
        leave_next_batch(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
