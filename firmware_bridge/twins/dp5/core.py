"""What a DP5's twin does with a request. No port; time is given to it."""

from __future__ import annotations

import random

from firmware_bridge.dp5 import vocabulary as v
from firmware_bridge.dp5.codec import LONGEST_REQUEST, Packet, encode_spectrum, encode_status
from firmware_bridge.dp5.vocabulary import Ack
from firmware_bridge.twins.beam import BeamFollower, Stretch
from firmware_bridge.twins.dp5.configuration import Dp5Configuration
from firmware_bridge.twins.dp5.counter import Dp5Counter
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_PATIENCE_S = 0.15
_KEEP_ALIVES = (v.KEEP_ALIVE, v.KEEP_ALIVE_SHARING, v.KEEP_ALIVE_LOCKED)
_SPECTRUM_REQUESTS = (
    v.ASK_SPECTRUM, v.ASK_SPECTRUM_AND_CLEAR, v.ASK_SPECTRUM_WITH_STATUS, v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR,
)  # fmt: skip
_SLOT_REQUESTS = (v.STORE, v.STORE_AND_CLEAR, v.ASK_SLOT)
_TEXT_REQUESTS = (v.CONFIGURE, v.CONFIGURE_AND_KEEP, v.ASK_CONFIGURATION)
_NOT_HERE = frozenset({0x03, 0x04, 0x30})
"""First halves of request types that real devices know and this one doesn't."""


