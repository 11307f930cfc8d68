"""A stage on a GRBL board behind a pseudo-terminal, in a process of its own.

The stage runs on a clock that may be faster than real time; the monostable runs on the wall clock, where the host
lives. A host that opens the pseudo-terminal resets the board, as DTR does; one that leaves it changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.pseudo_terminal import PerfectWire, Wire, pseudo_terminal, stop_signal, write_what_fits
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from firmware_bridge.twins.simulated_clock import AwakeClock
from firmware_bridge.twins.twin_log import TwinLog

_CHUNK = 65_536
_LONGEST_WAIT_S = 0.05
_POSE_EVERY_S = 0.004
_LOOK_EVERY_S = 0.005
"""How often a board that nobody has opened looks for a host."""


def serve_grbl(
    settings: GrblTwinSettings,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: Wire | None = None,
) -> None:
    """Be a stage until SIGTERM or SIGINT; hosts may come and go.

    Parameters
    ----------
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none.
    ready
        Called once with the path to open: the link if there is one.
    wire
        Faults of the line; None for none.
    """
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stop_signal())
        master, path = stack.enter_context(pseudo_terminal(link, survives_hosts=False))
        log = stack.enter_context(TwinLog(settings.log))
        pose = stack.enter_context(SharedPoseWriter(settings.pose)) if settings.pose is not None else None
        core = GrblCore(settings, log, now_s=time.monotonic())
        ready(path)
        _Server(core, PerfectWire() if wire is None else wire, pose, master, stop).run()


class _Server:
    """One board, one pseudo-terminal, one host at a time."""

    def __init__(self, core: GrblCore, wire: Wire, pose: SharedPoseWriter | None, master: int, stop: int) -> None:
        self._core = core
        self._wire = wire
        self._pose = pose
        self._master = master
        self._stop = stop
        self._clock = AwakeClock(time.monotonic())
        self._unwritten = bytearray()
        self._watch = select.poll()
        self._watch.register(master, 0)
        self._has_host = False

    def run(self) -> None:
        """Until the signal to stop."""
        while True:
            now_s = self._advance()
            self._greet(now_s)
            if self._has_host:
                self._unwritten += self._wire.to_host(self._core.outgoing(), now_s)
                with contextlib.suppress(OSError):
                    write_what_fits(self._master, self._unwritten)
            longest_s = _LONGEST_WAIT_S if self._has_host else _LOOK_EVERY_S
            if self._pose is not None and self._core.board.motion.is_moving:
                longest_s = min(longest_s, _POSE_EVERY_S)
            wait_s = min(longest_s, max(0.0, self._core.deadline_s() - now_s))
            reading = [self._master, self._stop] if self._has_host else [self._stop]
            readable, _, _ = select.select(reading, [self._master] if self._unwritten else [], [], wait_s)
            if self._stop in readable:
                return
            if self._master in readable:
                self._read()

    def _advance(self) -> float:
        wall_s = time.monotonic()
        now_s = self._clock.now_s(wall_s)
        self._core.advance(now_s)
        if self._pose is not None:
            self._pose.write(self._core.true_pose(), is_on=self._core.board.outputs.is_beam_on, monotonic_s=wall_s)
        return now_s

    def _greet(self, now_s: float) -> None:
        """Notice hosts that come, and reset the board for them; and hosts that leave."""
        had_host = self._has_host
        self._has_host = not any(event & select.POLLHUP for _, event in self._watch.poll(0))
        if self._has_host and not had_host:
            self._unwritten.clear()
            self._core.power_cycle(now_s)
        elif had_host and not self._has_host:
            self._unwritten.clear()
            self._core.outgoing()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            octets = os.read(self._master, _CHUNK)
            now_s = self._clock.now_s(time.monotonic())
            self._core.receive(self._wire.to_controller(octets, now_s), now_s)
