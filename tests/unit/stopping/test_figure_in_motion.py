"""The error told of maps that were flown over, most of whose cells are known by the maps' own word alone."""

from __future__ import annotations

import numpy as np
import pytest

from edge.grid import ScanGrid
from edge.maps import Samples
from edge.modes.counted import CountedObject
from edge.modes.course import carried_out
from edge.modes.registry import MODES
from edge.modes.setting import Setting
from edge.motion.stage_model import StageModel
from edge.replaying.score import score
from edge.stopping.figure import figure_of

SHAPE = (48, 64)
_BACKGROUND_PER_S, _DWELL_S = 10.0, 0.1


def rates() -> np.ndarray:
    """Two elements of soft and of hard borders, counts per second."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 48.0
    inside = (np.hypot(y - 0.5, x - 0.6) < 0.3).astype(float)
    return np.stack([400 * inside + 100, 250 * (1 + np.sin(7 * x) * np.cos(5 * y))], axis=2)


@pytest.mark.parametrize("budget_s", [22.0, pytest.param(30.0, marks=pytest.mark.campaign)])
def test_the_error_told_of_maps_in_motion_is_not_below_the_true_one(budget_s: float) -> None:
    truth = rates()
    rgb = np.repeat((truth[:, :, :1] / 2).astype(np.uint8), 3, axis=2)
    setting = Setting(ScanGrid(0.0, 0.0, 0.5, *SHAPE), StageModel(50.0, 500.0), _DWELL_S, np.ones(SHAPE, np.bool_), rgb)
    target = CountedObject(truth, ("Fe", "Pb-L"), 3, background_per_s=_BACKGROUND_PER_S)
    carried_out(MODES["runs"], setting, budget_s, target)
    maps = target.seen().maps(rgb)
    assert maps.method == "photon-starved"
    assert 0.3 < maps.measured.mean() < 0.95
    chance = np.random.default_rng(4)
    places = chance.choice(np.flatnonzero(~maps.measured), 150, replace=False)
    rows, columns = np.unravel_index(places, SHAPE)
    counts = chance.poisson((truth[rows, columns] + _BACKGROUND_PER_S) * _DWELL_S)
    values = (counts / _DWELL_S - _BACKGROUND_PER_S).astype(np.float32)
    held = Samples(rows, columns, values, (counts / _DWELL_S**2).astype(np.float32))
    figure = figure_of(maps, held, setting.allowed, exposures=1)
    assert figure is not None
    true_rmse = score(maps.maps, truth.astype(np.float32)).rmse
    # by no more than twice the range, which is one standard error of held-out cells and the scale's tenth
    assert true_rmse < figure.overall.rmse + 2 * (figure.overall.high - figure.overall.rmse)
    # nor so far above that no scan would ever stop: known cells are half and more, on the maps' own word
    assert figure.overall.rmse < 2 * true_rmse
