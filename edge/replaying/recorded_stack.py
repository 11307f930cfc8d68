"""A recording as replay sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.photography.correction import placed_by_samples
from edge.planning.area import allowed_cells
from edge.reconstruct.cells import merged
from edge.record.folder import open_recording
from edge.replaying.sources import Stack
from edge.results import MAPS_UNIT, fit_recording, join, read_planned


def stack_of_recording(folder: Path) -> Stack:
    """Values where there were exposures, nothing elsewhere."""
    with open_recording(folder) as recording:
        planned = read_planned(recording)
        fitted = fit_recording(recording, planned)
    model = fitted.model
    placing = placed_by_samples(fitted.samples, model.elements, planned.sighting, planned.config)
    all_samples, live_s = join([fitted.samples, fitted.held]), np.concatenate([fitted.live_s, fitted.held_live_s])
    cells = merged(all_samples, planned.plan.grid.shape, model.elements, live_s)
    maps = np.zeros((*cells.shape, cells.elements), np.float32)
    variance = np.zeros_like(maps)
    known = np.zeros(cells.shape, np.bool_)
    scanned = allowed_cells(planned.config, planned.plan.grid)
    maps[cells.rows, cells.columns] = cells.values
    variance[cells.rows, cells.columns] = cells.variance
    known[cells.rows, cells.columns] = True
    return Stack(
        maps=maps,
        variance=variance,
        elements=model.elements,
        rgb=placing.sighting.display,
        known=known,
        is_full=bool(known[scanned].all()),
        unit=MAPS_UNIT,
        scanned=scanned,
    )
