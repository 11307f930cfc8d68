"""A SCPI spectrometer's twin in a process of its own, over an object that emits the same everywhere.

As a script: serves until told to end, printing its address. As a module: `running_scpi` for tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.fault_script import FaultScript, fault_of
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.scpi.process import serve_scpi
from firmware_bridge.twins.shared_pose import SharedPoseReader, resting_beam
from tests.protocol.constant_twin import ConstantSource, TwinProcess, settings_from

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_scpi(
    folder: Path,
    *,
    rate_hz: float = 3_000.0,
    pose: Path | None = None,
    faults: Sequence[dict[str, Any]] = (),
    electronics: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[TwinProcess]:
    """Start a twin with these settings, and these faults on its line; end it with the context."""
    log = folder / "scpi.jsonl"
    told = {
        "rate_hz": rate_hz,
        "pose": None if pose is None else str(pose),
        "faults": list(faults),
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
        address = process.stdout.readline().strip()
        assert address, "the twin ended before it was ready"
        yield TwinProcess(address, process.pid, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _serve(told: dict[str, Any]) -> None:
    serve_scpi(
        ConstantSource(told["rate_hz"]),
        settings_from(told["settings"]),
        port=0,
        pose=resting_beam(StagePose(10.0, 10.0)) if told["pose"] is None else SharedPoseReader(Path(told["pose"])).news,
        ready=lambda address: print(address, flush=True),
        wire=FaultScript([fault_of(fault) for fault in told["faults"]], delimiter=ord("\n")),
        electronics=ScpiElectronics(**told["electronics"]),
    )


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
