"""A run past a keep-out: the shutter is closed on the way across, and whatever ends an opening, no way is made up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.events import Opened, Planned, Registered, ShutterClosed, ShutterOpened
from edge.faults import SafetyStop
from edge.motion.kinematics import StageModel
from edge.planning.keep_outs import NOTHING, KeepOuts
from edge.planning.passage import Passage
from edge.record.journal import Journal
from edge.state import New
from firmware_bridge.faults import LeaseExpired
from firmware_bridge.messages import Exposure, ExposureDone, StagePose
from tests.unit.scripted_scan import COUNT, ScriptedController, events, failing_at, measured, recorded

SEAL = np.array([[18.0, 4.0], [22.0, 4.0], [22.0, 6.0], [18.0, 6.0]])
KEEP_OUTS = KeepOuts(("seal",), (SEAL,), 0.5)


def zigzag(index: int) -> Exposure:
    """Along y = 5, but round the seal: past it above, on every third column, else straight up to it and on behind."""
    pose = StagePose(*[(index, 5.0), (17.0, 5.0), (17.0, 2.0), (23.0, 2.0), (23.0, 5.0)][min(max(index - 16, 0), 4)])
    return Exposure(index, pose, pose, 0.1)


def straight(index: int) -> Exposure:
    """Along y = 5, twelve cells before the seal, the others behind it."""
    pose = StagePose(float(index if index < 12 else index + 12), 5.0)
    return Exposure(index, pose, pose, 0.1)


class Walking(ScriptedController):
    """Goes to each exposure from where it stands, remembers the ways with the shutter open, and passes over repeats."""

    def __init__(self, script=None) -> None:
        super().__init__(script)
        self.ways: list[tuple[StagePose, StagePose]] = []
        self.made: set[int] = set()
        self.kept: list[ExposureDone] = []

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        if self.kept and not self.is_open:
            return self.kept.pop(0)
        while self._queue and self._queue[0].index in self.made:
            self._queue.popleft()
        if not self._queue or not self.is_open:
            return None
        planned = self._queue[0]
        done = measured(planned)
        self.ways.append((self.pose, planned.start))
        self.pose = planned.start
        if self._script is not None:
            done = self._script(self, done)
        self._queue.popleft()
        self.made.add(planned.index)
        return done


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def run(journal):
    session = Session(journal, New())
    now = utc_now()
    session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))

    def expose(controller, exposure_of=straight, keep_outs=KEEP_OUTS) -> RunOutcome:
        console = Console(quiet=True, log_level="error")
        return Run(
            Connection(lambda: controller, patience_s=0.0, console=console),
            session,
            [exposure_of(index) for index in range(COUNT)],
            bounds=Bounds((0.0, 60.0), (0.0, 10.0), 0.5, 0.5, Passage(keep_outs, StageModel(10.0, 100.0))),
            planned=COUNT,
            live_s=0.0,
            rejoin=lambda recorded: 0,
            confirm_place=lambda: None,
            console=console,
        ).expose()

    return expose


def crossed(controller) -> int:
    starts, ends = (np.array([(way[k].x_mm, way[k].y_mm) for way in controller.ways]) for k in (0, 1))
    return int(np.count_nonzero(KEEP_OUTS.touched(starts, ends) != NOTHING))


def test_the_shutter_is_closed_on_the_way_across_and_nowhere_else(run, journal):
    controller = Walking()
    assert run(controller) is RunOutcome.FINISHED
    assert crossed(controller) == 0
    assert recorded(journal) == list(range(COUNT))
    assert [event.reason for event in events(journal, ShutterClosed)] == ["a way past a keep-out", "finished"]
    assert [event.reason for event in events(journal, ShutterOpened)] == ["start", "after a way past a keep-out"]
    assert [event.exposures_left for event in events(journal, ShutterOpened)] == [COUNT, COUNT - 12]


def test_a_plan_that_goes_round_keeps_the_shutter_open(run, journal):
    controller = Walking()
    assert run(controller, zigzag) is RunOutcome.FINISHED
    assert crossed(controller) == 0
    assert len(events(journal, ShutterOpened)) == 1


@pytest.mark.parametrize("index", [17, 18, 19, 20])
def test_a_lease_that_expires_on_the_way_round_makes_no_way_straight_across(run, journal, index):
    controller = Walking(failing_at(index, LeaseExpired("the lease expired: see what kept this computer busy")))
    assert run(controller, zigzag) is RunOutcome.FINISHED
    assert crossed(controller) == 0
    assert recorded(journal) == list(range(COUNT))


def test_what_the_controller_has_measured_and_not_told_is_taken_over_before_the_beam_goes_on(run, journal):
    """It would pass these over, and go straight from where the run begins again to what is left."""

    def script(controller: Walking, done: ExposureDone) -> ExposureDone:
        if done.index == 17 and not controller.kept:
            controller.is_open = False
            controller.made |= {17, 18, 19}
            controller.kept = [measured(zigzag(index)) for index in (17, 18, 19)]
            raise LeaseExpired("the lease expired: see what kept this computer busy")
        return done

    controller = Walking(script)
    assert run(controller, zigzag) is RunOutcome.FINISHED
    assert crossed(controller) == 0
    assert recorded(journal) == list(range(COUNT))


def test_a_stage_that_stands_in_a_keep_out_gets_no_beam(run):
    class Lost(Walking):
        def move_to(self, pose: StagePose) -> None:
            self.pose = StagePose(20.0, 5.0)

    controller = Lost()
    with pytest.raises(SafetyStop, match="in a keep-out"):
        run(controller)
    assert "open" not in controller.calls


def test_without_keep_outs_the_queue_outlives_an_expired_lease(run):
    controller = Walking(failing_at(7, LeaseExpired("the lease expired: see what kept this computer busy")))
    assert run(controller, keep_outs=KeepOuts()) is RunOutcome.FINISHED
    assert "abort" not in controller.calls


def test_the_ways_of_these_tests_are_what_they_are_said_to_be():
    def is_crossed(exposure_of):
        path = np.array([(exposure_of(i).start.x_mm, exposure_of(i).start.y_mm) for i in range(COUNT)])
        return [(a, b) for a, b in pairwise(range(COUNT)) if KEEP_OUTS.touched(path[[a]], path[[b]])[0] != NOTHING]

    assert is_crossed(straight) == [(11, 12)]
    assert is_crossed(zigzag) == []
