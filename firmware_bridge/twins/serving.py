"""How every twin is served: a simulated device behind a port, with a line between them that has a sense of time.

The device is a state machine without ports, threads or clocks; here are the port, the loop and the clock. Times are
the process's wall time (monotonic), less the stretches in which it did not run.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from firmware_bridge.twins.loopback_socket import SocketPort, listening
from firmware_bridge.twins.pseudo_terminal import TerminalPort, pseudo_terminal, stop_signal
from firmware_bridge.twins.simulated_clock import AwakeClock
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import LINE_BUFFER, DirectWire, HangUp, Reset, TimedWire

_LONGEST_WAIT_S: Final = 0.05
_LOOK_EVERY_S: Final = 0.005
"""How often a port that nobody has opened looks for a host, and a line that is full looks for room."""


class SimulatedDevice(Protocol):
    """What a twin is, apart from its line: bytes and wall times in, bytes out."""

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take what has arrived from the host."""
        ...

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due; what happened late is dated when it was due."""
        ...

    def outgoing(self, now_s: float, room: int) -> bytes:
        """What it has to say, once: about as many bytes as the line has room for, which is at least one."""
        ...

    def deadline_s(self, now_s: float) -> float:
        """Wall time at which something happens, or is to be said, though nothing arrives; infinite for never."""
        ...

    def device_s(self, now_s: float) -> float:
        """The device's own time, for the log."""
        ...

    def reboot(self, now_s: float) -> None:
        """Begin anew, as after a failure of its supply."""
        ...


class Companion(Protocol):
    """Something that a twin does beside its line: tell where the beam is, answer on another line."""

    def fileno(self) -> int:
        """A descriptor that calls for a turn when it can be read; -1 for none."""
        ...

    def turn(self, now_s: float) -> None:
        """Do what is due; called at every turn, after the device has advanced."""
        ...

    def deadline_s(self, now_s: float) -> float:
        """Wall time at which it wants a turn at the latest."""
        ...


def serve_behind_terminal(
    device: SimulatedDevice,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: TimedWire | None,
    log: TwinLog,
    resets_on_open: bool = False,
    companions: Sequence[Companion] = (),
    clock: Callable[[], float] | None = None,
) -> None:
    """Be a device on a serial port until SIGTERM or SIGINT; hosts may come and go.

    Parameters
    ----------
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none. After a
        hang-up it leads to another one.
    ready
        Called once with the path to open: the link if there is one.
    wire
        The line between port and device; None: one that is as fast as this computer, and never fails.
    resets_on_open
        The device boots when a host opens the port, as a board does whose reset hangs on DTR; what it says while
        nobody has it open is lost.
    clock
        None: wall time without the stretches in which this process did not run.
    """
    with stop_signal() as stop, contextlib.ExitStack() as names:
        greet = device.reboot if resets_on_open else None
        server = _Server(device, wire, log, companions, clock, stop, greet)
        is_away = False
        while True:
            with pseudo_terminal(link, survives_hosts=not resets_on_open) as (master, path):
                names.close()
                if not is_away:
                    ready(path)
                hang_up = server.run_behind(TerminalPort(master, notices_hosts=resets_on_open))
                # while somebody has its end open no other terminal gets its name
                names.callback(os.close, os.open(os.path.realpath(path), os.O_RDWR | os.O_NOCTTY))
            is_away = hang_up is not None and server.stay_away(hang_up.away_s)
            if not is_away:
                return


def serve_behind_socket(
    device: SimulatedDevice,
    *,
    port: int,
    ready: Callable[[str], None],
    wire: TimedWire | None,
    log: TwinLog,
    clock: Callable[[], float] | None = None,
    greet: Callable[[], None] | None = None,
) -> None:
    """Be a device on a TCP port of the loopback interface until SIGTERM or SIGINT, for one host at a time.

    What it says while no host is connected is lost. A hang-up closes the connection, and the port for as long as it
    lasts; then the device answers at the same address.

    Parameters
    ----------
    port
        0 for any that is free.
    ready
        Called once with the address, as ``127.0.0.1:5025``.
    wire, clock
        As for `serve_behind_terminal`.
    greet
        Called when another host has connected, before anything of it is read: the place to forget what the last one
        had begun to say or was still to be told.

    Raises
    ------
    PortUnavailable
        The port is taken.
    """
    with stop_signal() as stop:
        server = _Server(device, wire, log, (), clock, stop, None if greet is None else lambda _: greet())
        with listening(port) as listener:
            port = listener.getsockname()[1]
            ready(f"127.0.0.1:{port}")
            hang_up = server.run_behind(SocketPort(listener))
        while hang_up is not None and server.stay_away(hang_up.away_s):
            with listening(port) as listener:
                hang_up = server.run_behind(SocketPort(listener))


