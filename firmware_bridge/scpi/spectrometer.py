"""A spectrometer that takes SCPI commands over TCP: a maker's own, or a small server beside a maker's library.

The commands stand in docs/reference/scpi-spectrometer.md.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from firmware_bridge.faults import BridgeError, ClockJumped, ControllerFault, LinkLost, PortUnavailable, WrongDevice
from firmware_bridge.messages import Observation
from firmware_bridge.ports import BytePort, open_port
from firmware_bridge.scpi import vocabulary as v
from firmware_bridge.scpi.answers import Counters, Identity, decode_counters, decode_spectrum
from firmware_bridge.scpi.configuration import Abilities, configure, identify, read_abilities, set_and_verify
from firmware_bridge.scpi.continuity import Continuity
from firmware_bridge.scpi.diagnosis import diagnose
from firmware_bridge.scpi.exchange import ScpiExchange
from firmware_bridge.spectrometer import Spectrometer, SpectrometerCapabilities, SpectrometerOptions, Spectrum

_LOG = logging.getLogger("firmware_bridge")
_BAUD: Final = 115_200
"""Of a serial device, where none is named."""
_POLL_S: Final = 0.002
_FIRST_POLL_S: Final = 0.02
_RECONNECT_S: Final = 0.2
"""The gate of a beam stays open for 0.5 s after the last word, and is told again within 0.15 s of `begin`."""


class ScpiSpectrometer:
    """`firmware_bridge.spectrometer.Spectrometer` over SCPI commands.

    After a fault the connection is closed, because nothing that may still come on it can be trusted. The next `begin`,
    or the next `snapshot`, connects anew and sets the device up from the start; nothing is counting then. What was
    being counted is lost, and was reported so.

    Parameters
    ----------
    open_port
        Opens the way to the device.
    name
        What the operator calls the port.
    settings
        Commands and their values, sent and read back at every connection.
    """

    def __init__(self, open_port: Callable[[], BytePort], name: str, settings: Mapping[str, str]) -> None:
        self._open_port = open_port
        self._name = name
        self._settings = dict(settings)
        self._known: tuple[Identity, Abilities] | None = None
        self._is_closed = False
        self._connect()

    @property
    def capabilities(self) -> SpectrometerCapabilities:
        return SpectrometerCapabilities(
            model=f"{self._identity.maker} {self._identity.model}".strip(),
            serial_number=self._identity.serial_number,
            firmware=self._identity.firmware,
            channels=self._abilities.channels,
            preset_step_s=self._abilities.preset_step_s,
            slots=0,
        )

    def begin(self, preset_s: float) -> None:
        """Clear, then count until the preset is reached; `math.inf` for counting until told otherwise.

        Raises
        ------
        ValueError
            The preset is not positive.
        SettingRefused
            It is longer than the device can count.
        LinkLost
            The connection had to be made anew, and that took so long that a beam which is held from outside may have
            ended meanwhile.
        """
        preset_s = self._rounded(preset_s)
        self._reconnect()
        self._begin(preset_s)

    def read(self, timeout_s: float) -> Spectrum | None:
        """The spectrum once its preset is reached; None when that takes longer. Does not clear.

        Raises
        ------
        ControllerFault
            Counting ended before the preset was reached.
        ClockJumped
            The device's clock cannot be believed.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            counters = self._counters()
            now_s = time.monotonic()
            if not counters.is_counting:
                break
            if now_s >= deadline_s:
                return None
            time.sleep(max(0.0, min(self._until_due_s(counters, now_s), deadline_s - now_s)))
        self._is_counting = False
        if not counters.is_preset_reached:
            raise self._stopped()
        return self._fetch(v.FETCH_SPECTRUM)

    def snapshot(self) -> Spectrum:
        """The spectrum as it stands, and begin the next one at once, without a preset.

        Raises
        ------
        LinkLost
            The reply was lost, and the counts of this spectrum with it.
        ControllerFault
            The device wasn't counting.
        ClockJumped
            The device's clock cannot be believed.
        """
        if not (self._exchange.is_open and self._is_counting and self._preset_s == math.inf):
            self._reconnect()
            spectrum = self._fetch(v.FETCH_SPECTRUM)
            self.begin(math.inf)
            return spectrum
        return self._fetch(v.FETCH_SPECTRUM_AND_CLEAR)

    def stop(self) -> None:
        """Stop counting; what was counted stays."""
        self._exchange.order(v.ABORT)
        self._is_counting = False

    def keep_alive(self) -> None:
        """Nothing: a connection that is open says it."""

    def diagnose(self) -> tuple[Observation, ...]:
        """Identity, preset, high voltage, temperature, round trips, spectra a second; the device stays as it is."""
        return diagnose(self._exchange, self._identity, self._abilities)

    def close(self) -> None:
        """Stop counting if it counts, then the connection. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_counting and self._exchange.is_open:
            with contextlib.suppress(BridgeError):
                self.stop()
        self._exchange.close()

    def _connect(self) -> None:
        """Open the way, see who answers, and set it up."""
        exchange = ScpiExchange(self._open_port(), self._name)
        continuity = Continuity(self._name)
        try:
            identity = identify(exchange)
            exchange.order(v.ABORT)
            configure(exchange, self._settings)
            abilities = read_abilities(exchange)
            continuity.check(exchange.ask(v.FETCH_COUNTERS, decode_counters))
            if self._known not in (None, (identity, abilities)):
                raise WrongDevice(
                    f"{self._name} is not the spectrometer that it was, or not set up as it was: begin the scan again"
                )
        except BaseException:
            exchange.close()
            raise
        self._exchange, self._continuity, self._known = exchange, continuity, (identity, abilities)
        self._identity, self._abilities = identity, abilities
        self._preset_s = math.nan
        self._is_counting = False
        self._began_s = 0.0
        self._pace: float | None = None
        """Device seconds per second of this computer: one, unless the device is simulated on a fast clock."""

    def _reconnect(self) -> None:
        """Connect anew if the connection is closed."""
        if self._exchange.is_open or self._is_closed:
            return
        began_s = time.monotonic()
        self._connect()
        took_s = time.monotonic() - began_s
        _LOG.warning("connected to %s again, in %.2f s", self._name, took_s)
        if took_s > _RECONNECT_S:
            raise LinkLost(
                f"connecting to {self._name} again took {took_s:.1f} s, and worked: begin the exposure again"
            )

    def _begin(self, preset_s: float) -> None:
        try:
            if self._is_counting:
                self.stop()
            if preset_s != self._preset_s:
                self._preset_s = math.nan
                set_and_verify(self._exchange, v.PRESET_TIME, f"{min(preset_s, v.INFINITE):.12G}")
                self._preset_s = preset_s
            self._exchange.order(v.INITIATE)
        except ControllerFault:
            self._distrust()
            raise
        self._continuity.begun()
        self._is_counting, self._began_s = True, time.monotonic()

    def _rounded(self, preset_s: float) -> float:
        if preset_s == math.inf:
            return preset_s
        if not preset_s > 0:
            raise ValueError(f"a preset of {preset_s} s: give a positive time")
        step_s = self._abilities.preset_step_s
        return max(1, math.ceil(preset_s / step_s - 1e-6)) * step_s

    def _counters(self) -> Counters:
        return self._believed(self._exchange.ask(v.FETCH_COUNTERS, decode_counters))

    def _fetch(self, question: str) -> Spectrum:
        channels = self._abilities.channels
        counters, counts = self._exchange.ask(question, lambda reply: decode_spectrum(reply, channels))
        self._believed(counters)
        if question == v.FETCH_SPECTRUM_AND_CLEAR:
            if not counters.is_counting:
                raise self._stopped()
            self._continuity.cleared(counters)
        return Spectrum(
            counts=counts,
            live_s=counters.live_s,
            real_s=counters.real_s,
            input_rate_hz=counters.input_count / counters.real_s if counters.real_s else 0.0,
            output_rate_hz=counters.output_count / counters.real_s if counters.real_s else 0.0,
            is_preset_reached=counters.is_preset_reached,
            taken_before_s=self._exchange.heard_at_s,
            has_live_clock=True,
        )

    def _believed(self, counters: Counters) -> Counters:
        try:
            self._continuity.check(counters)
        except (ClockJumped, ControllerFault):
            self._distrust()
            raise
        return counters

    def _stopped(self) -> ControllerFault:
        self._distrust()
        return ControllerFault(
            f"{self._name} stopped counting before it was told to: it has restarted, or another program uses it; "
            "measure again"
        )

    def _distrust(self) -> None:
        """The device may have lost its settings: the next exposure sets it up from the start."""
        self._is_counting = False
        self._exchange.close()

    def _until_due_s(self, counters: Counters, now_s: float) -> float:
        """How long to wait before looking again: until the device should be done, by its own clock's pace."""
        elapsed_s = now_s - self._began_s
        if elapsed_s > _FIRST_POLL_S / 2 and counters.real_s > 0:
            self._pace = counters.real_s / elapsed_s
        is_live = self._abilities.clock is v.Clock.LIVE
        remaining_s = self._preset_s - (counters.live_s if is_live else counters.real_s)
        if self._pace is None:
            return min(_FIRST_POLL_S, max(_POLL_S, remaining_s))
        return max(_POLL_S, remaining_s / max(1.0, self._pace))


def connect_scpi(options: SpectrometerOptions) -> ScpiSpectrometer:
    """Open the way to a spectrometer, see what it is, and set it up.

    Parameters
    ----------
    options
        The port is an address, ``socket://host:5025``, or whatever else `firmware_bridge.ports.open_port` knows.
        Settings are commands of the device's own guide without their values, and the values, in the order in which
        they are to be sent; what isn't named stays as it is.

    Raises
    ------
    PortUnavailable
        Nobody listens at the address.
    LinkLost
        Somebody does, and doesn't answer.
    WrongDevice
        Somebody answers, but it isn't a spectrometer that takes these commands.
    SettingRefused
        A setting was not taken as it was asked for.
    """
    if re.fullmatch(r"socket://[^/:]+/?", options.port):
        raise PortUnavailable(f"{options.port} has no port number: give one, socket://host:5025 as a rule")
    return ScpiSpectrometer(lambda: open_port(options.port, options.baud or _BAUD), options.port, options.settings)


_: type[Spectrometer] = ScpiSpectrometer
