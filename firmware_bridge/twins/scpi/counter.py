"""The counting half of the twin: clocks, preset and spectrum."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.scpi.answers import Counters
from firmware_bridge.scpi.vocabulary import Clock, Condition
from firmware_bridge.twins.beam import Stretch
from firmware_bridge.twins.counting import Tally
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_LARGEST_COUNT = 2**32 - 1
_TINY_S = 1e-9


class ScpiCounter:
    """Counts what it is shown, stretch by stretch.

    Real time runs while it counts; live time lacks the time in which it is dead after each event.
    """

    def __init__(self, source: SpectrumSource, settings: TwinSettings, clock: Clock, log: TwinLog) -> None:
        self._tally = Tally(source, settings, _LARGEST_COUNT)
        self._first_channels, self._first_clock = settings.channels, clock
        self._log = log
        self._device_s = 0.0
        self.number = 0
        self.reset()

    @property
    def channels(self) -> int:
        return int(self._tally.counts.size)

    def reset(self) -> None:
        """Settings as when it was switched on, and nothing counted."""
        self.is_counting = False
        self.clock = self._first_clock
        self.preset_s = math.inf
        self.set_channels(self._first_channels)

    def set_channels(self, channels: int) -> None:
        """Another length of spectrum over the same energies; clears it."""
        self._tally.set_channels(channels)
        self.clear()

    def clear(self) -> None:
        """Spectrum, counters and clocks to zero: the next one; counting goes on if it did."""
        self._tally.clear()
        self.number += 1
        self._real_s = self._live_s = 0.0
        self._is_reached = False

    def initiate(self) -> None:
        """Clear, and count until the preset is reached."""
        self.clear()
        self.is_counting = True

    def expose(self, stretch: Stretch) -> None:
        """Count through a stretch of time, up to the preset's end."""
        seconds = stretch.end_s - stretch.begin_s
        self._device_s = stretch.end_s
        if not self.is_counting or seconds <= 0:
            return
        illumination = self._tally.illumination(stretch)
        live_share = illumination.live_fraction
        counted_s = self._live_s if self.clock is Clock.LIVE else self._real_s
        left_s = (self.preset_s - counted_s) / (live_share if self.clock is Clock.LIVE else 1.0)
        is_last = left_s <= seconds + _TINY_S
        seconds = min(seconds, max(0.0, left_s))
        self._real_s += seconds
        self._live_s += live_share * seconds
        if seconds > 0:
            self._tally.accumulate(illumination, seconds)
        if is_last:
            self._end()

    def take(self, clock_s: float) -> tuple[Counters, NDArray[np.uint32]]:
        """Counters and spectrum as they stand."""
        self._tally.draw()
        condition = Condition.MEASURING if self.is_counting else Condition.NONE
        if self._is_reached:
            condition |= Condition.PRESET_REACHED
        counts = self._tally.counts.copy()
        recorded = int(counts.sum(dtype=np.uint64))
        return (
            Counters(self.number, clock_s, self._real_s, self._live_s, self._tally.arrived, recorded, condition),
            counts,
        )

    def _end(self) -> None:
        self.is_counting, self._is_reached = False, True
        if self.clock is Clock.LIVE:
            self._live_s = self.preset_s
        else:
            self._real_s = self.preset_s
        self._tally.draw()
        self._log.write(
            "counted", self._device_s, number=self.number, real_s=round(self._real_s, 6),
            live_s=round(self._live_s, 6), recorded=self._tally.recorded, arrived=self._tally.arrived,
        )  # fmt: skip
