"""Where a running scan measures next: found by a process of its own from the journal, so the link is never late."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from edge.adaptive.choice import chosen_cells
from edge.adaptive.listening import worth_of_samples
from edge.area import allowed_cells
from edge.prepare import batches_of, budget_of
from edge.record.folder import RecordingPaths, open_recording
from edge.results import fit_recording, read_planned

_NICE = 10


def leave_next_batch(folder: Path) -> None:
    """Choose the batch that follows a recording's latest plan, and leave it for the scan, whole or not at all."""
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    plan = planned.plan
    size = batches_of(planned.config).after(int(plan.mask.cells.sum()), budget_of(planned.config, plan.grid))
    worth = worth_of_samples(
        fitted.samples,
        plan.grid.shape,
        elements=fitted.model.elements,
        rgb=planned.sighting.rgb,
        planned=plan.mask.cells,
    )
    chosen = chosen_cells(worth, allowed_cells(planned.config, plan.grid) & ~plan.mask.cells, size)
    path = RecordingPaths(folder).next_batch
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps({"plan": plan.digest, "cells": np.flatnonzero(chosen).tolist()}), encoding="utf-8")
    unfinished.replace(path)


def main(folder: Path) -> None:
    """Choose a batch for each line of standard input, until it ends: whoever asks may die in any way."""
    os.nice(_NICE)
    while sys.stdin.buffer.readline():
        leave_next_batch(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
