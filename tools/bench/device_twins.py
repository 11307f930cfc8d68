"""Twins of stages and spectrometers in processes of their own, for the link's bench.

As a script: serves until told to end, printing the address, or the addresses, of its line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.settings import GrblTwinSettings
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath, SharedPoseReader, resting_beam
from tools.bench.link_twin import SparseSource

BAUD = 115_200
COUNTS = 300
LIVE_S = 0.05
"""Live time in which the object's spectrum has `COUNTS`."""
_CHANNELS = 2048
UDP_BYTES_PER_S = 90_000.0
"""What a DP5 makes of its Ethernet: 2,048 channels with status in 70 ms."""


def grbl_settings(log: Path | None, pose: Path | None) -> GrblTwinSettings:
    """A board that does what it announces, and is homed soon."""
    return GrblTwinSettings(
        starts_homed=True, homing_s=0.2, speed_factor=1.0, acceleration_factor=1.0, log=log, pose=pose
    )


@contextmanager
def running(kind: str, folder: str, *, baud: int | None = BAUD) -> Iterator[list[str]]:
    """Start a twin, on a line of a pace or an unpaced one; its addresses.

    Stage and spectrometer of one folder share where the beam is; a spectrometer without a stage there sees it resting.
    """
    arguments = json.dumps({"kind": kind, "folder": folder, "baud": baud})
    command = [sys.executable, "-m", "tools.bench.device_twins", arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            addresses = process.stdout.readline().split()
            if not addresses:
                raise RuntimeError(f"the twin of a {kind} ended before it was ready")
            yield addresses
        finally:
            process.terminate()


def events(folder: str, kind: str, event: str) -> list[dict[str, Any]]:
    """Lines of a twin's own log."""
    lines = map(json.loads, (Path(folder) / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["event"] == event]


def main(arguments: dict[str, Any]) -> None:
    """Be a twin."""
    from firmware_bridge.twins.paced_wire import PacedWire

    kind, folder, baud = arguments["kind"], Path(arguments["folder"]), arguments["baud"]
    wire = None if baud is None else PacedWire(baud)
    log, link, pose = folder / f"{kind}.jsonl", folder / kind, folder / "pose"
    match kind:
        case "grbl":
            from firmware_bridge.twins.grbl.process import serve_grbl

            serve_grbl(grbl_settings(log, pose), link=link, ready=_announce, wire=wire)
        case "dp5":
            from firmware_bridge.twins.dp5.electronics import Dp5Electronics
            from firmware_bridge.twins.dp5.process import serve_dp5

            serve_dp5(
                *_object(log), link=link, udp_port=0, pose=_beam(pose), ready=_announce, wire=wire,
                electronics=Dp5Electronics(udp_bytes_per_s=UDP_BYTES_PER_S),
            )  # fmt: skip
        case "marlin":
            from firmware_bridge.twins.marlin.process import serve_marlin
            from firmware_bridge.twins.marlin.settings import MarlinTwinSettings

            board = MarlinTwinSettings(starts_homed=True, homing_s=0.2, speed_factor=1.0, acceleration_factor=1.0)
            serve_marlin(replace(board, log=log, pose=pose), link=link, ready=_announce, wire=wire)
        case "scpi":
            from firmware_bridge.twins.scpi.process import serve_scpi

            serve_scpi(*_object(log), port=0, pose=_beam(pose), ready=_announce)
        case _:
            raise ValueError(f"there is no twin of a {kind}")


def _object(log: Path) -> tuple[SparseSource, TwinSettings]:
    return SparseSource(COUNTS, LIVE_S), TwinSettings(channels=_CHANNELS, log=log)


def _beam(pose: Path) -> BeamPath:
    return SharedPoseReader(pose).news if pose.exists() else resting_beam(StagePose(10.0, 10.0))


def _announce(*addresses: str) -> None:
    print(*addresses, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
