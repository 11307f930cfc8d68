"""A DP5's client and its twin joined in one process, on a clock that the test turns: deterministic, and fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from firmware_bridge.dp5 import exchange as dp5_exchange
from firmware_bridge.dp5 import spectrometer as dp5_spectrometer
from firmware_bridge.dp5.codec import Dp5Deframer
from firmware_bridge.dp5.readings import PresetClock
from firmware_bridge.dp5.spectrometer import Dp5Spectrometer, connect_dp5_over
from firmware_bridge.dp5.vocabulary import Pid
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.line import Dp5Line
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath, BeamSample
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource

Tamper = Callable[[bytes], bytes]
SETTINGS = {"MCAC": "256"}


def in_place_of(pid: Pid | int, reply: bytes, times: int = 1_000_000) -> Tamper:
    """The device's replies, those of a type (or its first half) replaced so many times."""
    left = [times]

    def tamper(octets: bytes) -> bytes:
        packets = Dp5Deframer().feed(octets)
        if packets and pid in (packets[0].pid, packets[0].pid.first) and left[0] > 0:
            left[0] -= 1
            return reply
        return octets

    return tamper


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds


class Rehearsal:
    """One device, the line to it, and a beam that the test moves."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        source: SpectrumSource | None = None,
        path: BeamPath | None = None,
        log: TwinLog | None = None,
        channels: int = 256,
        electronics: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        for module in (dp5_exchange, dp5_spectrometer):
            monkeypatch.setattr(module, "time", self.clock)
        self.samples = [BeamSample(0.0, StagePose(10.0, 10.0), True)]
        twin = TwinSettings(channels=channels, gain_kev=40.96 / 2 / channels, **settings)
        log = TwinLog(None) if log is None else log
        self.core = Dp5Core(
            source or ConstantSource(),
            twin,
            Dp5Electronics(**(electronics or {})),
            self._news if path is None else path,
            log,
            self.clock.now_s,
        )
        self.line = Dp5Line(self.core, log, 0.1)
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.to_device: Tamper = lambda octets: octets
        self.to_host: Tamper = lambda octets: octets
        self.late: list[bytes] = []
        """Bytes that lie in the port already, before anything else comes."""
        self.is_closed = False
        self._held_up: list[tuple[float, bytes]] = []

    def connect(
        self, settings: Mapping[str, str] | None = None, clock: PresetClock = PresetClock.REAL
    ) -> Dp5Spectrometer:
        chosen = SETTINGS if settings is None else settings
        return connect_dp5_over(self, "the port", settings=chosen, clock=clock)

    def move(self, x_mm: float, *, is_on: bool = True, is_trigger: bool = False) -> None:
        """The stage's word at this moment."""
        self.samples.append(BeamSample(self.clock.now_s, StagePose(x_mm, 10.0), is_on, is_trigger))

    def lose_replies(self, count: int) -> None:
        """The next replies do not come."""
        left = [count]

        def lose(octets: bytes) -> bytes:
            left[0] -= 1
            return b"" if left[0] >= 0 else octets

        self.to_host = lose

    def arrive_later(self, octets: bytes, delay_s: float) -> None:
        """Bytes that come all at once after a while."""
        self._held_up.append((self.clock.now_s + delay_s, octets))

    def write(self, octets: bytes) -> None:
        self.sent.append(octets)
        self.line.receive(self.to_device(octets), self.clock.now_s)

    def read_available(self, timeout_s: float) -> bytes:
        if self.late:
            return self.late.pop(0)
        until_s = self.clock.now_s + timeout_s
        while True:
            octets = self.line.outgoing(self.clock.now_s, 1 << 20)
            if octets:
                self.received.append(octets)
                octets = self.to_host(octets)
            if octets:
                return octets
            if self._held_up and self._held_up[0][0] <= self.clock.now_s:
                return self._held_up.pop(0)[1]
            due_s = min([self.line.deadline_s(self.clock.now_s), *(at_s for at_s, _ in self._held_up)])
            if due_s >= until_s or math.isinf(due_s):
                self.clock.now_s = until_s
                return b""
            self.clock.now_s = max(self.clock.now_s, due_s)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    def _news(self) -> list[BeamSample]:
        taken, self.samples = self.samples, []
        return taken
