"""The native controller's twin behind a pseudo-terminal, in a process of its own.

Stage and detector run on a clock that may be faster than real time; the shutter's lease and the link's timers run on
the wall clock, where the host lives.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.native_core import NativeCore
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.simulated_clock import AwakeClock
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_CHUNK = 65_536
_WIRE_BUFFER = 4_096
"""Bytes that wait for the line at most, so that urgent frames never queue behind many others."""
_LONGEST_WAIT_S = 0.05


class Wire(Protocol):
    """What happens to bytes between controller and host: the place for faults."""

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        """What arrives of what the host sent."""
        ...

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        """What arrives of what the controller sent."""
        ...


class PerfectWire:
    """Every byte arrives, once, in order, at once."""

    def to_controller(self, octets: bytes, now_s: float) -> bytes:
        return octets

    def to_host(self, octets: bytes, now_s: float) -> bytes:
        return octets


def serve(
    source: SpectrumSource,
    settings: TwinSettings,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: Wire | None = None,
) -> None:
    """Be a controller until SIGTERM or SIGINT; hosts may come and go.

    Parameters
    ----------
    source
        The object under the beam; asked once before the twin is ready, so that what it prepares is prepared, and
        what it gets wrong is known.
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none.
    ready
        Called once with the path to open: the link if there is one.
    """
    line = PerfectWire() if wire is None else wire
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with _stop_signal() as stop, _terminal(link) as (master, path), TwinLog(settings.log) as log:
        core = NativeCore(source, settings, log, now_s=time.monotonic())
        ready(path)
        _run(core, line, master, stop)


def _run(core: NativeCore, wire: Wire, master: int, stop: int) -> None:
    unwritten = bytearray()
    clock = AwakeClock(time.monotonic())
    while True:
        now_s = clock.now_s(time.monotonic())
        core.advance(now_s)
        if len(unwritten) < _WIRE_BUFFER:
            unwritten += wire.to_host(core.outgoing(now_s, _WIRE_BUFFER - len(unwritten)), now_s)
        _write(master, unwritten)
        wait_s = min(_LONGEST_WAIT_S, max(0.0, core.deadline_s(now_s) - clock.now_s(time.monotonic())))
        readable, _, _ = select.select([master, stop], [master] if unwritten else [], [], wait_s)
        if stop in readable:
            return
        if master in readable:
            with contextlib.suppress(BlockingIOError):
                octets = os.read(master, _CHUNK)
                now_s = clock.now_s(time.monotonic())
                core.receive(wire.to_controller(octets, now_s), now_s)


def _write(master: int, unwritten: bytearray) -> None:
    with contextlib.suppress(BlockingIOError):
        while unwritten:
            written = os.write(master, unwritten)
            del unwritten[:written]


@contextlib.contextmanager
def _terminal(link: Path | None) -> Iterator[tuple[int, str]]:
    """A raw pseudo-terminal: the descriptor of its master and the path of its slave, or of the link to it.

    The slave stays open here, so that the master survives hosts that come and go.
    """
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)
        path = os.ttyname(slave)
        if link is not None:
            _point(link, path)
        try:
            yield master, path if link is None else str(link)
        finally:
            if link is not None and link.is_symlink() and str(link.readlink()) == path:
                link.unlink()
    finally:
        os.close(slave)
        os.close(master)


def _point(link: Path, path: str) -> None:
    """Create or replace a symbolic link in one step."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(path)
    fresh.replace(link)


@contextlib.contextmanager
def _stop_signal() -> Iterator[int]:
    """A descriptor that becomes readable at SIGTERM or SIGINT; outside the main thread it never does."""
    receiving, sending = os.pipe()

    def tell(_number: int, _frame: FrameType | None) -> None:
        os.write(sending, b"s")

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield receiving
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        os.close(receiving)
        os.close(sending)
