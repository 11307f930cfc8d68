"""A DP5's twin in a process of its own, over an object that emits the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.process import serve_dp5
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.paced_wire import PacedWire
from firmware_bridge.twins.shared_pose import SharedPoseReader, resting_beam
from firmware_bridge.twins.wire import TimedWire
from tests.protocol.constant_twin import ConstantSource, settings_from
from tests.protocol.forked import Ready, forked


@dataclass(frozen=True)
class Dp5Process:
    """A twin that is running."""

    port: str
    udp: str
    pid: int
    log: Path

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Lines of the twin's own log."""
        text = self.log.read_text(encoding="utf-8")
        # the last line may be half written
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == kind]


@contextmanager
def running_dp5(
    folder: Path,
    *,
    rate_hz: float = 3_000.0,
    pose: Path | None = None,
    baud: int | None = None,
    faults: list[dict[str, Any]] | None = None,
    electronics: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Dp5Process]:
    """Start a twin with these settings; end it with the context."""
    log = folder / "dp5.jsonl"
    told = {
        "link": str(folder / "dp5"),
        "rate_hz": rate_hz,
        "pose": None if pose is None else str(pose),
        "baud": baud,
        "faults": faults,
        "electronics": electronics or {},
        "settings": {"log": str(log), "channels": 2048, **settings},
    }
    with forked(_serve, told) as (process, (port, udp)):
        assert process.pid is not None
        yield Dp5Process(port, udp, process.pid, log)


def _wire(told: dict[str, Any]) -> TimedWire | None:
    if told["faults"] is not None:
        return FaultScript([fault_of(fault) for fault in told["faults"]])
    return None if told["baud"] is None else PacedWire(told["baud"])


def _serve(told: dict[str, Any], ready: Ready) -> None:
    path = resting_beam(StagePose(10.0, 10.0)) if told["pose"] is None else SharedPoseReader(Path(told["pose"])).news
    serve_dp5(
        ConstantSource(told["rate_hz"]),
        settings_from(told["settings"]),
        link=Path(told["link"]),
        udp_port=0,
        pose=path,
        ready=ready,
        wire=_wire(told),
        network_faults=[fault_of(fault) for fault in told["faults"] or []],
        electronics=Dp5Electronics(**told["electronics"]),
    )
