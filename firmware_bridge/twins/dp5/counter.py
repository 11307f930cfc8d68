"""The counting half of a DP5's twin: clocks, presets, spectrum, slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.dp5.codec import LARGEST_COUNT, Dp5Status
from firmware_bridge.dp5.vocabulary import StatusFlag
from firmware_bridge.twins.beam import Stretch
from firmware_bridge.twins.counting import Tally
from firmware_bridge.twins.detector import Illumination
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_SLOT_MEMORY = 131_072
_TINY_S = 1e-9


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
        self._tally = Tally(source, settings, LARGEST_COUNT)
        self._electronics = electronics
        self._log = log
        self._device_s = 0.0
        self.is_enabled = False
        self.preset_real_s: float | None = None
        self.preset_accumulation_s: float | None = None
        self.set_channels(settings.channels)

    @property
    def counts(self) -> NDArray[np.uint32]:
        """The spectrum, as far as chance has decided."""
        return self._tally.counts

    def set_channels(self, channels: int) -> None:
        """Another length of spectrum over the same energies; clears it, and the slots."""
        self._tally.set_channels(channels)
        self.slots: dict[int, StoredSpectrum] = {}
        self.slot_count = _SLOT_MEMORY // channels
        self.is_buffering = False
        self.next_slot = 0
        self.clear()

    def clear(self) -> None:
        """Spectrum, counters and clocks to zero; counting goes on if it did."""
        self._tally.clear()
        self._real_s = self._accumulation_s = 0.0
        self._paused_until_s = 0.0
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
            self._run(stretch.end_s - stretch.begin_s - paused_s, self._tally.illumination(stretch))
        self._device_s = stretch.end_s

    def copy(self) -> tuple[NDArray[np.uint32], Dp5Status]:
        """The spectrum with its status, as it stands; accumulation pauses for it."""
        self._tally.draw()
        counts = self.counts.copy()
        status = self.status()
        if self.is_enabled:
            self._paused_until_s = self._device_s + self._electronics.readout_s_per_channel * counts.size
        return counts, status

    def clear_after_copy(self) -> None:
        """Begin the next spectrum; the copying of the last one is still going on."""
        paused_until_s = self._paused_until_s
        self._log.write("begun anew", self._device_s, real_s=round(self._real_s, 6), slow=self._tally.recorded)
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
        self._log.write("latched", self._device_s, slot=slot, real_s=round(self._real_s, 6), slow=self._tally.recorded)
        self.clear_after_copy()
        self.next_slot += 1
        self.is_buffering = self.next_slot < self.slot_count

    def status(self) -> Dp5Status:
        """Counters and flags as they stand."""
        self._tally.draw()
        electronics = self._electronics
        flags = StatusFlag.ENABLED if self.is_enabled else StatusFlag.NONE
        if self._is_real_reached:
            flags |= StatusFlag.REAL_REACHED
        return Dp5Status(
            fast_count=min(self._tally.arrived, 2**32 - 1),
            slow_count=min(self._tally.recorded, 2**32 - 1),
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
            self._tally.accumulate(illumination, share * seconds)
        self._end_at_presets()

    def _end_at_presets(self) -> None:
        real_s, accumulation_s = self.preset_real_s, self.preset_accumulation_s
        self._is_real_reached = real_s is not None and self._real_s >= real_s - _TINY_S
        is_over = self._is_real_reached or (
            accumulation_s is not None and self._accumulation_s >= accumulation_s - _TINY_S
        )
        if self.is_enabled and is_over:
            self.is_enabled = False
            self._tally.draw()
            self._log.write(
                "counted", self._device_s, real_s=round(self._real_s, 6), accumulation_s=round(self._accumulation_s, 6),
                slow=self._tally.recorded, fast=self._tally.arrived,
            )  # fmt: skip


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000 + 1e-6)
