"""A rangefinder behind a pseudo-terminal, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.twins.rangefinder.core import RangefinderCore
from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings
from firmware_bridge.twins.serving import serve_behind_terminal
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.twin_log import TwinLog
from firmware_bridge.twins.wire import TimedWire


def serve_rangefinder(
    settings: RangefinderTwinSettings,
    *,
    pose: BeamPath,
    link: Path | None,
    ready: Callable[[str], None],
    wire: TimedWire | None = None,
) -> None:
    """Be a rangefinder until SIGTERM or SIGINT; hosts may come and go.

    Parameters
    ----------
    pose
        Where the beam is: `SharedPoseReader.news` of a stage's twin, or a `resting_beam`.
    link
        Symbolic link to the pseudo-terminal, replaced if it exists and removed at the end; None for none.
    ready
        Called once with the path to open: the link if there is one.
    wire
        Faults of the line; None for none.
    """
    with TwinLog(None) as log:
        core = RangefinderCore(settings, pose, time.monotonic())
        serve_behind_terminal(core, link=link, ready=ready, wire=wire, log=log)
