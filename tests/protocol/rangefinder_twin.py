"""A rangefinder's twin in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.rangefinder.process import serve_rangefinder
from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings
from firmware_bridge.twins.shared_pose import SharedPoseReader, resting_beam
from tests.protocol.forked import Ready, forked


@dataclass(frozen=True)
class RangefinderProcess:
    """A twin that is running."""

    port: str
    pid: int


@contextmanager
def running_rangefinder(folder: Path, *, pose: Path | None = None, **settings: Any) -> Iterator[RangefinderProcess]:
    """Start a twin with these settings, before a stage whose pose lies in a file; end it with the context."""
    with forked(_serve, str(folder / "rangefinder"), pose, settings) as (process, (port,)):
        assert process.pid is not None
        yield RangefinderProcess(port, process.pid)


def _serve(link: str, pose: Path | None, settings: dict[str, Any], ready: Ready) -> None:
    serve_rangefinder(
        RangefinderTwinSettings(**settings),
        pose=resting_beam(StagePose(0.0, 0.0)) if pose is None else SharedPoseReader(pose).news,
        link=Path(link),
        ready=ready,
    )
