"""One scan that is asked for, and what comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.reproduce.timed.objects import TimedObject, hands, portrait
from tools.reproduce.timed.rivals import LEARNER, ONE_SHOT, learned, one_shot
from tools.reproduce.timed.stages import PITCH_MM, STAGES
from tools.reproduce.timed.trial import (
    COARSE,
    RAW,
    Trial,
    coarse_raster,
    full_raster_s,
    predicted_error,
    raw_raster,
    scanned,
)

_RIVALS = {ONE_SHOT: one_shot, LEARNER: learned}
_COUNTS = 300.0
_PART = (200, 120)
_SEED = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One scan to try."""

    subject: str
    """``portrait``, ``hands``, or ``hour N`` for the whole portrait at N counts, ``hour hands``."""
    stage: str
    dwell_s: float
    share: float
    """Of the full raster's time."""
    way: str
    """A mode, one of the two raw rasters, or points as others choose them."""


def tried(asked: Asked, folder: Path) -> tuple[Trial, float]:
    """Carry one scan out; with the time of the full raster."""
    one = subject_of(asked.subject, folder)
    stage = STAGES[asked.stage]
    full_s = full_raster_s(one, stage, asked.dwell_s)
    budget_s = asked.share * full_s
    # where the stage is slower than the dwell, it sets the time in a cell, and the photons that a raster counts there
    full_dwell_s = max(asked.dwell_s, PITCH_MM / stage.speed_mm_s)
    if asked.way == RAW:
        return raw_raster(one, stage, full_dwell_s, _SEED), full_s
    if asked.way == COARSE:
        return coarse_raster(one, stage, full_dwell_s, budget_s, _SEED), full_s
    if asked.way in _RIVALS:
        return _RIVALS[asked.way](one, stage, asked.dwell_s, full_dwell_s, budget_s, _SEED), full_s
    times = {"dwell_s": asked.dwell_s, "full_dwell_s": full_dwell_s, "budget_s": budget_s}
    trial = scanned(one, stage, asked.way, **times, seed=_SEED)
    guess = (
        math.nan if asked.subject.startswith("hour") else predicted_error(one, stage, asked.way, **times, seed=_SEED)
    )
    return Trial(trial.seconds, trial.rmse, trial.db, guess), full_s


@cache
def subject_of(name: str, folder: Path) -> TimedObject:
    """The object of a name.

    Raises
    ------
    ReproductionError
        Its measurements are not there.
    """
    kind, _, counts = name.partition(" ")
    if name in ("hands", "hour hands"):
        return hands(folder, _SEED)
    return portrait(folder, float(counts)) if kind == "hour" else portrait(folder, _COUNTS, part=_PART)
