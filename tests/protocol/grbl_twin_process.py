"""A GRBL twin in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.grbl.process import serve_grbl
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from tests.protocol.forked import Ready, forked


@dataclass(frozen=True)
class GrblProcess:
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
def running_grbl(folder: Path, *, faults: Sequence[Mapping[str, Any]] = (), **settings: Any) -> Iterator[GrblProcess]:
    """Start a twin with these settings on a line with these faults; end it with the context."""
    log = folder / "grbl.jsonl"
    with forked(_serve, str(folder / "grbl"), {"log": str(log), **settings}, list(faults)) as (process, (port,)):
        assert process.pid is not None
        yield GrblProcess(port, process.pid, log)


def _serve(link: str, settings: dict[str, Any], faults: list[Mapping[str, Any]], ready: Ready) -> None:
    paths = {name: Path(settings[name]) for name in ("log", "pose") if name in settings}
    wire = FaultScript([fault_of(fault) for fault in faults], ord("\n"))
    serve_grbl(GrblTwinSettings(**{**settings, **paths}), link=Path(link), ready=ready, wire=wire)
