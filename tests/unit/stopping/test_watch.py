"""The scan's side of the rule: figures are journalled, and held against what was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.beam.session import Session, utc_now
from edge.events import Judged, Opened, Paused, Planned, Registered, Resumed, ShutterClosed, ShutterOpened
from edge.folds.running_time import RunningTime
from edge.record.journal import Journal
from edge.state import New
from edge.stopping.config import StopConfig
from edge.stopping.figure import ErrorFigure, Estimate, figure_from_json, figure_to_json
from edge.stopping.watch import Watch
from tests.unit.scripted_scan import events

FIGURE = ErrorFigure(300, 40, Estimate(0.1, 0.09, 0.11, 0.02), (("Fe", Estimate(0.1, 0.09, 0.11, 0.02)),), 0.7, 0.95)


class Scene:
    """A watch, its clock, the file that the preview leaves, and what was said."""

    def __init__(self, folder, journal, stop: StopConfig, noted: int = 0) -> None:
        self.path = folder / "error.json"
        self.now_s = 0.0
        self.warnings: list[str] = []
        self.notes: list[str] = []
        session = self.session = Session(journal, New())
        now = utc_now()
        session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))
        self.watch = Watch(
            stop,
            self.path,
            session,
            noted=noted,
            warn=self.warnings.append,
            note=self.notes.append,
            clock=lambda: self.now_s,
        )

    def sees(self, figure: ErrorFigure | str, live_s: float = 0.0) -> str:
        self.path.write_text(figure if isinstance(figure, str) else figure_to_json(figure))
        self.now_s += 1
        return self.watch.enough(live_s)


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


def test_figures_are_journalled_as_exposures_come_and_shown_beside_the_progress(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig())
    for exposures in (300, 301, 305, 320, 330, 331):
        assert scene.sees(replace(FIGURE, exposures=exposures)) == ""
    judged = events(journal, Judged)
    assert [event.exposures for event in judged] == [300, 320, 330]
    assert figure_from_json(judged[0].figure_json) == FIGURE
    assert scene.notes[0] == "error 0.1 (0.09 to 0.11)"


def test_the_figure_that_ends_the_scan_is_journalled_even_if_another_was_just_before(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(error=0.1))
    scene.sees(FIGURE)
    good = replace(FIGURE, exposures=301, overall=Estimate(0.08, 0.07, 0.09, 0.02))
    assert "is reached" in scene.sees(good)
    assert [event.exposures for event in events(journal, Judged)] == [300, 301]


def test_what_was_journalled_before_a_resumption_is_not_journalled_again(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(), noted=300)
    scene.sees(FIGURE)
    assert events(journal, Judged) == []
    assert scene.notes


@pytest.mark.parametrize("text", ["", "{}", "[1, 2", '{"exposures": -4}'])
def test_a_file_that_is_damaged_is_no_figure(tmp_path, journal, text):
    scene = Scene(tmp_path, journal, StopConfig(error=0.9))
    assert scene.sees(text) == ""
    assert scene.sees(FIGURE)


def test_a_target_below_the_floor_is_said_once(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(error=0.01))
    for exposures in (300, 400, 500):
        scene.sees(replace(FIGURE, exposures=exposures))
    assert len(scene.warnings) == 1
    assert "0.01 for all elements, where it leaves 0.02" in scene.warnings[0]


def test_live_time_stops_without_any_figure(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(live_s=30.0))
    scene.now_s = 1.0
    assert scene.watch.enough(29.0) == ""
    scene.now_s = 2.0
    assert "is spent" in scene.watch.enough(30.0)


def at(hour: int) -> str:
    """By the computer's clock, which nobody should trust."""
    return f"2026-01-02T{hour:02}:00:00.000000Z"


def test_a_time_is_spent_as_it_passes_whatever_the_computers_clock_is_set_to(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(time_s=10.0))
    scene.session.record(ShutterOpened(at(3), "start", 9, 0.0))
    spent = []
    for second in range(1, 15):
        scene.now_s = float(second)
        spent.append(scene.watch.enough(0.0))
    # the first look only sees that the scan runs
    assert [bool(reason) for reason in spent] == [False] * 10 + [True] * 4


def test_a_pause_spends_no_time(tmp_path, journal):
    scene = Scene(tmp_path, journal, StopConfig(time_s=10.0))
    scene.session.record(ShutterOpened(at(3), "start", 9, 0.0))
    for second in (1, 6):
        scene.now_s = float(second)
        assert scene.watch.enough(0.0) == ""
    scene.session.record(ShutterClosed(at(3), "operator"), Paused(at(3), "operator"), Resumed(at(4), "operator"))
    scene.session.record(ShutterOpened(at(4), "resumed by the operator", 9, 0.0))
    for second in (3_600, 3_604):
        scene.now_s = float(second)
        assert scene.watch.enough(0.0) == ""
    scene.now_s = 3_605.0
    assert "10.0 s, is spent" in scene.watch.enough(0.0)


def test_what_was_spent_before_a_resumption_counts(tmp_path, journal):
    session = Session(journal, New(), running=RunningTime(ended_s=10.0))
    stop = StopConfig(time_s=10.0)
    watch = Watch(stop, tmp_path / "error.json", session, noted=0, warn=print, note=print, clock=lambda: 1.0)
    assert "is spent" in watch.enough(0.0)
