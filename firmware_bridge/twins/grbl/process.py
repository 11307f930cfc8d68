"""A stage on a GRBL board behind a pseudo-terminal, in a process of its own.

The stage runs on a clock that may be faster than real time; the monostable runs on the wall clock, where the host
lives. A host that opens the pseudo-terminal resets the board, as DTR does; one that leaves it changes nothing.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.twins.grbl.core import GrblCore
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.serving import serve_behind_terminal
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire

_POSE_EVERY_S = 0.004


def serve_grbl(
    settings: GrblTwinSettings,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: TimedWire | None = None,
) -> None:
    """Be a stage until SIGTERM or SIGINT; hosts may come and go.

    Parameters
    ----------
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none.
    ready
        Called once with the path to open: the link if there is one.
    wire
        The line between port and board; None: one that is as fast as this computer, and never fails. While it has
        hung up the board works on what it holds, and nobody triggers its monostable.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(TwinLog(settings.log))
        core = GrblCore(settings, log, now_s=time.monotonic())
        stack.callback(_record_end, core)
        companions = []
        if settings.pose is not None:
            companions.append(_Telling(core, stack.enter_context(SharedPoseWriter(settings.pose))))
        serve_behind_terminal(
            _Board(core), link=link, ready=ready, wire=wire, log=log, resets_on_open=True, companions=companions
        )


def _record_end(core: GrblCore) -> None:
    """The last line of the log: what the receive buffer has been through."""
    core.board.record("ended", core.board.time_s, fullest_bytes=core.fullest_bytes, dropped_bytes=core.dropped_bytes)


class _Telling:
    """Tells a detector's twin where the beam is."""

    def __init__(self, core: GrblCore, pose: SharedPoseWriter) -> None:
        self._core = core
        self._pose = pose

    def fileno(self) -> int:
        return -1

    def turn(self, now_s: float) -> None:
        wall_s = time.monotonic()
        for moment in self._core.take_moments():
            self._pose.write(
                moment.pose,
                is_on=moment.is_on,
                monotonic_s=wall_s - (now_s - moment.monotonic_s),
                is_trigger=moment.is_trigger,
            )
        self._pose.write(self._core.true_pose(), is_on=self._core.board.outputs.is_beam_on, monotonic_s=wall_s)

    def deadline_s(self, now_s: float) -> float:
        return now_s + _POSE_EVERY_S if self._core.board.motion.is_moving else math.inf


class _Board:
    """A core as it is served."""

    def __init__(self, core: GrblCore) -> None:
        self._core = core

    def receive(self, octets: bytes, now_s: float) -> None:
        self._core.receive(octets, now_s)

    def advance(self, now_s: float) -> None:
        self._core.advance(now_s)

    def outgoing(self, now_s: float, room: int) -> bytes:
        return self._core.outgoing()

    def deadline_s(self, now_s: float) -> float:
        return self._core.deadline_s()

    def device_s(self, now_s: float) -> float:
        return self._core.board.time_s

    def reboot(self, now_s: float) -> None:
        self._core.power_cycle(now_s)
