"""A scan that pauses, shutter closed, before its disk is full."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from edge.beam.intermissions import Standstill
from edge.grid import ScanGrid
from edge.room import maps_bytes, may_have, size_text

_RESERVE_BYTES = 64 * 1024 * 1024
"""With less than that, and the maps, a scan pauses: closing, pausing and the report take less."""
_LOOK_S = 1.0
_ASK_S = 10.0
"""A quota is asked for less often: for a moment that takes the room."""


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
        self._looked_s = self._asked_s = -math.inf
        self._free = self._least
        self._is_granted = True

    @property
    def is_called(self) -> bool:
        """Whether too little is left; the disk is looked at once a second at the most."""
        now_s = self._clock()
        if now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._free = shutil.disk_usage(self._folder).free
            if now_s - self._asked_s >= _ASK_S:
                self._asked_s = now_s
                self._is_granted = may_have(self._folder, self._least, self._free)
        return self._free < self._least or not self._is_granted

    def carry_out(self, standstill: Standstill) -> str:
        """Why the run pauses."""
        del standstill
        self._looked_s = self._asked_s = -math.inf
        if not self.is_called:
            return ""
        least = size_text(self._least)
        found = f"only {size_text(self._free)} are left on the disk of {self._folder}, and a scan that ends well needs "
        found += least
        if self._free >= self._least:
            found = f"this user's quota leaves less than the {least} under {self._folder} that a scan needs to end well"
        return f"{found}: free some space, then resume the scan, which says how much the rest of it takes"

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        """It uses no instrument that could fail."""
        del standstill, fault
        return ""
