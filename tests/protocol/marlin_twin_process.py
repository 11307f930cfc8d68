"""A Marlin twin in a process of its own.

As a script: serves until told to end, printing the path of its pseudo-terminal. As a module: `running_marlin` for
tests.
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
class MarlinProcess:
    """A twin that is running."""

    port: str
    pid: int
    log: Path

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Lines of the twin's own log."""
        text = self.log.read_text(encoding="utf-8")
        # the last line may be half written
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [line for line in map(json.loads, lines) if line["event"] in kinds]


@contextmanager
def running_marlin(folder: Path, **settings: Any) -> Iterator[MarlinProcess]:
    """Start a twin with these settings; end it with the context."""
    log = folder / "marlin.jsonl"
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder / "marlin"), json.dumps({"log": str(log), **settings})],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the twin ended before it was ready"
        yield MarlinProcess(port, process.pid, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


if __name__ == "__main__":
    from firmware_bridge.twins.marlin.process import serve_marlin
    from firmware_bridge.twins.marlin.settings import MarlinTwinSettings

    chosen = json.loads(sys.argv[2])
    paths = {name: Path(chosen[name]) for name in ("log", "pose") if name in chosen}
    serve_marlin(
        MarlinTwinSettings(**{**chosen, **paths}),
        link=Path(sys.argv[1]),
        ready=lambda port: print(port, flush=True),
    )
