"""The native controller's twin behind a pseudo-terminal, in a process of its own.

Stage and detector run on a clock that may be faster than real time; the shutter's lease and the link's timers run on
the wall clock, where the host lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.detector import Detector
from firmware_bridge.twins.native.core import NativeCore
from firmware_bridge.twins.serving import serve_behind_terminal
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire


def serve(
    source: SpectrumSource,
    settings: TwinSettings,
    *,
    link: Path | None,
    ready: Callable[[str], None],
    wire: TimedWire | None = None,
    whereabouts: Whereabouts | None = None,
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
    whereabouts
        Told at every turn where the stage is.
    """
    centre = StagePose(sum(settings.x_limits_mm) / 2, sum(settings.y_limits_mm) / 2)
    Detector(settings).illuminate(source.at(centre, centre), 0.0)
    with TwinLog(settings.log) as log:
        controller = _Controller(source, settings, log, whereabouts)
        serve_behind_terminal(controller, link=link, ready=ready, wire=wire, log=log)


class Whereabouts:
    """Where the stage is, at most a turn ago; told in one thread, asked in any."""

    def __init__(self) -> None:
        self._pose: StagePose | None = None

    def tell(self, pose: StagePose) -> None:
        self._pose = pose

    def last(self) -> StagePose | None:
        """None before the first turn."""
        return self._pose


class _Controller:
    """A core, and another one after every boot."""

    def __init__(
        self, source: SpectrumSource, settings: TwinSettings, log: TwinLog, whereabouts: Whereabouts | None
    ) -> None:
        self._whereabouts = whereabouts
        self._source = source
        self._settings = settings
        self._log = log
        self._core = NativeCore(source, settings, log, now_s=time.monotonic())

    def receive(self, octets: bytes, now_s: float) -> None:
        self._core.receive(octets, now_s)

    def advance(self, now_s: float) -> None:
        self._core.advance(now_s)
        if self._whereabouts is not None:
            self._whereabouts.tell(self._core.instrument.pose(now_s))

    def outgoing(self, now_s: float, room: int) -> bytes:
        return self._core.outgoing(now_s, room)

    def deadline_s(self, now_s: float) -> float:
        return self._core.deadline_s(now_s)

    def device_s(self, now_s: float) -> float:
        return self._core.instrument.device_s(now_s)

    def reboot(self, now_s: float) -> None:
        self._core.instrument.close_shutter("boot", now_s)
        self._core = NativeCore(self._source, replace(self._settings, starts_homed=False), self._log, now_s=now_s)
