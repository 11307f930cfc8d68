"""How a source is to be compared and for which stage: what the command says, and what is assumed besides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.configuration.config import StageConfig, load_scan_config
from edge.faults import UsageError
from edge.motion.stage_known import stage_of
from edge.motion.stage_model import StageModel
from edge.planning.folder import is_recording, read_plan
from edge.planning.scan_plan import ScanPlan
from edge.replay_matrix.prices import Stage
from edge.replaying.sources import Stack

_PITCH_MM, _DWELL_S = 1.0, 0.1
_MOST = 1e4


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be compared."""

    rate: float | None = None
    seed: int = 0
    model: Path | None = None
    is_quick: bool = False
    within_s: float | None = None
    pitch_mm: float | None = None
    dwell_s: float | None = None
    stage: str | None = None
    """A scan's configuration, or SPEED,ACCELERATION and as they may be SETTLE and OVERHEAD."""


def stage_wanted(stack: Stack, source: Path, wanted: Wanted) -> Stage:
    """The stage, pitch and dwell that times are predicted for; a recording says its own.

    Raises
    ------
    UsageError
        An option cannot be.
    """
    for option, value in (("--pitch", wanted.pitch_mm), ("--dwell", wanted.dwell_s)):
        if value is not None and not 0 < value < _MOST:
            raise UsageError(f"{option} {value:g} cannot be: give a number above 0")
    plan = read_plan(source) if is_recording(source) else None
    model = None if plan is None else plan.stage
    if wanted.stage is not None:
        model = _stage_said(wanted.stage)
    pitch_mm = wanted.pitch_mm or stack.pitch_mm or (None if plan is None else plan.grid.pitch_mm)
    dwell_s = wanted.dwell_s or (None if plan is None else _dwell_of(plan))
    assumed = [
        *(["pitch"] if pitch_mm is None else []),
        *(["dwell"] if dwell_s is None else []),
        *(["stage"] if model is None else []),
    ]
    return Stage(pitch_mm or _PITCH_MM, dwell_s or _DWELL_S, model or _usual_stage(), tuple(assumed))


def _dwell_of(plan: ScanPlan) -> float | None:
    """Live time that a visited cell was given, on average; None where none was to be visited."""
    cells = int(np.count_nonzero(plan.mask.cells))
    live_s = math.fsum(exposure.live_s for exposure in plan.exposures)
    return live_s / cells if cells and live_s > 0 else None


def _stage_said(text: str) -> StageModel:
    path = Path(text)
    if path.is_file():
        return stage_of(load_scan_config(path))
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 4:
        raise UsageError(
            f"--stage {text}: neither a scan's configuration nor SPEED,ACCELERATION[,SETTLE[,OVERHEAD]], in mm/s, "
            "mm/s² and s, such as 50,500"
        )
    return StageModel(*numbers)


def _usual_stage() -> StageModel:
    stated = StageConfig()
    return StageModel(
        stated.speed_mm_s, stated.acceleration_mm_s2, settle_s=stated.settle_s, overhead_s=stated.overhead_s
    )
