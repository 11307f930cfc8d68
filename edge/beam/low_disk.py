"""A scan that pauses, shutter closed, before its disk is full."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from edge.beam.intermissions import Standstill
from edge.grid import ScanGrid
from edge.room import maps_bytes, size_text

_RESERVE_BYTES = 64 * 1024 * 1024
"""With less than that, and the maps, a scan pauses: closing, pausing and the report take less."""
_LOOK_S = 1.0


class LowDisk:
    """Has a run pause, shutter closed, before the disk is full; see `edge.beam.intermissions.Called`.

    Parameters
    ----------
    grid
        Of the maps that are made when the scan pauses.
    clock
        Monotonic time in s.
    """

    reason = "little room on the disk"
    first_after_s = math.inf
    every_s = math.inf

    def __init__(self, folder: Path, grid: ScanGrid, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._least = _RESERVE_BYTES + maps_bytes(grid.rows * grid.columns)
        self._clock = clock
        self._looked_s = -math.inf
        self._free = self._least

    @property
    def is_called(self) -> bool:
        """Whether too little is left; the disk is looked at once a second at the most."""
        if self._clock() - self._looked_s >= _LOOK_S:
            self._looked_s = self._clock()
            self._free = shutil.disk_usage(self._folder).free
        return self._free < self._least

    def carry_out(self, standstill: Standstill) -> str:
        """Why the run pauses."""
        del standstill
        self._looked_s = -math.inf
        if not self.is_called:
            return ""
        return (
            f"only {size_text(self._free)} are left on the disk of {self._folder}, and a scan that ends well needs "
            f"{size_text(self._least)}: free some space, then resume the scan"
        )

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        """It uses no instrument that could fail."""
        del standstill, fault
        return ""
