"""A Marlin twin in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_bridge.twins.marlin.process import serve_marlin
from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
from tests.protocol.forked import Ready, forked


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
    with forked(_serve, str(folder / "marlin"), {"log": str(log), **settings}) as (process, (port,)):
        assert process.pid is not None
        yield MarlinProcess(port, process.pid, log)


def _serve(link: str, settings: dict[str, Any], ready: Ready) -> None:
    paths = {name: Path(settings[name]) for name in ("log", "pose") if name in settings}
    serve_marlin(MarlinTwinSettings(**{**settings, **paths}), link=Path(link), ready=ready)
