"""A SCPI spectrometer's twin in a process of its own, over an object that emits the same everywhere."""

from __future__ import annotations

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
from tests.protocol.forked import Ready, forked


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
    with forked(_serve, told) as (process, (address,)):
        assert process.pid is not None
        yield TwinProcess(address, process.pid, log)


def _serve(told: dict[str, Any], ready: Ready) -> None:
    serve_scpi(
        ConstantSource(told["rate_hz"]),
        settings_from(told["settings"]),
        port=0,
        pose=resting_beam(StagePose(10.0, 10.0)) if told["pose"] is None else SharedPoseReader(Path(told["pose"])).news,
        ready=ready,
        wire=FaultScript([fault_of(fault) for fault in told["faults"]], delimiter=ord("\n")),
        electronics=ScpiElectronics(**told["electronics"]),
    )
