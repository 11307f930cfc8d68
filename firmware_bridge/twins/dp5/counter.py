"""The counting half of a DP5's twin: clocks, presets, spectrum, slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.dp5.codec import LARGEST_COUNT, Dp5Status
from firmware_bridge.dp5.vocabulary import StatusFlag
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector, Illumination
from firmware_bridge.twins.dp5.beam import Stretch
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission, RecordedCounts, SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_SLOT_MEMORY = 131_072
_MOST_PORTIONS = 256
_FRESH_S = 60.0
"""The detector drifts slowly: a beam at rest is looked at anew after this."""
_TINY_S = 1e-9
_SAME = 1e-6
"""Relative difference between times that are meant to be the same."""
_DARK = Illumination(Emission(np.zeros(0), np.zeros(0), 0.0), None, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class StoredSpectrum:
    """What a slot holds."""

    counts: NDArray[np.uint32]
    status: Dp5Status


class Dp5Counter:
    """Counts what it is shown, stretch by stretch.

    Real time runs while it is enabled. Accumulation time lacks the detector's resets and the copying of spectra. The
    fast channel sees every event of the accumulation time; the slow one is dead after each event that it records.
    """

    def __init__(
        self, source: SpectrumSource, settings: TwinSettings, electronics: Dp5Electronics, log: TwinLog
    ) -> None:
        self._source = source
        self._nominal = settings
        self._electronics = electronics
        self._log = log
        self._draws = 0
        self._device_s = 0.0
        self.is_enabled = False
        self.preset_real_s: float | None = None
        self.preset_accumulation_s: float | None = None
        self.set_channels(settings.channels)

    def set_channels(self, channels: int) -> None:
        """Another length of spectrum over the same energies; clears it, and the slots."""
        gain_kev = self._nominal.gain_kev * self._nominal.channels / channels
        self._settings = replace(self._nominal, channels=channels, gain_kev=gain_kev)
        self._detector = Detector(self._settings)
        self._seen: tuple[StagePose, StagePose, float, Illumination] | None = None
        self.slots: dict[int, StoredSpectrum] = {}
        self.slot_count = _SLOT_MEMORY // channels
        self.is_buffering = False
        self.next_slot = 0
        self.clear()

    def clear(self) -> None:
        """Spectrum, counters and clocks to zero; counting goes on if it did."""
        self.counts: NDArray[np.uint32] = np.zeros(self._settings.channels, dtype=np.uint32)
        self._portions: list[tuple[Illumination, float]] = []
        self._recordings: dict[int, _Recording] = {}
        self._real_s = self._accumulation_s = 0.0
        self._paused_until_s = 0.0
        self._fast = self._slow = 0
        self._is_real_reached = False

    def enable(self) -> None:
        """Count, unless a preset has been reached already."""
        self.is_enabled = True
        self._end_at_presets()

    def disable(self) -> None:
        """Stop counting."""
        self.is_enabled = False

    def expose(self, stretch: Stretch) -> None:
        """Count through a stretch of time, up to a preset's end."""
        paused_s = min(max(0.0, self._paused_until_s - stretch.begin_s), stretch.end_s - stretch.begin_s)
        if self.is_enabled:
            self._run(paused_s, None)
        if self.is_enabled:
            self._run(stretch.end_s - stretch.begin_s - paused_s, self._illumination(stretch))
        self._device_s = stretch.end_s

    def copy(self) -> tuple[NDArray[np.uint32], Dp5Status]:
        """The spectrum with its status, as it stands; accumulation pauses for it."""
        self._draw()
        counts = self.counts.copy()
        status = self.status()
        if self.is_enabled:
            self._paused_until_s = self._device_s + self._electronics.readout_s_per_channel * counts.size
        return counts, status

    def clear_after_copy(self) -> None:
        """Begin the next spectrum; the copying of the last one is still going on."""
        paused_until_s = self._paused_until_s
        self.clear()
        self._paused_until_s = paused_until_s

    def store(self, slot: int) -> None:
        """Copy the spectrum to a slot."""
        counts, status = self.copy()
        self.slots[slot] = StoredSpectrum(counts, replace(status, slot=slot))

    def begin_slots(self) -> None:
        """Latch on triggers, from slot 0."""
        self.is_buffering = True
        self.next_slot = 0
        self.slots.clear()

    def trigger(self) -> None:
        """An edge on the auxiliary input: latch the spectrum to the next slot, and clear it."""
        if not (self.is_buffering and self.is_enabled):
            self._log.write("edge ignored", self._device_s)
            return
        slot = self.next_slot
        self.store(slot)
        self._log.write("latched", self._device_s, slot=slot, real_s=round(self._real_s, 6), slow=self._slow)
        self.clear_after_copy()
        self.next_slot += 1
        self.is_buffering = self.next_slot < self.slot_count

    def status(self) -> Dp5Status:
        """Counters and flags as they stand."""
        self._draw()
        electronics = self._electronics
        flags = StatusFlag.ENABLED if self.is_enabled else StatusFlag.NONE
        if self._is_real_reached:
            flags |= StatusFlag.REAL_REACHED
        return Dp5Status(
            fast_count=min(self._fast, 2**32 - 1),
            slow_count=min(self._slow, 2**32 - 1),
            gp_count=0,
            accumulation_ms=_milliseconds(self._accumulation_s),
            real_ms=_milliseconds(self._real_s),
            firmware=electronics.firmware,
            fpga=electronics.fpga,
            serial_number=electronics.serial_number,
            high_voltage_v=electronics.high_voltage_v,
            detector_k=electronics.detector_k,
            board_celsius=electronics.board_celsius,
            flags=flags,
            build=electronics.build,
            device=electronics.device,
            is_buffering=self.is_buffering,
            slot=min(self.next_slot, 511),
        )

    def _run(self, seconds: float, illumination: Illumination | None) -> None:
        """Let the clocks run; accumulate if there is an illumination."""
        share = 1.0 - self._electronics.reset_share
        if self.preset_real_s is not None:
            seconds = min(seconds, self.preset_real_s - self._real_s)
        if self.preset_accumulation_s is not None and illumination is not None:
            seconds = min(seconds, (self.preset_accumulation_s - self._accumulation_s) / share)
        seconds = max(0.0, seconds)
        self._real_s += seconds
        if illumination is not None and seconds > 0:
            self._accumulation_s += share * seconds
            self._accumulate(illumination, share * seconds)
        self._end_at_presets()

    def _end_at_presets(self) -> None:
        real_s, accumulation_s = self.preset_real_s, self.preset_accumulation_s
        self._is_real_reached = real_s is not None and self._real_s >= real_s - _TINY_S
        is_over = self._is_real_reached or (
            accumulation_s is not None and self._accumulation_s >= accumulation_s - _TINY_S
        )
        if self.is_enabled and is_over:
            self.is_enabled = False
            self._draw()
            self._log.write(
                "counted", self._device_s, real_s=round(self._real_s, 6), accumulation_s=round(self._accumulation_s, 6),
                slow=self._slow, fast=self._fast,
            )  # fmt: skip

    def _accumulate(self, illumination: Illumination, seconds: float) -> None:
        if self._portions and self._portions[-1][0] is illumination:
            seconds += self._portions.pop()[1]
        self._portions.append((illumination, seconds))
        if len(self._portions) >= _MOST_PORTIONS:
            self._draw()

    def _illumination(self, stretch: Stretch) -> Illumination:
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

    def _draw(self) -> None:
        """Let chance decide what the portions since the last draw have brought."""
        mean = np.zeros(self._settings.channels)
        expected_fast = expected_slow = live_s = 0.0
        fresh = np.zeros(self._settings.channels, dtype=np.int64)
        for illumination, seconds in self._portions:
            if illumination.input_hz <= 0:
                continue
            portion_s = seconds * illumination.live_fraction
            expected_fast += illumination.input_hz * seconds
            if isinstance(illumination.radiation, RecordedCounts):
                recording = self._recordings.setdefault(id(illumination), _Recording(illumination.radiation))
                fresh += recording.deal(portion_s, np.random.default_rng((self._settings.seed, self._next_draw())))
                expected_slow += illumination.input_hz * portion_s
            elif illumination.mean_hz is not None:
                mean += illumination.mean_hz * portion_s
                live_s += portion_s
        self._portions.clear()
        if live_s > 0:
            expected_slow += float(mean.sum())
            merged = Illumination(_DARK.radiation, mean / live_s, 0.0, 1.0)
            fresh += self._detector.count(merged, live_s, self._next_draw())
        if expected_fast > 0:
            generator = np.random.default_rng((self._settings.seed, self._next_draw(), 2))
            missed = int(generator.poisson(max(0.0, expected_fast - expected_slow)))
            recorded = int(fresh.sum())
            self._slow += recorded
            self._fast += recorded + missed
            largest = min(self._settings.max_count, LARGEST_COUNT)
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


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000 + 1e-6)
