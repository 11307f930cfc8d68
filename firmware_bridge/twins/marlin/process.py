"""A stage on a Marlin 2 board behind a pseudo-terminal, in a process of its own.

The stage runs on a clock that may be faster than real time; the monostable runs on the wall clock, where the host
lives. A host that opens the pseudo-terminal resets the board, as DTR does; one that leaves it changes nothing.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.twins.marlin.core import MarlinCore
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from firmware_bridge.twins.serving import serve_behind_terminal
from firmware_bridge.twins.shared_pose import SharedPoseWriter
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire

_POSE_EVERY_S = 0.004


def serve_marlin(
    settings: MarlinTwinSettings,
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
        The line between port and board; None: one that is as fast as this computer, and never fails.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(TwinLog(settings.log))
        core = MarlinCore(settings, log, now_s=time.monotonic())
        companions = []
        if settings.pose is not None:
            companions.append(_Telling(core, stack.enter_context(SharedPoseWriter(settings.pose))))
        serve_behind_terminal(
            core, link=link, ready=ready, wire=wire, log=log, resets_on_open=True, companions=companions
        )


class _Telling:
    """Tells a detector's twin where the beam is."""

    def __init__(self, core: MarlinCore, pose: SharedPoseWriter) -> None:
        self._core = core
        self._pose = pose

    def fileno(self) -> int:
        return -1

    def turn(self, now_s: float) -> None:
        is_on = self._core.board.shutter.is_beam_on
        self._pose.write(self._core.true_pose(), is_on=is_on, monotonic_s=time.monotonic())

    def deadline_s(self, now_s: float) -> float:
        return now_s + _POSE_EVERY_S if self._core.board.motion.is_moving else math.inf
