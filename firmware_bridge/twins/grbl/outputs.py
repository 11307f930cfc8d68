"""The board's outputs and what is wired to them: the shutter, and the monostable that closes it by itself.

The shutter is open while the spindle's output is on (in laser mode: while a block with power moves), or while the
monostable is. A rising edge of its output starts the monostable's time afresh; the output's falling ends it. With the
gate on M3 the spindle's output drives the monostable alone.

A detector's trigger input may follow the spindle's output: an edge whenever its level crosses 0.8 of full power.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from firmware_bridge.twins.grbl.settings import GrblTwinSettings

TRIGGER_SHARE: Final = 0.8


class Outputs:
    """Spindle, flood and mist, the monostable and the beam.

    Parameters
    ----------
    record
        Called with an event, its time and details.
    """

    def __init__(self, settings: GrblTwinSettings, record: Callable[..., None]) -> None:
        self.spindle = "M5"
        self.power = 0.0
        self.is_laser = settings.laser_mode
        self.coolants: set[str] = set()
        self.is_beam_on = False
        self._gate = settings.gate
        self._gate_lag_s = settings.gate_lag_s
        self._held_s = settings.monostable_wall_s * settings.clock_factor
        self._expires_s = -math.inf
        self._falls_s = math.inf
        self._levels: dict[str, bool] = {"M3": False, "M7": False, "M8": False}
        self._has_trigger = settings.has_trigger
        self._is_above = False
        self._lost_edges = settings.lost_edges
        self._edges = 0
        self._record = record

    @property
    def letters(self) -> str:
        """As the status report names them."""
        spindle = {"M3": "S", "M4": "C"}.get(self.spindle, "") if self._levels["M3"] else ""
        return spindle + ("F" if "M8" in self.coolants else "") + ("M" if "M7" in self.coolants else "")

    def all_off(self) -> None:
        """What a reset does."""
        self.spindle = "M5"
        self.power = 0.0
        self.coolants.clear()

    def next_s(self) -> float:
        """When something changes by itself."""
        if not self._is_monostable_on:
            return math.inf
        return min(self._expires_s, self._falls_s)

    def refresh(self, time_s: float, block_power: float, full_power: float) -> None:
        """Follow what has been commanded and what moves.

        Parameters
        ----------
        block_power
            Of the block that is moving now, 0 when none is.
        full_power
            What ``$30`` says.
        """
        is_spinning = {
            "M3": self.power > 0 if self.is_laser else True,
            "M4": block_power > 0 if self.is_laser else True,
        }.get(self.spindle, False)
        levels = {"M3": is_spinning, "M7": "M7" in self.coolants, "M8": "M8" in self.coolants}
        for name, is_on in levels.items():
            if is_on != self._levels[name]:
                self._record("output", time_s, name=name, on=is_on)
                if name == self._gate:
                    self._edge(time_s, is_on)
        self._levels = levels
        if time_s >= min(self._expires_s, self._falls_s):
            self._expires_s, self._falls_s = -math.inf, math.inf
        is_direct = is_spinning and self._gate != "M3"
        is_beam_on = is_direct or self._is_monostable_on
        if is_beam_on != self.is_beam_on:
            self.is_beam_on = is_beam_on
            self._record("beam_on" if is_beam_on else "beam_off", time_s, **self._cause(is_direct))
        power = block_power if self.is_laser else self.power
        is_above = is_spinning and power > TRIGGER_SHARE * full_power
        if self._has_trigger and is_above != self._is_above:
            self._record("edge lost" if self._edges in self._lost_edges else "edge", time_s)
            self._edges += 1
        self._is_above = is_above

    @property
    def _is_monostable_on(self) -> bool:
        return self._expires_s > -math.inf

    def _edge(self, time_s: float, is_on: bool) -> None:
        if is_on:
            self._expires_s, self._falls_s = time_s + self._held_s, math.inf
        elif self._is_monostable_on:
            self._falls_s = time_s + self._gate_lag_s

    def _cause(self, is_direct: bool) -> dict[str, Any]:
        level = self._levels[self._gate] if self._gate is not None else False
        return {"direct": is_direct, "gate": level}