class Dp5Core:
    """Detector, counter and settings behind whatever line.

    Parameters
    ----------
    path
        Where the beam is.
    now_s
        Wall time (monotonic) at which it boots; never goes back afterwards.
    """

    def __init__(
        self,
        source: SpectrumSource,
        settings: TwinSettings,
        electronics: Dp5Electronics,
        path: BeamPath,
        log: TwinLog,
        now_s: float,
    ) -> None:
        if settings.channels not in v.CHANNELS:
            raise ValueError(f"{settings.channels} channels: a DP5 has one of {v.CHANNELS}")
        self._electronics = electronics
        self._log = log
        self._clock = SimulatedClock(settings.clock_factor, now_s)
        self._beam = BeamFollower(path, self._clock, now_s)
        self._chance = random.Random(settings.seed)
        self._kept = Dp5Configuration(settings.channels)
        self.counter = Dp5Counter(source, settings, electronics, log)
        self.reboot(now_s)

    def reboot(self, now_s: float) -> None:
        """Begin from what the flash holds; spectrum and slots are lost."""
        self.configuration = self._copy_of(self._kept)
        self.counter.disable()
        self.counter.set_channels(self.configuration.channels)
        self._take_presets()
        self.stalled_until_s = self._busy_until_s = now_s
        self._log.write("boot", self.device_s(now_s), channels=self.configuration.channels)

    def device_s(self, now_s: float) -> float:
        """The simulated clock."""
        return self._clock.device_s(now_s)

    def advance(self, now_s: float) -> None:
        """Count, but not yet what the stage's process may still have to tell of."""
        self._count(now_s, _PATIENCE_S)

    def _count(self, now_s: float, patience_s: float) -> None:
        for piece in self._beam.until(now_s, patience_s=patience_s):
            if isinstance(piece, Stretch):
                self.counter.expose(piece)
            else:
                self.counter.trigger()

    def answer(self, request: Packet, now_s: float) -> Packet:
        """Carry a request out, unless the device is busy, and say so."""
        self._count(now_s, 0.0)
        if len(request.content) > LONGEST_REQUEST:
            return _ack(Ack.LENGTH)
        return _ack(Ack.BUSY) if now_s < self._busy_until_s else self._carry_out(request, now_s)

    def _carry_out(self, request: Packet, now_s: float) -> Packet:
        if request.pid in _SPECTRUM_REQUESTS:
            return self._spectrum(request)
        if request.pid in _SLOT_REQUESTS:
            return self._slot(request)
        if request.pid in _TEXT_REQUESTS:
            return self._text(request, now_s)
        if request.pid == v.ASK_ECHO:
            return Packet(self._electronics.echo_reply, request.content)
        return self._order(request, now_s)

    def _order(self, request: Packet, now_s: float) -> Packet:
        if request.pid.first in _NOT_HERE:
            return _ack(Ack.UNSUPPORTED)
        if request.pid not in (*_ORDERS, *_KEEP_ALIVES, v.ASK_STATUS):
            return _ack(Ack.PID)
        if request.content:
            return _ack(Ack.LENGTH)
        if request.pid == v.ASK_STATUS:
            return Packet(v.STATUS, encode_status(self.counter.status()))
        if request.pid in _ORDERS:
            self._log.write(_ORDERS[request.pid], self.device_s(now_s))
        match request.pid:
            case v.CLEAR:
                self.counter.clear()
            case v.ENABLE:
                self.counter.enable()
            case v.DISABLE:
                self.counter.disable()
            case v.BEGIN_SLOTS:
                self.counter.begin_slots()
            case v.CANCEL_SLOTS:
                self.counter.is_buffering = False
        return _ack(Ack.OK)

    def _spectrum(self, request: Packet) -> Packet:
        if request.content:
            return _ack(Ack.LENGTH)
        counts, status = self.counter.copy()
        if request.pid in (v.ASK_SPECTRUM_AND_CLEAR, v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR):
            self.counter.clear_after_copy()
        with_status = request.pid in (v.ASK_SPECTRUM_WITH_STATUS, v.ASK_SPECTRUM_WITH_STATUS_AND_CLEAR)
        return encode_spectrum(counts, status if with_status else None)

    def _slot(self, request: Packet) -> Packet:
        if len(request.content) != 2:
            return _ack(Ack.LENGTH)
        slot = int.from_bytes(request.content, "big")
        if slot >= self.counter.slot_count:
            return _ack(Ack.PARAMETER, request.content)
        if request.pid == v.ASK_SLOT:
            stored = self.counter.slots.get(slot)
            if stored is None:
                return _ack(Ack.PARAMETER, request.content)
            return encode_spectrum(stored.counts, stored.status)
        self.counter.store(slot)
        if request.pid == v.STORE_AND_CLEAR:
            self.counter.clear_after_copy()
        return _ack(Ack.OK)

    def _text(self, request: Packet, now_s: float) -> Packet:
        text = request.content.decode("ascii", "replace")
        if request.pid == v.ASK_CONFIGURATION:
            ack, answer = self.configuration.tell(text)
            return Packet(v.CONFIGURATION, answer.encode()) if ack is Ack.OK else _ack(ack, answer.encode())
        ack, wrong = self.configuration.apply(text)
        if self.configuration.channels != self.counter.counts.size:
            self.counter.set_channels(self.configuration.channels)
        self._take_presets()
        self._log.write("configured", self.device_s(now_s), text=text, answer=ack.name)
        self._busy_until_s = now_s + self._electronics.busy_wall_s
        if request.pid == v.CONFIGURE_AND_KEEP:
            self._kept = self._copy_of(self.configuration)
            stall_s = self._chance.uniform(*self._electronics.flash_stall_wall_s)
            self.stalled_until_s = now_s + stall_s
            self._log.write("flash written", self.device_s(now_s), stall_wall_s=round(stall_s, 3))
        return _ack(ack, wrong.encode("ascii", "replace"))

    def _take_presets(self) -> None:
        self.counter.preset_real_s = self.configuration.seconds("PRER")
        self.counter.preset_accumulation_s = self.configuration.seconds("PRET")

    def _copy_of(self, configuration: Dp5Configuration) -> Dp5Configuration:
        copy = Dp5Configuration(configuration.channels)
        copy.values.update(configuration.values)
        return copy


_ORDERS = {
    v.CLEAR: "cleared",
    v.ENABLE: "enabled",
    v.DISABLE: "disabled",
    v.BEGIN_SLOTS: "slots begun",
    v.CANCEL_SLOTS: "slots cancelled",
}
"""Requests that are carried out and acknowledged, and what the log calls it."""


def _ack(code: Ack, echoed: bytes = b"") -> Packet:
    return Packet(v.Pid(v.ACKNOWLEDGEMENT, code), echoed)
