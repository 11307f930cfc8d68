"""Rivals at equal seconds keep to the seconds, and the page says who they are."""

from __future__ import annotations

import numpy as np
import pytest

from edge.modes.counted import CountedObject
from edge.motion.stage_model import StageModel
from tools.reproduce.timed.objects import TimedObject
from tools.reproduce.timed.rivals import learned, one_shot

STAGE = StageModel(50.0, 500.0, settle_s=0.004)
DWELL_S, BUDGET_S = 0.1, 20.0


def painted() -> TimedObject:
    y, x = np.mgrid[:24, :40]
    truth = 200.0 * np.stack([np.hypot(y - 12, x - 20) < 8, x / 40], axis=2).astype(np.float32)
    return TimedObject(
        "panel",
        "a disc",
        ("A", "B"),
        truth,
        None,
        lambda dwell_s, seed: CountedObject(truth / dwell_s, ("A", "B"), seed),
    )


@pytest.mark.parametrize("rival", [one_shot, learned])
def test_a_rival_takes_the_seconds_that_it_is_given(rival) -> None:
    if rival is learned:
        pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    trial = rival(painted(), STAGE, DWELL_S, DWELL_S, BUDGET_S, 1)
    # points are found to fit within two parts in a hundred; one of the hundred points more or less is half of that
    assert trial.seconds == pytest.approx(BUDGET_S, rel=0.03)
    assert trial.db > 15


@pytest.mark.parametrize("rival", [one_shot, learned])
def test_a_rival_without_time_for_two_points_has_no_figure(rival) -> None:
    if rival is learned:
        pytest.importorskip("adaptive", reason="the extra `rivals` is not installed")
    assert np.isnan(rival(painted(), STAGE, DWELL_S, DWELL_S, 0.05, 1).db)
