"""A SCPI spectrometer's client and its twin joined in one process, on a clock that the test turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from firmware_bridge.faults import LinkLost, PortUnavailable
from firmware_bridge.messages import StagePose
from firmware_bridge.scpi import diagnosis as scpi_diagnosis
from firmware_bridge.scpi import exchange as scpi_exchange
from firmware_bridge.scpi import spectrometer as scpi_spectrometer
from firmware_bridge.scpi.spectrometer import ScpiSpectrometer
from firmware_bridge.twins.scpi.device import ScpiDevice
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamSample
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from tests.protocol.constant_twin import ConstantSource
from tests.protocol.dp5_rehearsal import Clock

Tamper = Callable[[bytes], bytes]


class Rehearsal:
    """One device, and the connections that a host makes to it."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        source: SpectrumSource | None = None,
        channels: int = 256,
        electronics: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        for module in (scpi_diagnosis, scpi_exchange, scpi_spectrometer):
            monkeypatch.setattr(module, "time", self.clock)
        self.samples = [BeamSample(0.0, StagePose(10.0, 10.0), True)]
        self.device = ScpiDevice(
            source or ConstantSource(),
            TwinSettings(channels=channels, gain_kev=40.96 / 2 / channels, **settings),
            ScpiElectronics(**(electronics or {})),
            self._news,
            TwinLog(None),
            self.clock.now_s,
        )
        self.connections: list[Connection] = []
        self.sent: list[bytes] = []
        self.hears: Callable[[bytes], None] = lambda octets: None
        self.to_host: Tamper = lambda octets: octets
        self.is_listening = True

    def connect(self, settings: Mapping[str, str] | None = None) -> ScpiSpectrometer:
        return ScpiSpectrometer(self.open, "the port", settings or {})

    def open(self) -> Connection:
        """What the host's program calls to open the port."""
        if not self.is_listening:
            raise PortUnavailable("the port: connection refused: start the far end, or correct the address")
        self.device.forget()
        self.connections.append(Connection(self))
        return self.connections[-1]

    def beam(self, *, is_on: bool) -> None:
        """Open or close the shutter at this moment."""
        self.samples.append(BeamSample(self.clock.now_s, StagePose(10.0, 10.0), is_on))

    def hang_up(self) -> None:
        """The device's side of the connection goes away."""
        self.connections[-1].is_lost = True

    @property
    def lines(self) -> list[str]:
        """Commands that the host has sent, without the questions for errors."""
        lines = b"".join(self.sent).decode("ascii").splitlines()
        return [line for line in lines if line != "SYST:ERR?"]

    def _news(self) -> list[BeamSample]:
        taken, self.samples = self.samples, []
        return taken


class Connection:
    """One TCP connection, as `firmware_bridge.ports.BytePort`."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self.is_lost = False
        self.is_closed = False

    def write(self, octets: bytes) -> None:
        assert not self.is_closed
        self._rehearsal.sent.append(octets)
        self._rehearsal.hears(octets)
        if not self.is_lost:
            self._rehearsal.device.receive(octets, self._rehearsal.clock.now_s)

    def read_available(self, timeout_s: float) -> bytes:
        assert not self.is_closed
        clock, device = self._rehearsal.clock, self._rehearsal.device
        until_s = clock.now_s + timeout_s
        while True:
            if self.is_lost:
                raise LinkLost("the port has gone: check the cable and the controller's power, then connect again")
            octets = device.outgoing(clock.now_s, 1 << 20)
            if octets and (octets := self._rehearsal.to_host(octets)):
                return octets
            due_s = device.deadline_s(clock.now_s)
            if due_s >= until_s or math.isinf(due_s):
                clock.now_s = until_s
                return b""
            clock.now_s = max(clock.now_s, due_s)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True
