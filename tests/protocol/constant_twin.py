"""A twin in a process of its own, over an object that emits the same everywhere."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.native.process import serve
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission
from tests.protocol.forked import Ready, forked


class ConstantSource:
    """Iron and lead, everywhere alike."""

    def __init__(self, rate_hz: float = 3_000.0) -> None:
        self._emission = Emission(
            energies_kev=np.array([2.345, 6.404, 7.058, 10.551, 12.614]),
            rates_hz=np.array([0.05, 0.35, 0.05, 0.2, 0.15]) * rate_hz,
            matrix_rate_hz=0.2 * rate_hz,
        )

    def at(self, start: StagePose, end: StagePose) -> Emission:
        return self._emission


@dataclass(frozen=True)
class TwinProcess:
    """A twin that is running."""

    port: str
    pid: int
    log: Path

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Lines of the twin's own log."""
        text = self.log.read_text(encoding="utf-8")
        # the last line may be half written
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == kind]

    def kill(self) -> None:
        """End it without warning."""
        os.kill(self.pid, signal.SIGKILL)


@contextmanager
def running_twin(
    folder: Path, *, rate_hz: float = 3_000.0, faults: Sequence[dict[str, Any]] = (), **settings: Any
) -> Iterator[TwinProcess]:
    """Start a twin with these settings, and these faults on its line; end it with the context."""
    log = folder / "twin.jsonl"
    told = {"link": str(folder / "port"), "rate_hz": rate_hz, "faults": list(faults)}
    with forked(_serve, {**told, "settings": {"log": str(log), **settings}}) as (process, (port,)):
        assert process.pid is not None
        yield TwinProcess(port, process.pid, log)


def settings_from(arguments: dict[str, Any]) -> TwinSettings:
    """Settings from what JSON can say."""
    tuples = {field.name for field in fields(TwinSettings) if str(field.type).startswith("tuple")}
    values: dict[str, Any] = {name: tuple(value) if name in tuples else value for name, value in arguments.items()}
    values["log"] = Path(arguments["log"])
    return TwinSettings(**values)


def _serve(told: dict[str, Any], ready: Ready) -> None:
    serve(
        ConstantSource(told["rate_hz"]),
        settings_from(told["settings"]),
        link=Path(told["link"]),
        ready=ready,
        wire=FaultScript([fault_of(fault) for fault in told["faults"]]),
    )
