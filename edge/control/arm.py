"""`pointillist arm`: somebody at a terminal looks at what a waiting scan is about to do, and lets it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.configuration.config import ScanConfig, parse_scan_config
from edge.console import Console
from edge.control.client import ask
from edge.faults import ScanStopped, UsageError
from edge.planning.figures import figures
from edge.planning.plan import plan_from_json
from edge.record.fold import ScanHistory
from edge.record.folder import RecordingPaths, open_recording

_ANSWER_S = 10.0
"""Longest time that the scan may take to answer."""


def arm(folder: Path, *, console: Console) -> None:
    """Show object, area, dose and time, ask, and let the shutter open.

    Raises
    ------
    UsageError
        Nobody is there to ask, or no scan waits in this recording.
    ScanStopped
        The answer was no; the scan waits on.
    """
    if not console.can_ask:
        raise UsageError("arming needs somebody at a terminal of the instrument's computer: give the command there")
    by = _user()
    status = ask(folder, "status", by, _ANSWER_S)
    if status.state not in ("waiting to be armed", "paused"):
        raise UsageError(f"{folder}: there is nothing to arm: {status.sentence}")
    with open_recording(folder) as recording:
        history = recording.history
    for line in _told(history, parse_scan_config(history.config_yaml, RecordingPaths(folder).config)):
        console.say(line)
    if os.environ.get("SSH_CONNECTION"):
        console.warn("you are logged in from another computer: arm only what you can see, with the area clear")
    digest = history.plans[-1].plan_digest
    if console.ask("Is the area clear, and shall the shutter open?", ("yes", "no")) == "no":
        raise ScanStopped(f"not armed; the scan waits on, shutter closed: pointillist arm {folder}")
    reply = ask(folder, "arm", by, _ANSWER_S, plan=digest)
    if not reply.ok:
        raise UsageError(f"{folder}: {reply.sentence}")
    console.say(f"{reply.sentence[0].upper()}{reply.sentence[1:]}")


def _told(history: ScanHistory, config: ScanConfig) -> Iterator[str]:
    plan, area = plan_from_json(history.plan_json), config.area
    name = " - ".join(text for text in (config.object.identifier, config.object.title) if text)
    yield f"Object  {name or 'without a name'}"
    yield (
        f"Area    {area.width_mm:g} x {area.height_mm:g} mm from ({area.x_mm:g}, {area.y_mm:g}) mm of the stage"
        f"{', within a polygon' if area.polygon is not None else ''}"
    )
    if done := len(history.settled):
        yield f"Done    {done} of {len(plan.exposures)} exposures, {history.live_s:.0f} s of live time"
    first, *others = figures(plan, config)
    yield f"Plan    {first}"
    for line in others:
        yield f"        {line}"


def _user() -> str:
    """Name of who is logged in; of who became root, where it is known."""
    with suppress(KeyError, OSError):
        return os.environ.get("SUDO_USER") or getpass.getuser()
    return str(os.getuid())
