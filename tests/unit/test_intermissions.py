"""What a run does between two openings: with the shutter closed, at its time, and without losing an exposure."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from edge.beam.intermissions import Agenda, Intermission, Standstill
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.calibrate.look import Look as ObjectLook
from edge.console import Console
from edge.events import Opened, Paused, Planned, Registered, ShutterClosed, ShutterOpened
from edge.faults import DeviceError, SafetyStop
from edge.record.journal import Journal
from edge.state import New
from firmware_bridge.faults import DoorOpen, LeaseExpired, LinkLost
from firmware_bridge.messages import ExposureDone
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, failing_at, measured, recorded

ANYWHERE = Bounds((-200.0, 200.0), (-200.0, 200.0), tolerance_mm=0.25, patience_s=0.5)


@dataclass(eq=False)
class Look:
    """Something to be looked at with the shutter closed."""

    do: Callable[[Standstill], str] = lambda standstill: ""
    first_after_s: float = 0.0
    every_s: float = 1e9
    reason: str = "a look"
    times: int = field(default=0)
    pauses: str = ""
    given_up: list[str] = field(default_factory=list)

    def carry_out(self, standstill: Standstill) -> str:
        self.times += 1
        return self.do(standstill)

    def give_up(self, standstill: Standstill, fault: Exception) -> str:
        self.given_up.append(str(fault))
        return self.pauses


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def run(journal):
    session = Session(journal, New())
    now = utc_now()
    session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))

    def expose(controller: ScriptedController, *intermissions: Intermission, **reconnecting: float) -> RunOutcome:
        console = Console(quiet=True, log_level="error")
        return Run(
            Connection(lambda: controller, patience_s=reconnecting.get("patience_s", 0.0), console=console),
            session,
            [exposure(index) for index in range(COUNT)],
            bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=0.5),
            planned=COUNT,
            live_s=0.0,
            rejoin=lambda recorded: 0,
            confirm_place=lambda: None,
            console=console,
            intermissions=intermissions,
        ).expose()

    return expose


def test_an_intermission_of_the_beginning_comes_before_the_first_opening(run, journal):
    look = Look(lambda standstill: str(len(events(journal, ShutterOpened))) if events(journal, ShutterOpened) else "")
    assert run(ScriptedController(), look) is RunOutcome.FINISHED
    assert look.times == 1
    assert recorded(journal) == list(range(COUNT))


def test_an_intermission_finds_the_shutter_closed_and_the_queue_empty_every_time(run, journal):
    controller = ScriptedController()

    def do(standstill: Standstill) -> str:
        assert not controller.is_open
        assert not controller._queue
        assert standstill.shutter.is_closed
        return ""

    look = Look(do, every_s=0.0)
    assert run(controller, look) is RunOutcome.FINISHED
    assert look.times > 3
    assert sorted(recorded(journal)) == list(range(COUNT))
    reasons = [event.reason for event in events(journal, ShutterClosed)]
    assert set(reasons) == {"a look", "finished"}


def test_the_stage_goes_back_to_the_next_exposure_before_the_shutter_opens_again(run):
    class Watching(ScriptedController):
        def open_shutter(self) -> None:
            assert self.pose.y_mm == 5.0
            super().open_shutter()

    def do(standstill: Standstill) -> str:
        standstill.connection.controller.move_to(exposure(0).start.__class__(45.0, 9.0))
        return ""

    assert run(Watching(), Look(do, every_s=0.0)) is RunOutcome.FINISHED


def test_an_intermission_can_have_the_run_pause_with_the_shutter_closed(run, journal):
    look = Look(lambda standstill: "the painting has moved by 3 mm: put it back, then go on")
    assert run(ScriptedController(), look) is RunOutcome.STOPPED
    assert events(journal, ShutterOpened) == []
    assert [event.reason for event in events(journal, Paused)] == [
        "the painting has moved by 3 mm: put it back, then go on"
    ]


def test_a_safety_stop_of_an_intermission_ends_the_run_without_beam(run, journal):
    def do(standstill: Standstill) -> str:
        raise SafetyStop("the painting has fallen: look at it")

    controller = ScriptedController()
    with pytest.raises(SafetyStop, match="has fallen"):
        run(controller, Look(do))
    assert "open" not in controller.calls


def expire(standstill: Standstill) -> str:
    raise LeaseExpired("the lease expired: see what kept this computer busy")


def test_an_intermission_that_a_fault_ended_is_tried_once_more_and_then_given_up_until_its_next_turn(run, journal):
    look = Look(expire)
    assert run(ScriptedController(), look) is RunOutcome.FINISHED
    assert look.times == 2
    assert look.given_up == ["the lease expired: see what kept this computer busy"]
    assert recorded(journal) == list(range(COUNT))


def test_an_intermission_that_is_given_up_can_pause_the_run_before_the_beam(run, journal):
    look = Look(expire, pauses="the object could not be looked at")
    controller = ScriptedController()
    assert run(controller, look) is RunOutcome.STOPPED
    assert "open" not in controller.calls
    assert [event.reason for event in events(journal, Paused)] == ["the object could not be looked at"]


def test_a_look_over_a_link_that_breaks_twice_pauses_the_run_instead_of_being_left_out(run, journal):
    def confirm_place() -> None:
        raise LeaseExpired("the lease expired: see what kept this computer busy")

    look = ObjectLook(confirm_place, every_s=0.0)
    controller = ScriptedController()
    assert run(controller, look) is RunOutcome.STOPPED
    assert "open" not in controller.calls
    assert [event.reason for event in events(journal, Paused)] == [
        "the object could not be looked at (the lease expired: see what kept this computer busy): "
        "see that it lies where it lay, then go on"
    ]


def test_a_lost_link_ends_an_intermission_as_it_ends_an_opening(run):
    def do(standstill: Standstill) -> str:
        raise LinkLost("the controller stopped answering: check the cable")

    with pytest.raises(LinkLost):
        run(ScriptedController(), Look(do))


def test_two_ctrl_c_during_a_look_abort_the_scan_without_waiting_for_the_camera(run, journal):
    waited = []

    def confirm_place() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        waited.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        waited.append("after the second")

    controller = ScriptedController()
    assert run(controller, ObjectLook(confirm_place, every_s=0.0)) is RunOutcome.STOPPED
    assert waited == ["after the first"]
    assert "open" not in controller.calls
    assert [event.reason for event in events(journal, Paused)] == ["aborted by the operator"]


@pytest.mark.parametrize(("misses", "outcome"), [(1, RunOutcome.FINISHED), (2, RunOutcome.STOPPED)])
def test_a_photograph_that_was_not_to_be_had_is_asked_for_once_more(run, misses, outcome):
    answers = [DeviceError("no whole picture came within 15 s: check the network")] * misses

    def confirm_place() -> None:
        if answers:
            raise answers.pop()

    controller = ScriptedController()
    assert run(controller, AtFirst(confirm_place, every_s=1e9)) is outcome
    assert answers == []
    assert ("open" in controller.calls) is (outcome is RunOutcome.FINISHED)


class AtFirst(ObjectLook):
    """Due at once."""

    def __init__(self, confirm_place: Callable[[], None], *, every_s: float) -> None:
        super().__init__(confirm_place, every_s=every_s)
        self.first_after_s = 0.0


class Stuck(ScriptedController):
    """Its shutter stays open once an intermission has opened it."""

    def abort(self) -> None:
        was_open = self.is_open
        super().abort()
        self.is_open = was_open


@pytest.mark.parametrize(
    "fault", [LeaseExpired("the lease expired"), DoorOpen("the door is open")], ids=["lease", "door"]
)
def test_a_shutter_that_stays_open_after_a_fault_of_an_intermission_ends_the_run_and_is_not_called_closed(
    run, journal, monkeypatch, fault
):
    monkeypatch.setattr("edge.beam.shutter._CLOSE_S", 0.05)
    controller = Stuck()

    def do(standstill: Standstill) -> str:
        standstill.shutter.open("a look", exposures_left=COUNT, live_s=0.0, bounds=ANYWHERE)
        raise fault

    with pytest.raises(SafetyStop, match="the controller says that it is open") as stopped:
        run(controller, Look(do))
    assert stopped.value.__cause__ is fault
    assert events(journal, ShutterClosed) == []
    assert events(journal, Paused) == []


def test_a_link_that_is_lost_while_a_fault_of_an_intermission_is_cleared_away_is_a_lost_link(run, journal):
    class Silent(ScriptedController):
        def abort(self) -> None:
            if self.is_open:
                raise LinkLost("the controller did not answer an abort")
            super().abort()

    def do(standstill: Standstill) -> str:
        standstill.shutter.open("a look", exposures_left=COUNT, live_s=0.0, bounds=ANYWHERE)
        raise LeaseExpired("the lease expired")

    with pytest.raises(LinkLost, match="did not answer an abort"):
        run(Silent(), Look(do))
    assert events(journal, ShutterClosed) == []


def test_an_exposure_measured_elsewhere_that_a_fault_of_an_intermission_brings_to_light_stops_the_scan(run, journal):
    late = replace(measured(exposure(0)), start=exposure(9).start)

    class Late(ScriptedController):
        late_ones: ClassVar[list[ExposureDone]] = []

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            return self.late_ones.pop() if self.late_ones else super().next_done(timeout_s)

    controller = Late()

    def do(standstill: Standstill) -> str:
        controller.late_ones.append(late)
        raise LeaseExpired("the lease expired")

    with pytest.raises(SafetyStop, match=r"9\.00 mm away from where it was planned"):
        run(controller, Look(do))
    assert recorded(journal) == [0]


def test_a_pause_asked_for_during_an_intermission_is_met_before_the_beam(run, journal):
    def do(standstill: Standstill) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return ""

    controller = ScriptedController()
    assert run(controller, Look(do)) is RunOutcome.STOPPED
    assert "open" not in controller.calls


def test_a_lease_that_expires_in_an_opening_between_two_intermissions_loses_nothing(run, journal):
    script = failing_at(7, LeaseExpired("the lease expired: see what kept this computer busy"))
    assert run(ScriptedController(script), Look(every_s=0.0)) is RunOutcome.FINISHED
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_an_agenda_takes_the_longest_due_first_and_puts_each_off_by_its_own_interval(standstill):
    now_s = [0.0]
    often, seldom = Look(first_after_s=10.0, every_s=10.0), Look(first_after_s=5.0, every_s=100.0)
    agenda = Agenda([often, seldom], lambda: now_s[0])
    assert agenda.due is None
    now_s[0] = 12.0
    assert agenda.due is seldom
    assert agenda.carry_out(standstill) == ""
    assert (often.times, seldom.times) == (1, 1)
    now_s[0] = 21.9
    assert agenda.due is None
    now_s[0] = 22.0
    assert agenda.due is often


@pytest.fixture
def standstill():
    return Standstill(None, None, None, None, request=lambda: None, finishing=nullcontext, let_go_on=lambda: None)
