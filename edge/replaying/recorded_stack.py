"""A recording as replay sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.faults import UsageError
from edge.maps import Samples
from edge.photography.correction import placed_by_samples
from edge.planning.area import allowed_cells
from edge.reconstruct.cells import merged
from edge.record.folder import open_recording
from edge.replaying.sources import Stack
from edge.results import MAPS_UNIT, fit_recording, read_planned


def stack_of_recording(folder: Path) -> Stack:
    """Values where there were exposures of one cell, nothing elsewhere.

    Raises
    ------
    UsageError
        No exposure saw a cell by itself.
    """
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    model = fitted.model
    placing = placed_by_samples(fitted.samples, model.elements, planned.sighting, planned.config)
    all_samples = Samples.joined([fitted.samples, fitted.held])
    live_s = np.concatenate([fitted.live_s, fitted.held_live_s])
    cells = merged(all_samples, planned.plan.grid.shape, model.elements, live_s)
    maps = np.zeros((*cells.shape, cells.elements), np.float32)
    variance = np.zeros_like(maps)
    known = np.zeros(cells.shape, np.bool_)
    scanned = allowed_cells(planned.config, planned.plan.grid)
    alone = cells.alone
    if not alone.any():
        raise UsageError(f"{folder}: every exposure is a mean over several cells: replay a scan that measured cells")
    at = cells.rows[alone], cells.columns[alone]
    maps[at], variance[at], known[at] = cells.values[alone], cells.variance[alone], True
    return Stack(
        maps=maps,
        variance=variance,
        elements=model.elements,
        rgb=placing.sighting.display,
        known=known,
        is_full=bool(known[scanned].all()),
        unit=MAPS_UNIT,
        scanned=scanned,
        remarks=() if alone.all() else (f"{int((~alone).sum())} means over several cells are left out.",),
    )