class _Server:
    """One device, its line, and its companions."""

    def __init__(
        self,
        device: SimulatedDevice,
        wire: TimedWire | None,
        log: TwinLog,
        companions: Sequence[Companion],
        clock: Callable[[], float] | None,
        stop: int,
        greet: Callable[[float], None] | None,
    ) -> None:
        self._device = device
        self._greet_host = greet
        self._wire = DirectWire() if wire is None else wire
        self._log = log
        self._companions = companions
        self._awake = AwakeClock(time.monotonic())
        self._clock = clock
        self._stop = stop
        self._unwritten = bytearray()
        self._has_host = False

    def run_behind(self, port: TerminalPort | SocketPort) -> HangUp | None:
        """Carry bytes until the line hangs up; None when the twin was told to stop."""
        self._has_host = False
        try:
            while True:
                now_s = self._turn()
                hang_up = self._happen(now_s)
                if hang_up is not None:
                    return hang_up
                self._greet(port, now_s)
                due_s, takes = self._speak(port, now_s), self._wire.room_to_controller(now_s)
                descriptor = port.descriptor if takes else -1
                readable = self._wait(due_s, [descriptor], [descriptor] if self._unwritten else [])
                if self._stop in readable:
                    return None
                if descriptor in readable and (octets := port.read(takes)):
                    now_s = self._now_s()
                    self._device.receive(self._wire.to_controller(octets, now_s), now_s)
        finally:
            self._unwritten.clear()
            port.close()

    def stay_away(self, away_s: float) -> bool:
        """Let time pass without a port: the device runs on. False when the twin was told to stop."""
        returns_s = self._now_s() + away_s
        while (now_s := self._turn()) < returns_s:
            self._device.outgoing(now_s, LINE_BUFFER)
            if self._stop in self._wait(min(returns_s, self._device.deadline_s(now_s)), [], []):
                return False
        return True

    def _turn(self) -> float:
        now_s = self._now_s()
        self._device.advance(now_s)
        for companion in self._companions:
            companion.turn(now_s)
        return now_s

    def _happen(self, now_s: float) -> HangUp | None:
        """Carry out what has happened to the line."""
        for event in self._wire.take_events(now_s):
            self._log.write(f"line_{event.what}", self._device.device_s(now_s), **event.details)
            if isinstance(event, HangUp):
                return event
            if isinstance(event, Reset):
                self._device.reboot(now_s)
                self._unwritten.clear()
        return None

    def _greet(self, port: TerminalPort | SocketPort, now_s: float) -> None:
        """Notice hosts that come, and those that leave."""
        had_host, self._has_host = self._has_host, port.has_host()
        if had_host != self._has_host:
            self._unwritten.clear()
            self._log.write("host_came" if self._has_host else "host_left", self._device.device_s(now_s))
            if self._has_host and self._greet_host is not None:
                self._greet_host(now_s)

    def _speak(self, port: TerminalPort | SocketPort, now_s: float) -> float:
        """Carry in both directions what the line has ready; returns when there is something to do again."""
        device, wire = self._device, self._wire
        arrived = wire.to_controller(b"", now_s)
        if arrived:
            device.receive(arrived, now_s)
        if not self._has_host:
            device.outgoing(now_s, LINE_BUFFER)
            return min(device.deadline_s(now_s), wire.deadline_s(now_s), now_s + _LOOK_EVERY_S)
        room = min(wire.room_to_host(now_s), LINE_BUFFER - len(self._unwritten))
        self._unwritten += wire.to_host(device.outgoing(now_s, room) if room > 0 else b"", now_s)
        port.write(self._unwritten)
        earliest_s = -math.inf if room > 0 else now_s + _LOOK_EVERY_S
        return min(max(device.deadline_s(now_s), earliest_s), wire.deadline_s(now_s))

    def _wait(self, due_s: float, reading: list[int], writing: list[int]) -> list[int]:
        """Descriptors that can be read, once there is one or it is time."""
        now_s = self._now_s()
        due_s = min([due_s, *(companion.deadline_s(now_s) for companion in self._companions)])
        reading = [*reading, self._stop, *(companion.fileno() for companion in self._companions)]
        wait_s = min(_LONGEST_WAIT_S, max(0.0, due_s - now_s))
        reading, writing = ([each for each in some if each >= 0] for some in (reading, writing))
        return select.select(reading, writing, [], wait_s)[0]

    def _now_s(self) -> float:
        return self._awake.now_s(time.monotonic()) if self._clock is None else self._clock()
