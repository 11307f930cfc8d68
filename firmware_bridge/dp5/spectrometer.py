"""A spectrometer of Amptek's DP5 family: DP5, PX5, X-123 and their like, over serial or UDP.

What its times mean, and what its live time is worth, stands in `firmware_bridge.dp5.readings`.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from firmware_bridge.datagrams import SCHEME, open_datagrams
from firmware_bridge.dp5 import diagnosis
from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.acceptance import channels_of, check_device
from firmware_bridge.dp5.codec import SLOWEST_BAUD, Dp5Status, Packet, under_way_s
from firmware_bridge.dp5.configuration import configure, read_settings
from firmware_bridge.dp5.exchange import OK, SPECTRA_WITH_STATUS, Dp5Exchange, Repeat
from firmware_bridge.dp5.readings import (
    PresetClock,
    counts_and_status,
    is_overrun,
    is_reached,
    read_status,
    spectrum_of,
)
from firmware_bridge.faults import BridgeError, ControllerFault, LinkLost, ProtocolViolation
from firmware_bridge.messages import Observation
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.spectrometer import Spectrometer, SpectrometerCapabilities, Spectrum

_SLOT_MEMORY: Final = 131_072
"""Channels that all slots share: 64 slots of 2,048."""
_POLL_S: Final = 0.002
_FIRST_POLL_S: Final = 0.02
_BEGINS_S: Final = 0.05
"""After so long a device that was told to count does: it acknowledges the order before it carries it out."""
_SHORTEST_S: Final = 1e-6
_OFF: Final = "OFF"


class Dp5Spectrometer:
    """`firmware_bridge.spectrometer.Spectrometer` of the DP5 family, with its slots for triggered rows.

    Made by `connect_dp5`. Nothing is ever written to the device's flash.
    """

    def __init__(
        self,
        exchange: Dp5Exchange,
        status: Dp5Status,
        settings: Mapping[str, str],
        clock: PresetClock,
        baud: int | None = None,
    ) -> None:
        self._exchange = exchange
        self._baud = baud
        self._last_status = status
        self._clock = clock.value
        self._presets = {name: settings.get(name, "") for name in ("PRET", "PRER", "PREC")}
        channels = channels_of(settings, exchange.name)
        exchange.spectrum_s = under_way_s(channels, SLOWEST_BAUD)
        self._capabilities = SpectrometerCapabilities(
            model=f"Amptek {v.Device(status.device).label}",
            serial_number=str(status.serial_number),
            firmware=status.version,
            channels=channels,
            preset_step_s=self._clock.step_s,
            slots=_SLOT_MEMORY // channels,
        )
        self._preset_s = math.inf
        self._is_counting = False
        self._began_s = 0.0
        self._pace: float | None = None
        """Device seconds per second of this computer: one, unless the device is simulated on a fast clock."""
        self._can_be_kept = True
        self._is_open = True

    @property
    def capabilities(self) -> SpectrometerCapabilities:
        return self._capabilities

    @property
    def name(self) -> str:
        """What the operator calls the port."""
        return self._exchange.name

    def begin(self, preset_s: float) -> None:
        """Clear, then count until the preset is reached; `math.inf` for counting until told otherwise.

        Returns once it counts, or should long since: whatever reads it then says that it doesn't.

        Raises
        ------
        ValueError
            The preset is not positive, or longer than the device's clock counts.
        """
        preset_s = self._rounded(preset_s)
        self._order(v.DISABLE)
        self._is_counting = False
        self._set_presets(preset_s)
        self._order(v.CLEAR)
        self._order(v.ENABLE)
        self._preset_s, self._is_counting, self._began_s = preset_s, True, time.monotonic()
        self._await_beginning()

    def read(self, timeout_s: float) -> Spectrum | None:
        """The spectrum once its preset is reached; None when that takes longer. Does not clear.

        Raises
        ------
        ControllerFault
            Counting ended before the preset was reached, or went on long after it.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            status = self.status()
            now_s = time.monotonic()
            if v.StatusFlag.ENABLED not in status.flags:
                break
            if is_overrun(status, self._clock, self._preset_s):
                raise ControllerFault(
                    f"{self.name} counts on past its preset: it has restarted, or another program uses it; measure "
                    "again"
                )
            if now_s >= deadline_s:
                return None
            time.sleep(max(0.0, min(self._until_due_s(status, now_s), deadline_s - now_s)))
        over_by_s = self._exchange.heard_at_s
        if self._is_reached(status):
            spectrum = self._spectrum(self._exchange.ask(v.ASK_SPECTRUM_WITH_STATUS, expected=SPECTRA_WITH_STATUS))
            if spectrum.is_preset_reached:
                return replace(spectrum, taken_before_s=over_by_s)
            status = self._last_status
        self._is_counting = False
        raise self._stopped(
            status,
            f"{self.name} stopped counting before its preset was reached: it has restarted, or another program uses "
            "it; measure again",
        )

    def snapshot(self) -> Spectrum:
        """The spectrum as it stands, and begin the next one at once, without a preset.

        Raises
        ------
        LinkLost
            The reply was lost, and the counts of this spectrum with it; the next one has begun or goes on.
        """
        if not (self._is_counting and self._preset_s == math.inf):
            packet = self._exchange.ask(v.ASK_SPECTRUM_WITH_STATUS, expected=SPECTRA_WITH_STATUS)
            spectrum = self._spectrum(packet)
            self.begin(math.inf)
            return spectrum
        packet = self._exchange.ask(
            v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR, expected=SPECTRA_WITH_STATUS, repeat=Repeat.LOSES
        )
        spectrum = replace(self._spectrum(packet), taken_before_s=self._exchange.heard_at_s)
        if v.StatusFlag.ENABLED not in self._last_status.flags:
            self._is_counting = False
            raise self._stopped(
                self._last_status,
                f"{self.name} is not counting: it has restarted, or another program uses it; measure again",
            )
        return spectrum

    def stop(self) -> None:
        """Stop counting; what was counted stays."""
        self._order(v.DISABLE)
        self._is_counting = False

    def close(self) -> None:
        """Stop counting if it counts, then the port. Safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if self._is_counting:
                with contextlib.suppress(BridgeError):
                    self.stop()
        finally:
            self._exchange.close()

    def status(self) -> Dp5Status:
        """What the device says of itself: high voltage, detector temperature, counters."""
        return read_status(self._exchange)

    def diagnose(self) -> tuple[Observation, ...]:
        """Identity, high voltage, temperature, round trips, spectra a second; the device stays as it is."""
        statuses_s = []
        for _ in range(diagnosis.STATUSES):
            asked_s = time.monotonic()
            status = self.status()
            statuses_s.append(time.monotonic() - asked_s)
        asked_s = time.monotonic()
        self._exchange.ask(v.ASK_SPECTRUM_WITH_STATUS, expected=SPECTRA_WITH_STATUS)
        spectrum_s = max(time.monotonic() - asked_s, _SHORTEST_S)
        return diagnosis.observe(
            self._capabilities, status, baud=self._baud, statuses_s=statuses_s, spectrum_s=spectrum_s
        )

    def keep_alive(self) -> None:
        """Say, unless over a serial port of this computer, that it still uses the device: others may take it else.

        A device that does not take it, or hears everything but this, is not told again. Silence of the line alone is
        no reason.
        """
        if self._baud is not None or not self._can_be_kept:
            return
        heard = self._exchange.packets_heard
        self._can_be_kept = False
        try:
            self._order(v.KEEP_ALIVE)
        except LinkLost:
            self._can_be_kept = self._exchange.packets_heard == heard
            raise
        self._can_be_kept = True

    def begin_slots(self) -> None:
        """From now on every edge on AUX_IN2 latches the spectrum to the next slot, from slot 0, and clears it.

        Counting has to be begun without a preset, and the input to be set up by the settings. A row longer than
        `SpectrometerCapabilities.slots` has to be split.

        Raises
        ------
        ControllerFault
            The device did not begin.
        """
        if not (self._is_counting and self._preset_s == math.inf):
            self.begin(math.inf)
        self._order(v.BEGIN_SLOTS)
        if not self.status().is_buffering:
            raise ControllerFault(
                f"{self.name} did not begin sequential buffering: set its AUX_IN2 up for it, or fly without a trigger"
            )

    def slots_filled(self) -> int:
        """How many slots triggers have filled since `begin_slots`."""
        status = self.status()
        return status.slot if status.is_buffering else self._capabilities.slots

    def read_slot(self, slot: int) -> Spectrum:
        """A stored spectrum; reading it again is harmless.

        Raises
        ------
        ValueError
            There is no such slot.
        ProtocolViolation
            The device sent another one.
        """
        packet = self._exchange.ask(v.ASK_SLOT, self._slot_number(slot), expected=SPECTRA_WITH_STATUS)
        spectrum = self._spectrum(packet)
        if self._last_status.slot != slot:
            raise ProtocolViolation(
                f"{self.name} sent slot {self._last_status.slot} when asked for slot {slot}: read the row again"
            )
        return spectrum

    def cancel_slots(self) -> None:
        """No more latching; slots keep what they hold."""
        self._order(v.CANCEL_SLOTS)

    def _order(self, pid: v.Pid) -> None:
        self._exchange.ask(pid, expected=OK)

    def _slot_number(self, slot: int) -> bytes:
        if not 0 <= slot < self._capabilities.slots:
            raise ValueError(f"slot {slot}: this device has slots 0 to {self._capabilities.slots - 1}")
        return slot.to_bytes(2, "big")

    def _rounded(self, preset_s: float) -> float:
        if preset_s == math.inf:
            return preset_s
        if not 0 < preset_s <= self._clock.longest_s:
            raise ValueError(f"a preset of {preset_s} s: give a positive time up to {self._clock.longest_s:,.0f} s")
        steps = math.ceil(preset_s / self._clock.step_s - 1e-6)
        return round(max(1, steps) * self._clock.step_s, self._clock.decimals)

    def _set_presets(self, preset_s: float) -> None:
        wanted = dict.fromkeys(self._presets, _OFF)
        if preset_s != math.inf:
            wanted[self._clock.setting] = f"{preset_s:.{self._clock.decimals}f}"
        changed = {name: value for name, value in wanted.items() if self._presets[name] != value}
        if changed:
            self._presets.update(dict.fromkeys(changed, ""))
            configure(self._exchange, changed, from_defaults=False)
            self._presets.update(changed)

    def _await_beginning(self) -> None:
        """Look until it counts or has counted, or until an answer to a question of after `_BEGINS_S`."""
        while True:
            asked_s = time.monotonic()
            status = self.status()
            has_begun = bool(status.flags & (v.StatusFlag.ENABLED | v.StatusFlag.REAL_REACHED)) or status.real_ms > 0
            if has_begun or asked_s - self._began_s >= _BEGINS_S:
                return
            time.sleep(_POLL_S)

    def _stopped(self, status: Dp5Status, otherwise: str) -> ControllerFault:
        """Why it counts no more, by its own word."""
        if v.StatusFlag.COUNTS_REACHED in status.flags:
            return ControllerFault(
                f"{self.name} stopped at a number of counts, though it was told to end by time alone: another program "
                "has set its PREC; let no other program use it, then connect again"
            )
        return ControllerFault(otherwise)

    def _until_due_s(self, status: Dp5Status, now_s: float) -> float:
        """How long to wait before looking again: until the device should be done, by its own clock's pace."""
        elapsed_s, counted_s = now_s - self._began_s, status.real_ms / 1000
        if elapsed_s > _FIRST_POLL_S / 2 and counted_s > 0:
            self._pace = counted_s / elapsed_s
        remaining_s = self._preset_s - counted_s
        if self._pace is None:
            return min(_FIRST_POLL_S, max(_POLL_S, remaining_s))
        return max(_POLL_S, remaining_s / max(1.0, self._pace))

    def _spectrum(self, packet: Packet) -> Spectrum:
        counts, self._last_status = counts_and_status(packet, self._capabilities.channels, self.name)
        is_over = v.StatusFlag.ENABLED not in self._last_status.flags
        return spectrum_of(counts, self._last_status, is_preset_reached=is_over and self._is_reached(self._last_status))

    def _is_reached(self, status: Dp5Status) -> bool:
        return is_reached(status, self._clock, self._preset_s)


