"""A DP5's twin behind a pseudo-terminal and a UDP port, in a process of its own.

Detector and counter run on a clock that may be faster than real time; the lines, the gap timer and the flash stall run
on the wall clock, where the host lives.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware_bridge.datagrams import ServedDatagrams
from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.dp5.core import Dp5Core
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.line import Dp5Line
from firmware_bridge.twins.pseudo_terminal import pseudo_terminal, stop_signal, write_what_fits
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import LINE_BUFFER, DirectWire, HangUp, Reset, TimedWire

_LONGEST_WAIT_S = 0.05
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
    electronics
        What isn't the detector's; None for an ordinary DP5.
    """
    electronics = Dp5Electronics() if electronics is None else electronics
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with stop_signal() as stop, TwinLog(settings.log) as log, _served(udp_port) as datagrams:
        core = Dp5Core(source, settings, electronics, pose, log, time.monotonic())
        twin = _Twin(core, electronics, log, DirectWire() if wire is None else wire, datagrams, stop)
        with pseudo_terminal(link) as (master, path):
            ready(path, "" if datagrams is None else datagrams.address)
            hang_up = twin.run_behind(master)
        while hang_up is not None and twin.stay_away(hang_up.away_s):
            with _under_another_name(link) as master:
                hang_up = twin.run_behind(master)


@contextlib.contextmanager
def _served(udp_port: int | None) -> Iterator[ServedDatagrams | None]:
    datagrams = None if udp_port is None else ServedDatagrams(udp_port)
    try:
        yield datagrams
    finally:
        if datagrams is not None:
            datagrams.close()


@contextlib.contextmanager
def _under_another_name(link: Path | None) -> Iterator[int]:
    """A pseudo-terminal whose number isn't the one that was freed last."""
    freed = os.openpty()
    with pseudo_terminal(link) as (master, _):
        for descriptor in freed:
            os.close(descriptor)
        yield master


class _Twin:
    """A core and its two lines."""

    def __init__(
        self,
        core: Dp5Core,
        electronics: Dp5Electronics,
        log: TwinLog,
        wire: TimedWire,
        datagrams: ServedDatagrams | None,
        stop: int,
    ) -> None:
        self._core = core
        self._log = log
        self._wire = wire
        self._datagrams = datagrams
        self._stop = stop
        self._serial = Dp5Line(core, log, electronics.gap_wall_s)
        self._udp = Dp5Line(core, log, 0.0)
        self._udp_bytes_per_s = electronics.udp_bytes_per_s
        self._udp_free_s = 0.0

    def run_behind(self, master: int) -> HangUp | None:
        """Carry bytes until the line hangs up; None when the twin was told to stop."""
        wire, unwritten = self._wire, bytearray()
        while True:
            now_s = time.monotonic()
            hang_up = self._happen(now_s, unwritten)
            if hang_up is not None:
                return hang_up
            self._core.advance(now_s)
            self._serial.receive(wire.to_controller(b"", now_s), now_s)
            room = min(wire.room_to_host(now_s), LINE_BUFFER - len(unwritten))
            unwritten += wire.to_host(self._serial.outgoing(now_s, room) if room > 0 else b"", now_s)
            write_what_fits(master, unwritten)
            self._send_datagrams(now_s)
            takes = wire.room_to_controller(now_s)
            due_s = min(self._serial.deadline_s(now_s) if room > 0 else math.inf, wire.deadline_s(now_s))
            readable = self._wait(due_s, [master] if takes else [], [master] if unwritten else [])
            if self._stop in readable:
                return None
            now_s = time.monotonic()
            if master in readable:
                with contextlib.suppress(BlockingIOError):
                    self._serial.receive(wire.to_controller(os.read(master, takes), now_s), now_s)

    def stay_away(self, away_s: float) -> bool:
        """Let time pass without a serial port. False when the twin was told to stop."""
        returns_s = time.monotonic() + away_s
        while (now_s := time.monotonic()) < returns_s:
            self._core.advance(now_s)
            self._send_datagrams(now_s)
            if self._stop in self._wait(returns_s, [], []):
                return False
        return True

    def _happen(self, now_s: float, unwritten: bytearray) -> HangUp | None:
        for event in self._wire.take_events(now_s):
            self._log.write(f"line_{event.what}", self._core.device_s(now_s), **event.details)
            if isinstance(event, HangUp):
                return event
            if isinstance(event, Reset):
                self._core.reboot(now_s)
                self._serial.forget()
                self._udp.forget()
                unwritten.clear()
        return None

    def _wait(self, due_s: float, reading: list[int], writing: list[int]) -> list[int]:
        """Descriptors that can be read, once there is one or it is time; datagrams are taken at once."""
        watched = [*reading, self._stop]
        now_s = time.monotonic()
        if self._datagrams is not None:
            watched.append(self._datagrams.fileno())
            due_s = min(due_s, max(self._udp.deadline_s(now_s), self._udp_free_s))
        readable = select.select(watched, writing, [], min(_LONGEST_WAIT_S, max(0.0, due_s - now_s)))[0]
        if self._datagrams is not None and self._datagrams.fileno() in readable:
            self._udp.receive(self._datagrams.receive(), time.monotonic())
        return readable

    def _send_datagrams(self, now_s: float) -> None:
        if self._datagrams is None:
            return
        while now_s >= self._udp_free_s and (octets := self._udp.outgoing(now_s, _DATAGRAM)):
            self._datagrams.send(octets)
            if self._udp_bytes_per_s is not None:
                self._udp_free_s = max(now_s, self._udp_free_s) + len(octets) / self._udp_bytes_per_s
