"""Points as others choose them, in the same time: a mask from the photograph alone, and `adaptive.Learner2D`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edge.faults import UsageError
from edge.modes.pieces import Pieces
from edge.modes.pricing import points_in, points_within, priced
from edge.modes.setting import Setting
from edge.motion.kinematics import StageModel
from edge.replay_matrix.learner import learner_order
from models.masks import make_mask
from tools.reproduce.timed.objects import TimedObject
from tools.reproduce.timed.trial import Trial, on_grid, scored, setting_of

ONE_SHOT = "mask, one shot"
LEARNER = "Learner2D"
RIVALS = (ONE_SHOT, LEARNER)
_MORE = 1.4
"""Times the expected number of points that Learner2D is asked for, so that its order is long enough."""


def one_shot(
    one: TimedObject, stage: StageModel, dwell_s: float, full_dwell_s: float, budget_s: float, seed: int
) -> Trial:
    """Points of the mask network all at once; of blue noise where there is no photograph."""
    setting = setting_of(one, stage, dwell_s, seed)
    name = "blue-noise" if one.rgb is None else "netm"

    def points(count: int) -> Pieces:
        return Pieces.points(make_mask(name, setting.mask_request(count)).mask.cells, dwell_s)

    return _visited(one, setting, points, full_dwell_s, budget_s, seed)


def learned(
    one: TimedObject, stage: StageModel, dwell_s: float, full_dwell_s: float, budget_s: float, seed: int
) -> Trial:
    """Learner2D's points, each chosen after what those before counted in a dwell.

    It is told what true maps are scaled by, and its points are visited in the order of least travel, as if it knew them
    all beforehand: both are in its favour.
    """
    setting = setting_of(one, stage, dwell_s, seed)
    told = one.begun(full_dwell_s, seed)
    told.expose(Pieces.points(setting.allowed, dwell_s))
    guess = points_within(budget_s, dwell_s, stage, area_mm2=setting.area_mm2)
    most = min(max(int(_MORE * guess), 2), int(setting.allowed.sum()))
    order = learner_order(on_grid(told.seen()), setting.allowed, most)

    def points(count: int) -> Pieces:
        cells = np.zeros(setting.shape, np.bool_)
        cells.ravel()[order[:count]] = True
        return Pieces.points(cells, dwell_s)

    return _visited(one, setting, points, full_dwell_s, budget_s, seed, most)


def _visited(
    one: TimedObject,
    setting: Setting,
    points: Callable[[int], Pieces],
    full_dwell_s: float,
    budget_s: float,
    seed: int,
    most: int | None = None,
) -> Trial:
    try:
        pieces = points_in(setting, points, budget_s, int(setting.allowed.sum()) if most is None else most)
    except UsageError:
        return Trial(math.nan, math.nan, math.nan)
    target = one.begun(full_dwell_s, seed)
    target.expose(pieces)
    maps = target.seen().maps(one.rgb).maps
    return scored(one, maps * full_dwell_s, priced(setting, pieces).seconds)
