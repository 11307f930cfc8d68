"""A rangefinder's twin in a process of its own.

As a script: serves until told to end, printing its port. As a module: `running_rangefinder` for tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RangefinderProcess:
    """A twin that is running."""

    port: str
    pid: int


@contextmanager
def running_rangefinder(folder: Path, *, pose: Path | None = None, **settings: Any) -> Iterator[RangefinderProcess]:
    """Start a twin with these settings, before a stage whose pose lies in a file; end it with the context."""
    process = subprocess.Popen(
        [
            sys.executable,
            __file__,
            str(folder / "rangefinder"),
            "" if pose is None else str(pose),
            json.dumps(settings),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        text=True,
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port, "the twin ended before it was ready"
        yield RangefinderProcess(port, process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    from firmware_bridge.messages import StagePose
    from firmware_bridge.twins.rangefinder.process import serve_rangefinder
    from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings
    from firmware_bridge.twins.shared_pose import SharedPoseReader, resting_beam

    serve_rangefinder(
        RangefinderTwinSettings(**json.loads(sys.argv[3])),
        pose=SharedPoseReader(Path(sys.argv[2])).news if sys.argv[2] else resting_beam(StagePose(0.0, 0.0)),
        link=Path(sys.argv[1]),
        ready=lambda port: print(port, flush=True),
    )
