"""A DP5's twin behind a pseudo-terminal and a UDP port, in a process of its own.

Detector and counter run on a clock that may be faster than real time; the lines, the gap timer and the flash stall run
on the wall clock, where the host lives, and which the stage's twin dates the beam by.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_bridge.datagrams import ServedDatagrams
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.datagram_script import DatagramScript
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.line import Dp5Line
from firmware_bridge.twins.fault_script import FaultKind, LineFault
from firmware_bridge.twins.serving import serve_behind_terminal
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire

_DATAGRAM = 520
"""Bytes of a reply that travel together over UDP."""


def serve_dp5(
    source: SpectrumSource,
    settings: TwinSettings,
    *,
    link: Path | None,
    udp_port: int | None,
    pose: BeamPath,
    ready: Callable[[str, str], None],
    wire: TimedWire | None = None,
    network_faults: Sequence[LineFault] = (),
    electronics: Dp5Electronics | None = None,
) -> None:
    """Be a DP5 until SIGTERM or SIGINT; hosts may come and go, over either line.

    Parameters
    ----------
    source
        The object under the beam; asked once before the twin is ready.
    settings
        Of the detector, the seed, the channels that its flash holds, the clock and the log.
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none.
    udp_port
        Port on the loopback interface, 0 for any that is free; None for no UDP.
    pose
        Where the beam is: `SharedPoseReader.news` of a stage's twin, or a `resting_beam`.
    ready
        Called once with the serial path and the UDP address to open, empty where there is none.
    wire
        The serial line: `PacedWire` for its pace, others for faults; None: as fast as this computer, and faultless.
    network_faults
        What goes wrong with datagrams; see `firmware_bridge.twins.datagram_script`.
    electronics
        What isn't the detector's; None for an ordinary DP5.
    """
    electronics = Dp5Electronics() if electronics is None else electronics
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(TwinLog(settings.log))
        core = Dp5Core(source, settings, electronics, pose, log, time.monotonic())
        network = None
        if udp_port is not None:
            datagrams = stack.enter_context(contextlib.closing(ServedDatagrams(udp_port)))
            line = Dp5Line(core, log, 0.0)
            network = _Network(datagrams, line, log, electronics.udp_bytes_per_s, network_faults)
        serve_behind_terminal(
            _Dp5(core, Dp5Line(core, log, electronics.gap_wall_s), network),
            link=link,
            ready=lambda path: ready(path, "" if network is None else network.address),
            wire=wire,
            log=log,
            companions=() if network is None else (network,),
            clock=time.monotonic,
        )


class _Network:
    """The device's other line."""

    def __init__(
        self,
        datagrams: ServedDatagrams,
        line: Dp5Line,
        log: TwinLog,
        bytes_per_s: float | None,
        faults: Sequence[LineFault],
    ) -> None:
        self.address = datagrams.address
        self.line = line
        self._datagrams = datagrams
        self._log = log
        self._bytes_per_s = bytes_per_s
        self._free_s = 0.0
        self._down = DatagramScript([fault for fault in faults if fault.towards == "controller"])
        self._up = DatagramScript([fault for fault in faults if fault.towards == "host"])

    def fileno(self) -> int:
        return self._datagrams.fileno()

    def turn(self, now_s: float) -> None:
        self._note(self._down.carry(self._datagrams.receive(), now_s), "controller", now_s)
        for request in self._down.arrived(now_s):
            self.line.receive(request, now_s)
        while now_s >= self._free_s and (octets := self.line.outgoing(now_s, _DATAGRAM)):
            self._note(self._up.carry(octets, now_s), "host", now_s)
            if self._bytes_per_s is not None:
                self._free_s = max(now_s, self._free_s) + len(octets) / self._bytes_per_s
        for reply in self._up.arrived(now_s):
            self._datagrams.send(reply)

    def deadline_s(self, now_s: float) -> float:
        due_s = max(self.line.deadline_s(now_s), self._free_s)
        return min(due_s, self._down.deadline_s(), self._up.deadline_s())

    def _note(self, struck: list[FaultKind], towards: str, now_s: float) -> None:
        for kind in struck:
            self._log.write(f"datagram_{kind.value}", self.line.device_s(now_s), towards=towards)


class _Dp5:
    """A core behind its serial line."""

    def __init__(self, core: Dp5Core, line: Dp5Line, network: _Network | None) -> None:
        self._core = core
        self._line = line
        self._network = network

    def receive(self, octets: bytes, now_s: float) -> None:
        self._line.receive(octets, now_s)

    def advance(self, now_s: float) -> None:
        self._core.advance(now_s)

    def outgoing(self, now_s: float, room: int) -> bytes:
        return self._line.outgoing(now_s, room)

    def deadline_s(self, now_s: float) -> float:
        return self._line.deadline_s(now_s)

    def device_s(self, now_s: float) -> float:
        return self._core.device_s(now_s)

    def reboot(self, now_s: float) -> None:
        self._core.reboot(now_s)
        self._line.forget()
        if self._network is not None:
            self._network.line.forget()
