"""A DP5's twin in a process of its own, over an object that emits the same everywhere.

As a script: serves until told to end, printing its addresses. As a module: `running_dp5` for tests.
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

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.dp5.electronics import Dp5Electronics
from firmware_bridge.twins.dp5.process import serve_dp5
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.paced_wire import PacedWire
from firmware_bridge.twins.shared_pose import SharedPoseReader, resting_beam
from firmware_bridge.twins.wire import TimedWire
from tests.protocol.constant_twin import ConstantSource, settings_from

_ROOT = Path(__file__).resolve().parents[2]


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
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(told)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().split()
        assert line, "the twin ended before it was ready"
        yield Dp5Process(line[0], line[1], process.pid, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _wire(told: dict[str, Any]) -> TimedWire | None:
    if told["faults"] is not None:
        return FaultScript([fault_of(fault) for fault in told["faults"]])
    return None if told["baud"] is None else PacedWire(told["baud"])


def _serve(told: dict[str, Any]) -> None:
    path = resting_beam(StagePose(10.0, 10.0)) if told["pose"] is None else SharedPoseReader(Path(told["pose"])).news
    serve_dp5(
        ConstantSource(told["rate_hz"]),
        settings_from(told["settings"]),
        link=Path(told["link"]),
        udp_port=0,
        pose=path,
        ready=lambda port, udp: print(port, udp, flush=True),
        wire=_wire(told),
        network_faults=[fault_of(fault) for fault in told["faults"] or []],
        electronics=Dp5Electronics(**told["electronics"]),
    )


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
