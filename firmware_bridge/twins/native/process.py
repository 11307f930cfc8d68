"""The native controller's twin behind a pseudo-terminal, in a process of its own.

Stage and detector run on a clock that may be faster than real time; the shutter's lease and the link's timers run on
the wall clock, where the host lives.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.native.core import NativeCore
from firmware_bridge.twins.pseudo_terminal import pseudo_terminal, stop_signal, write_what_fits
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.simulated_clock import AwakeClock
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import LINE_BUFFER, DirectWire, HangUp, Reset, TimedWire

_LONGEST_WAIT_S = 0.05


def serve(
    source: SpectrumSource,
    settings: TwinSettings,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: TimedWire | None = None,
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
    wire
        The line between port and controller; None: one that is as fast as this computer, and never fails.
    """
    line = DirectWire() if wire is None else wire
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with stop_signal() as stop, TwinLog(settings.log) as log:
        twin = _Twin(source, settings, log, line, stop)
        with pseudo_terminal(link) as (master, path):
            ready(path)
            hang_up = twin.run_behind(master)
        while hang_up is not None and twin.stay_away(hang_up.away_s):
            with _under_another_name(link) as master:
                hang_up = twin.run_behind(master)


@contextlib.contextmanager
def _under_another_name(link: Path | None) -> Iterator[int]:
    """A pseudo-terminal whose number isn't the one that was freed last."""
    freed = os.openpty()
    with pseudo_terminal(link) as (master, _):
        for descriptor in freed:
            os.close(descriptor)
        yield master


class _Twin:
    """A core, its clock, and the line to it."""

    def __init__(
        self, source: SpectrumSource, settings: TwinSettings, log: TwinLog, wire: TimedWire, stop: int
    ) -> None:
        self._source = source
        self._settings = settings
        self._log = log
        self._wire = wire
        self._stop = stop
        self._clock = AwakeClock(time.monotonic())
        self._core = NativeCore(source, settings, log, now_s=self._now_s())

    def run_behind(self, master: int) -> HangUp | None:
        """Carry bytes until the line hangs up; None when the twin was told to stop."""
        core, wire = self._core, self._wire
        unwritten = bytearray()
        while True:
            now_s = self._now_s()
            for event in wire.take_events(now_s):
                self._log.write(f"line_{event.what}", core.instrument.device_s(now_s), **event.details)
                if isinstance(event, HangUp):
                    return event
                if isinstance(event, Reset):
                    core = self._core = self._booted_again(now_s)
                    unwritten.clear()
            core.receive(wire.to_controller(b"", now_s), now_s)
            room = min(wire.room_to_host(now_s), LINE_BUFFER - len(unwritten))
            unwritten += wire.to_host(core.outgoing(now_s, room) if room > 0 else b"", now_s)
            write_what_fits(master, unwritten)
            due_s = core.deadline_s(now_s) if room > 0 else core.instrument.deadline_s()
            takes = wire.room_to_controller(now_s)
            readable = self._wait(
                min(due_s, wire.deadline_s(now_s)), [master] if takes else [], [master] if unwritten else []
            )
            if self._stop in readable:
                return None
            if master in readable:
                with contextlib.suppress(BlockingIOError):
                    octets = os.read(master, takes)
                    now_s = self._now_s()
                    core.receive(wire.to_controller(octets, now_s), now_s)

    def stay_away(self, away_s: float) -> bool:
        """Let time pass without a port; the lease runs out meanwhile. False when the twin was told to stop."""
        returns_s = self._now_s() + away_s
        while (now_s := self._now_s()) < returns_s:
            self._core.advance(now_s)
            if self._wait(min(self._core.instrument.deadline_s(), returns_s), [], []):
                return False
        return True

    def _wait(self, due_s: float, reading: list[int], writing: list[int]) -> list[int]:
        wait_s = min(_LONGEST_WAIT_S, max(0.0, due_s - self._now_s()))
        return select.select([*reading, self._stop], writing, [], wait_s)[0]

    def _booted_again(self, now_s: float) -> NativeCore:
        return NativeCore(self._source, replace(self._settings, starts_homed=False), self._log, now_s=now_s)

    def _now_s(self) -> float:
        return self._clock.now_s(time.monotonic())
