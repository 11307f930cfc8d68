"""What falls on a counting detector, stretch by stretch, and what chance makes of it: the part that counters share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.beam import Stretch
from firmware_bridge.twins.detector import Detector, Illumination
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission, RecordedCounts, SpectrumSource

_MOST_PORTIONS = 256
_FRESH_S = 60.0
"""The detector drifts slowly: a beam at rest is looked at anew after this."""
_SAME = 1e-6
"""Relative difference between times that are meant to be the same."""
_DARK = Illumination(Emission(np.zeros(0), np.zeros(0), 0.0), None, 0.0, 1.0)


class Tally:
    """A spectrum that grows: time is put in under an illumination, and chance decides when somebody looks.

    Parameters
    ----------
    settings
        Of the detector; their channels and gain are nominal, see `set_channels`.
    largest_count
        What a channel holds.
    """

    def __init__(self, source: SpectrumSource, settings: TwinSettings, largest_count: int) -> None:
        self._source = source
        self._nominal = settings
        self._largest_count = largest_count
        self._draws = 0
        self.set_channels(settings.channels)

    def set_channels(self, channels: int) -> None:
        """Another length of spectrum over the same energies; clears it."""
        gain_kev = self._nominal.gain_kev * self._nominal.channels / channels
        self._settings = replace(self._nominal, channels=channels, gain_kev=gain_kev)
        self._detector = Detector(self._settings)
        self._seen: tuple[StagePose, StagePose, float, Illumination] | None = None
        self.clear()

    def clear(self) -> None:
        """Everything to zero."""
        self.counts: NDArray[np.uint32] = np.zeros(self._settings.channels, dtype=np.uint32)
        self.recorded = 0
        """Events in the spectrum."""
        self.arrived = 0
        """Events that reached the detector in the time that was put in."""
        self._portions: list[tuple[Illumination, float]] = []
        self._recordings: dict[Illumination, _Recording] = {}

    def illumination(self, stretch: Stretch) -> Illumination:
        """What the detector sees during a stretch."""
        if not stretch.is_on:
            return _DARK
        seen = self._seen
        is_fresh = seen is not None and stretch.begin_s - seen[2] < _FRESH_S
        if seen is not None and is_fresh and (seen[0], seen[1]) == (stretch.start, stretch.end):
            return seen[3]
        radiation = self._source.at(stretch.start, stretch.end)
        if isinstance(radiation, RecordedCounts):
            radiation = _fitted(radiation, self._settings.channels)
        illumination = self._detector.illuminate(radiation, stretch.begin_s)
        self._seen = (stretch.start, stretch.end, stretch.begin_s, illumination)
        return illumination

    def accumulate(self, illumination: Illumination, seconds: float) -> None:
        """Let so much time pass, dead time included."""
        if self._portions and self._portions[-1][0] is illumination:
            seconds += self._portions.pop()[1]
        self._portions.append((illumination, seconds))
        if len(self._portions) >= _MOST_PORTIONS:
            self.draw()

    def draw(self) -> None:
        """Let chance decide what the portions since the last draw have brought."""
        mean = np.zeros(self._settings.channels)
        expected_arrived = expected_recorded = live_s = 0.0
        fresh = np.zeros(self._settings.channels, dtype=np.int64)
        for illumination, seconds in self._portions:
            if illumination.input_hz <= 0:
                continue
            portion_s = seconds * illumination.live_fraction
            expected_arrived += illumination.input_hz * seconds
            if isinstance(illumination.radiation, RecordedCounts):
                recording = self._recordings.setdefault(illumination, _Recording(illumination.radiation))
                fresh += recording.deal(portion_s, np.random.default_rng((self._settings.seed, self._next_draw())))
                expected_recorded += illumination.input_hz * portion_s
            elif illumination.mean_hz is not None:
                mean += illumination.mean_hz * portion_s
                live_s += portion_s
        self._portions.clear()
        if live_s > 0:
            expected_recorded += float(mean.sum())
            merged = Illumination(_DARK.radiation, mean / live_s, 0.0, 1.0)
            fresh += self._detector.count(merged, live_s, self._next_draw())
        if expected_arrived > 0:
            generator = np.random.default_rng((self._settings.seed, self._next_draw(), 2))
            missed = int(generator.poisson(max(0.0, expected_arrived - expected_recorded)))
            recorded = int(fresh.sum())
            self.recorded += recorded
            self.arrived += recorded + missed
            largest = min(self._settings.max_count, self._largest_count)
            self.counts = np.minimum(self.counts + fresh, largest).astype(np.uint32)

    def _next_draw(self) -> int:
        self._draws += 1
        return self._draws


class _Recording:
    """Recorded counts, dealt out by chance as time passes: once through its live time, all have been handed over."""

    def __init__(self, radiation: RecordedCounts) -> None:
        self._radiation = radiation
        self._left = radiation.counts.astype(np.int64)
        self._left_s = radiation.live_s

    def deal(self, live_s: float, generator: np.random.Generator) -> NDArray[np.int64]:
        """Counts of the next stretch of live time; after the end it begins anew."""
        dealt = np.zeros_like(self._left)
        while live_s >= self._left_s * (1 - _SAME):
            dealt += self._left
            live_s = max(0.0, live_s - self._left_s)
            self._left = self._radiation.counts.astype(np.int64)
            self._left_s = self._radiation.live_s
        if live_s > 0:
            fresh = generator.binomial(self._left, live_s / self._left_s)
            self._left -= fresh
            self._left_s -= live_s
            dealt += fresh
        return dealt


def _fitted(radiation: RecordedCounts, channels: int) -> RecordedCounts:
    """Recorded counts with neighbouring channels added, where the device has fewer; others are left as they are."""
    recorded = radiation.counts.size
    if recorded == channels or recorded % channels:
        return radiation
    return RecordedCounts(radiation.counts.reshape(channels, -1).sum(axis=1, dtype=np.uint32), radiation.live_s)
