"""What the object received in other recordings, where it lay in the same place."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.dose.path import live_s_per_cell
from edge.dose.received import Received
from edge.dose.repeats import begun_s
from edge.faults import EdgeError, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import ExposureTable
from edge.planning.text import plan_from_json
from edge.record.folder import open_recording


def earlier_s_per_cell(folders: list[str], grid: ScanGrid) -> NDArray[np.float64]:
    """Live time that each cell of a grid received in other recordings, by the stage's positions; read-only.

    Exposures that were cut short count with the most that their beginnings can have given.

    Parameters
    ----------
    folders
        Recordings, finished or not; each is read once by a process.

    Raises
    ------
    UsageError
        One is missing or cannot be read.
    """
    return _read(tuple(folders), grid)


@lru_cache(maxsize=4)
def _read(folders: tuple[str, ...], grid: ScanGrid) -> NDArray[np.float64]:
    total = np.zeros(grid.shape)
    for folder in folders:
        try:
            with open_recording(Path(folder)) as recording:
                history = recording.history
            if history.plan_json:
                table = plan_from_json(history.plan_json).table
                total += live_s_per_cell(given(table, history.received.settled()), grid)
        except EdgeError as reason:
            raise UsageError(f"dose.earlier: {reason}") from None
    total.flags.writeable = False
    return total


def given(table: ExposureTable, received: Received) -> ExposureTable:
    """A plan's exposures with the live time that each has given so far, shape (n, 5)."""
    so_far = table.copy()
    so_far[:, 4] = begun_s(table, received)
    for index, live_s in received.live_s.items():
        if index < len(table):
            so_far[index, 4] += live_s
    return so_far
