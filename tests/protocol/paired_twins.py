"""A GRBL stage and a DP5, each a twin in a process of its own, over an object that is brighter the farther right.

Beside them, what the twins' own logs say of a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.dp5.process import serve_dp5
from firmware_bridge.twins.paced_wire import PacedWire
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import SharedPoseReader
from firmware_bridge.twins.source import Emission
from tests.protocol.forked import Ready, forked
from tests.protocol.grbl_twin_process import GrblProcess, running_grbl

DARK_MM = 260.0
"""Where the object's brightness begins: it grows from there to the right."""
RATE_HZ_PER_MM = 600.0


class Slope:
    """An object whose iron line grows with x."""

    def at(self, start: StagePose, end: StagePose) -> Emission:
        rate_hz = max(0.0, (start.x_mm + end.x_mm) / 2 - DARK_MM) * RATE_HZ_PER_MM
        return Emission(np.array([6.404]), np.array([rate_hz]), 0.0)


@dataclass(frozen=True)
class TwinPair:
    """Two twins that are running."""

    stage: GrblProcess
    spectrometer: str
    log: Path

    def stage_events(self, *kinds: str) -> list[tuple[float, dict[str, Any]]]:
        """Events of the stage with their times on this computer's clock."""
        return _events(self.stage.log, kinds)

    def spectrometer_events(self, *kinds: str) -> list[tuple[float, dict[str, Any]]]:
        """The same of the spectrometer."""
        return _events(self.log, kinds)

    def longest_delay_s(self, since_s: float) -> float:
        """How late the stage's twin was at the most, from a moment on, in doing what was due."""
        lines = [json.loads(line) for line in self.stage.log.read_text(encoding="utf-8").splitlines()]
        delays = [line["monotonic_s"] - line["device_s"] for line in lines if line["monotonic_s"] > since_s]
        return float(max(delays) - min(delays))

    def true_x_mm(self, at_s: float) -> float:
        """Where the beam truly was within the last row, or its nearer end."""
        (on_s, on), (off_s, off) = self.stage_events("beam_on", "beam_off")[-2:]
        share = min(1.0, max(0.0, (at_s - on_s) / (off_s - on_s)))
        return float(on["x_mm"] + share * (off["x_mm"] - on["x_mm"]))


def _events(log: Path, kinds: tuple[str, ...]) -> list[tuple[float, dict[str, Any]]]:
    """A line is written after what it tells has happened: the smallest delay among its neighbours is the clock's."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    origins = [line["monotonic_s"] - line["device_s"] for line in lines]
    return [
        (line["device_s"] + min(origins[max(0, at - 40) : at + 40]), line)
        for at, line in enumerate(lines)
        if line["event"] in kinds
    ]


@contextmanager
def running_pair(folder: Path, *, baud: int | None = None, **stage: Any) -> Iterator[TwinPair]:
    """Start both; end them with the context."""
    pose, log = folder / "pose", folder / "dp5.jsonl"
    told = {"link": str(folder / "dp5"), "pose": str(pose), "log": str(log), "baud": baud}
    with running_grbl(folder, pose=str(pose), **stage) as grbl, forked(_serve, told) as (_, (address,)):
        yield TwinPair(grbl, address, log)


def _serve(told: dict[str, Any], ready: Ready) -> None:
    serve_dp5(
        Slope(),
        TwinSettings(log=Path(told["log"]), channels=1024),
        link=Path(told["link"]),
        udp_port=None,
        pose=SharedPoseReader(Path(told["pose"])).news,
        ready=lambda port, _udp: ready(port),
        wire=None if told["baud"] is None else PacedWire(told["baud"]),
    )
