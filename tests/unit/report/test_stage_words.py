"""What a report says of the stage: what the plan was priced with, whether that held, and what the scan itself tells."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edge.motion.kinematics import StageModel
from edge.motion.refit import Figure, Refit
from edge.motion.seen import Held
from edge.report.page import render
from edge.report.stage import stage_words
from tests.unit.report.conftest import MakeReport
from tests.unit.report.test_report_page import _Outline

SLOWER = Figure("speed", "mm/s", 50.0, 38.96, 0.05)
AS_PLANNED = Figure("acceleration", "mm/s²", 500.0, 501.0, 2.0)
JERKY = Figure("jerk", "mm/s³", float("inf"), 8_950.0, 48.0)
STOPS = Figure("stop for a dwell", "s", 0.0, 0.0339, 0.0002)


def text_of(make_report: MakeReport, **effort: Any) -> str:
    report = make_report()
    changed = dataclasses.replace(report.effort, **effort)
    return _Outline(render(dataclasses.replace(report, effort=changed))).text


def test_like_is_compared_with_like(make_report: MakeReport) -> None:
    text = text_of(make_report, held=Held(80.0, 82.0, 200, 3))
    assert "Predicted for what nothing interrupted 1 min 20 s the plan" in text
    assert "The same, without dead time 1 min 22 s controller’s clock +2.5 %" in text


def test_nothing_is_compared_where_nothing_was_seen(make_report: MakeReport) -> None:
    assert "nothing interrupted" not in text_of(make_report, held=Held(0.0, 0.0, 0, 0))
    assert "nothing interrupted" not in text_of(make_report)


def test_what_the_scan_tells_otherwise_is_said_and_nothing_else(make_report: MakeReport) -> None:
    refit = Refit((SLOWER, AS_PLANNED, JERKY, STOPS), Held(81.9, 82.0, 200, 3))
    text = text_of(make_report, held=Held(80.0, 82.0, 200, 3), refit=refit)
    assert "The stage by this scan’s own moves" in text
    assert "speed 50 mm/s 39 mm/s ± 0.05" in text
    assert "jerk without bound 8,950 mm/s³ ± 48" in text
    assert "predicted to within +0.1 %" in text
    assert "acceleration 500" not in text


def test_a_stage_that_was_as_planned_is_not_told_again(make_report: MakeReport) -> None:
    refit = Refit((AS_PLANNED,), Held(80.0, 82.0, 200, 3))
    assert "own moves" not in text_of(make_report, held=Held(80.0, 82.0, 200, 3), refit=refit)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (StageModel(50, 500, 0.01), "50 mm/s, 500 mm/s², 0.01 s to settle"),
        (StageModel(50, 500, axis_speeds_mm_s=(50, 50)), "50 mm/s along each axis"),
        (StageModel(50, 500, axis_speeds_mm_s=(50, 60)), "50 mm/s along x and 60 along y"),
        (StageModel(50, 500, run_overhead_s=0.3, lead_s=0.5, margin_mm=0.2), "0.2 mm more at either end of a run"),
        (StageModel(50, 500, dwell_step_s=0.05, stroke_factor=1.03), "strokes 3.0 % longer than asked, dwells in"),
        (StageModel(50, 500, origin="by the motion calibration"), "; by the motion calibration"),
    ],
)
def test_every_figure_of_a_stage_that_is_not_nothing_is_named(stage: StageModel, words: str) -> None:
    assert words in stage_words(stage)