def connect_dp5(
    address: str, baud: int = 115_200, *, settings: Mapping[str, str], clock: PresetClock = PresetClock.REAL
) -> Dp5Spectrometer:
    """Open the way to a DP5, see what it is, and set it up.

    Parameters
    ----------
    address
        A serial port's path or URL, see `firmware_bridge.ports.open_port`, or ``udp://host:10001``.
    baud
        Bits per second, of serial ports.
    settings
        Commands of the maker's guide and their values, for instance ``{"MCAC": "2048", "TPEA": "2.4"}``. The device
        begins from its maker's defaults, so the list has to be whole, high voltage and cooling included; an empty one
        leaves the device as it is. Presets are not among them: `Dp5Spectrometer.begin` sets those.
    clock
        What ends an exposure.

    Raises
    ------
    PortUnavailable
        The port is missing, busy or refused.
    LinkLost
        Nothing answers.
    WrongDevice
        Something answers, but no DP5, or one that is no spectrometer.
    SettingRefused
        A setting was not taken as it was asked for.
    """
    port: BytePort = open_datagrams(address) if address.startswith(SCHEME) else open_port(address, baud)
    is_network = "://" in address
    return connect_dp5_over(port, address, settings=settings, clock=clock, baud=None if is_network else baud)


def connect_dp5_over(
    port: BytePort,
    name: str,
    *,
    settings: Mapping[str, str],
    clock: PresetClock = PresetClock.REAL,
    baud: int | None = None,
) -> Dp5Spectrometer:
    """`connect_dp5` over a port that is open already; it is closed with the spectrometer, or when this fails.

    Parameters
    ----------
    baud
        Bits per second that bound what the line carries, None over a network.
    """
    exchange = Dp5Exchange(port, name)
    try:
        status = read_status(exchange)
        check_device(status, name)
        if settings:
            exchange.ask(v.DISABLE, expected=OK)
            told = configure(exchange, settings, from_defaults=True)
        else:
            told = read_settings(exchange, ["MCAC"])
        return Dp5Spectrometer(exchange, status, told, clock, baud)
    except BaseException:
        exchange.close()
        raise


_: type[Spectrometer] = Dp5Spectrometer
