"""One scan in thought: so many seconds, one way to spend them, and how far its maps are from the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.competition import predict
from edge.modes.course import carried_out
from edge.modes.lines import lies_along_columns, line_count, whole_lines
from edge.modes.pieces import Pieces
from edge.modes.pricing import priced
from edge.modes.registry import MODES
from edge.modes.setting import Seen, Setting
from edge.modes.stand_in import ExpectedRates
from edge.motion.kinematics import StageModel, predict_raster_s
from edge.replaying.score import score
from tools.reproduce.timed.objects import TimedObject
from tools.reproduce.timed.stages import PITCH_MM

RAW = "full raster, raw"
COARSE = "coarse raster, raw"
_FACTORS = (2, 3, 4, 6, 8, 12)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a scan came to."""

    seconds: float
    """NaN where it can't be done."""
    rmse: float
    """Each map scaled by its 99.9th percentile; root of the mean over elements."""
    db: float
    """Mean of the elements' PSNR."""
    predicted: float = math.nan
    """The error that was predicted before, NaN where nothing was."""


def setting_of(one: TimedObject, stage: StageModel, dwell_s: float, seed: int) -> Setting:
    """What a mode knows of an object beforehand."""
    grid = ScanGrid(0.0, 0.0, PITCH_MM, *one.shape)
    return Setting(grid, stage, dwell_s, np.ones(one.shape, np.bool_), rgb=one.rgb, seed=seed)


def full_raster_s(one: TimedObject, stage: StageModel, dwell_s: float) -> float:
    """The time that people take today: every cell flown over in the dwell, along the longer side."""
    rows, columns = sorted(one.shape)
    return predict_raster_s(ScanGrid(0.0, 0.0, PITCH_MM, rows, columns), dwell_s, stage)


def raw_raster(one: TimedObject, stage: StageModel, dwell_s: float, seed: int) -> Trial:
    """The full raster, as it was counted."""
    target = one.begun(dwell_s, seed)
    target.expose(Pieces.along_rows(np.ones(one.shape, np.bool_), dwell_s))
    return scored(one, on_grid(target.seen()) * dwell_s, full_raster_s(one, stage, dwell_s))


def coarse_raster(one: TimedObject, stage: StageModel, dwell_s: float, budget_s: float, seed: int) -> Trial:
    """The finest raster of every so many rows that a time allows, a dwell for so many cells, shown by interpolation."""
    setting = setting_of(one, stage, dwell_s, seed)
    turned = lies_along_columns(setting)
    for factor in _FACTORS:
        lines = np.arange(factor // 2, line_count(setting), factor)
        pieces = whole_lines(setting, lines, max(dwell_s / factor, setting.fastest_cell_s))
        seconds = priced(setting, pieces).seconds
        if seconds <= budget_s:
            target = one.begun(dwell_s, seed)
            target.expose(pieces)
            seen = on_grid(target.seen()) * dwell_s
            fine = _interpolated((seen.transpose(1, 0, 2) if turned else seen)[lines], factor, line_count(setting))
            return scored(one, fine.transpose(1, 0, 2) if turned else fine, seconds)
    return Trial(math.nan, math.nan, math.nan)


def _interpolated(lines: NDArray[np.float32], factor: int, count: int) -> NDArray[np.float32]:
    """Lines of means over so many cells, drawn out linearly to `count` lines and to their cells again."""
    from scipy.ndimage import zoom

    length = lines.shape[1]
    padded = np.pad(lines, ((0, 0), (0, -length % factor), (0, 0)), mode="edge")
    coarse = padded.reshape(lines.shape[0], -1, factor, lines.shape[2]).mean(axis=2)
    shape = (count / coarse.shape[0], padded.shape[1] / coarse.shape[1], 1)
    fine: NDArray[np.float32] = zoom(coarse, shape, order=1, grid_mode=True, mode="nearest")
    return fine[:, :length]


def scanned(
    one: TimedObject, stage: StageModel, mode: str, *, dwell_s: float, full_dwell_s: float, budget_s: float, seed: int
) -> Trial:
    """A mode carried out; `dwell_s` at a point, `full_dwell_s` of the raster in which the truth would be counted."""
    setting = setting_of(one, stage, dwell_s, seed)
    target = one.begun(full_dwell_s, seed)
    try:
        course = carried_out(MODES[mode], setting, budget_s, target)
    except UsageError:
        return Trial(math.nan, math.nan, math.nan)
    seen = target.seen()
    maps = seen.maps(one.rgb).maps
    return scored(one, maps * full_dwell_s, course.seconds)


def predicted_error(
    one: TimedObject, stage: StageModel, mode: str, *, dwell_s: float, full_dwell_s: float, budget_s: float, seed: int
) -> float:
    """What the competition expects of the mode, knowing the photograph and the rate of a bright cell; NaN without."""
    if one.rgb is None:
        return math.nan
    bright = float(np.percentile(one.truth.reshape(-1, one.truth.shape[2]), 99.9, axis=0).mean())
    setting = setting_of(one, stage, dwell_s, seed)
    return predict(MODES[mode], setting, ExpectedRates(bright / full_dwell_s, 0.0), budget_s).error


def on_grid(seen: Seen) -> NDArray[np.float32]:
    """Values in their cells, shape (rows, columns, elements); 0 where nothing was measured."""
    grid = np.zeros((*seen.cells.shape, seen.cells.elements), np.float32)
    grid[seen.cells.rows, seen.cells.columns] = seen.cells.values
    return grid


def scored(one: TimedObject, maps: NDArray[np.floating], seconds: float) -> Trial:
    """Maps in counts of a full dwell, held against the truth."""
    found = score(np.maximum(maps, 0).astype(np.float32), one.truth)
    return Trial(seconds, found.rmse, found.psnr_db)
