"""How many points a second stages and spectrometers that are devices of their own measure together."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass

from firmware_bridge.controller import Controller
from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.registry import SPECTROMETERS, STAGES, connect_pair
from firmware_bridge.spectrometer import SpectrometerOptions
from firmware_bridge.stage import StageOptions
from tools.bench.device_twins import BAUD, LIVE_S, UDP_BYTES_PER_S, running
from tools.bench.table import Row

NOTES = (
    f"Points: dwells of {1e3 * LIVE_S:g} ms, 0.5 mm apart: move, verify the position, open the gate, count, read.",
    "Their limit: the way from rest to rest, the live time, and the spectrum's bytes on its line (none on an unpaced "
    "TCP connection); no round trips.",
)

_STEP_MM = 0.5
_POINTS = 8
"""Of each repeat."""
_ACCELERATION = 500.0
"""Of the twins' stages, in mm/s^2."""
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A stage and a spectrometer."""

    what: str
    stage: str
    gate: str
    spectrometer: str
    address: int
    """Which of the spectrometer's addresses is used."""
    spectrum_s: float
    """Time that a spectrum's bytes take on that line."""


_UDP_S = 6_216 / UDP_BYTES_PER_S
PAIRS = (
    Pair("GRBL and DP5 over UDP", "grbl", "M8", "dp5", 1, _UDP_S),
    Pair("Marlin and DP5 over UDP", "marlin", "P57", "dp5", 1, _UDP_S),
    Pair("GRBL and SCPI over TCP", "grbl", "M8", "scpi", 0, 0.0),
)


def measure(repeats: int) -> list[Row]:
    """A row for each pair."""
    rows = []
    for pair in PAIRS:
        per_s = points_per_s(pair, 1 + _POINTS * repeats)
        travel_s = 2 * math.sqrt(_STEP_MM / _ACCELERATION)
        limit = 1 / (travel_s + LIVE_S + pair.spectrum_s)
        rows.append(Row(f"{pair.what}: points", f"{_STEP_MM:g} mm, {1e3 * LIVE_S:g} ms", per_s, "1/s", limit=limit))
    return rows


def points_per_s(pair: Pair, count: int) -> float:
    """Points a second, the first left out."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (stage_port, *_) = stack.enter_context(running(pair.stage, folder))
        port = stack.enter_context(running(pair.spectrometer, folder))[pair.address]
        controller = connect_pair(
            lambda: STAGES[pair.stage](StageOptions(stage_port, BAUD, pair.gate)),
            lambda: SPECTROMETERS[pair.spectrometer](SpectrometerOptions(port, BAUD, {})),
        )
        stack.callback(controller.close)
        controller.home()
        controller.open_shutter()
        times_s = _measured_s(controller, count)
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])


def _measured_s(controller: Controller, count: int) -> list[float]:
    """When each point was measured, on a row that begins where the stage stands after homing."""
    home, (low_mm, high_mm) = controller.status().pose, controller.capabilities.x_limits_mm
    step_mm = math.copysign(_STEP_MM, (low_mm + high_mm) / 2 - home.x_mm)
    points = [StagePose(home.x_mm + step_mm * index, home.y_mm) for index in range(count)]
    dwells = [Exposure(index, pose, pose, LIVE_S) for index, pose in enumerate(points)]
    times_s: list[float] = []
    submitted = 0
    while len(times_s) < count:
        submitted += controller.submit(dwells[submitted:])
        done = controller.next_done(_PATIENCE_S)
        if done is None:
            raise RuntimeError(f"no point was measured in {_PATIENCE_S:g} s")
        times_s.append(time.monotonic())
        controller.acknowledge(done.index)
    return times_s
