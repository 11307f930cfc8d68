"""The door interlock's contact, opened and closed by settings or by hand."""

from __future__ import annotations

import math

from firmware_bridge.twins.settings import TwinSettings


class Door:
    """Closed at boot; all times are device times."""

    def __init__(self, settings: TwinSettings) -> None:
        self.is_closed = True
        self._opens_s = math.inf if settings.door_open_at_s is None else settings.door_open_at_s
        self._closes_s = math.inf
        self._stays_open_s = math.inf if settings.door_stays_open_s is None else settings.door_stays_open_s

    @property
    def turns_s(self) -> float:
        """When it opens or closes next by itself."""
        return min(self._opens_s, self._closes_s)

    def open_at(self, device_s: float) -> None:
        """Let it open at a time."""
        self._opens_s = device_s

    def turn(self) -> bool:
        """Let it do what was due; returns whether it is closed now."""
        if self._opens_s <= self._closes_s:
            self._closes_s = self._opens_s + self._stays_open_s
            self._opens_s = math.inf
            self.is_closed = False
        else:
            self._closes_s = math.inf
            self.is_closed = True
        return self.is_closed
