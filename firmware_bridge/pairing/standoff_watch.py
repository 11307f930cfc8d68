"""When the distance to the object is read, and what follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from firmware_bridge.faults import StandoffExceeded
from firmware_bridge.standoff import Standoff, StandoffSensor

_FRESH_S: Final = 1.0


class StandoffWatch:
    """Reads a sensor where there is one. One thread at a time."""

    def __init__(self, sensor: StandoffSensor | None, clock: Callable[[], float]) -> None:
        self._sensor, self._clock = sensor, clock
        self._read_s = -math.inf
        self._last: Standoff | None = None

    @property
    def distance_mm(self) -> float | None:
        """As last read; None where nothing measures it."""
        return None if self._last is None else self._last.distance_mm

    @property
    def is_in_range(self) -> bool:
        """As last read; True where nothing watches it."""
        return self._last is None or self._last.is_in_range

    def forget(self) -> None:
        """Hold the last reading to be old."""
        self._read_s = -math.inf

    def refresh(self) -> Standoff | None:
        """Read, unless the last reading is fresh; None without a sensor."""
        if self._sensor is not None and self._clock() - self._read_s > _FRESH_S:
            self._last = self._sensor.read()
            self._read_s = self._clock()
        return self._last

    def require(self) -> None:
        """Raise `StandoffExceeded` when the object is too near or too far, by a reading that is fresh."""
        found = self.refresh()
        if found is not None and not found.is_in_range:
            raise StandoffExceeded(found.text)

    def close(self) -> None:
        """Release the sensor."""
        if self._sensor is not None:
            self._sensor.close()
