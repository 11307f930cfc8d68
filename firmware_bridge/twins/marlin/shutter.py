"""The board's pins and what is wired to one of them: the monostable that opens the shutter, and the door that cuts it.

A rising edge of the gate's pin starts the monostable's time afresh; the pin's falling ends it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware_bridge.twins.marlin.settings import MarlinTwinSettings


class Shutter:
    """Pins, the monostable, the door and the beam.

    Parameters
    ----------
    record
        Called with an event, its time and details.
    """

    def __init__(self, settings: MarlinTwinSettings, record: Callable[..., None]) -> None:
        self.is_beam_on = False
        self._gate = None if settings.gate is None else int(settings.gate[1:])
        self._lag_s = settings.gate_lag_s
        self._held_s = settings.monostable_wall_s * settings.clock_factor
        self._levels: dict[int, bool] = {}
        self._ends_s = -math.inf
        self._is_door_open = False
        self._record = record

    def next_s(self) -> float:
        """When something changes by itself."""
        return self._ends_s if self._ends_s > -math.inf else math.inf

    def set_pin(self, time_s: float, pin: int, *, is_high: bool) -> None:
        """Drive a pin."""
        was_high = self._levels.get(pin, False)
        self._levels[pin] = is_high
        if is_high == was_high:
            return
        self._record("output", time_s, name=f"P{pin}", on=is_high)
        if pin == self._gate:
            self._ends_s = time_s + self._held_s if is_high else min(self._ends_s, time_s + self._lag_s)
        self.refresh(time_s)

    def let_go(self, time_s: float) -> None:
        """What a boot does: all pins are inputs, pulled low."""
        for pin in list(self._levels):
            self.set_pin(time_s, pin, is_high=False)

    def turn_door(self, time_s: float, *, is_open: bool) -> None:
        """Open or close the door."""
        self._is_door_open = is_open
        self._record("door", time_s, open=is_open)
        self.refresh(time_s)

    def refresh(self, time_s: float) -> None:
        """Follow what is due by now."""
        if time_s >= self._ends_s:
            self._ends_s = -math.inf
        is_on = self._ends_s > -math.inf and not self._is_door_open
        if is_on != self.is_beam_on:
            self.is_beam_on = is_on
            self._record("beam_on" if is_on else "beam_off", time_s, gate=self._levels.get(self._gate or 0, False))
