"""Something that is so for a while, from a moment or an event on: an open door, a displaced object."""

from __future__ import annotations

import math


class Spell:
    """Off at boot; all times are device times.

    Parameters
    ----------
    begins_s
        None: not by itself.
    stays_s
        How long it lasts; None: for good.
    """

    def __init__(self, begins_s: float | None, stays_s: float | None) -> None:
        self.is_on = False
        self._begins_s = math.inf if begins_s is None else begins_s
        self._ends_s = math.inf
        self._stays_s = math.inf if stays_s is None else stays_s

    @property
    def turns_s(self) -> float:
        """When it begins or ends next by itself."""
        return min(self._begins_s, self._ends_s)

    def begin_at(self, device_s: float) -> None:
        """Let it begin at a time."""
        self._begins_s = device_s

    def turn(self) -> bool:
        """Let it do what was due; returns whether it is on now."""
        if self._begins_s <= self._ends_s:
            self._ends_s = self._begins_s + self._stays_s
            self._begins_s = math.inf
            self.is_on = True
        else:
            self._ends_s = math.inf
            self.is_on = False
        return self.is_on
