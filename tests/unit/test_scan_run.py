"""The scan loop against a controller that follows a script: nothing is lost, and the shutter is closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from edge.beam.intake import Source
from edge.beam.intermissions import Intermission
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.events import Concluded, Faulted, Opened, Planned, Registered, Resumed, ShutterClosed, ShutterOpened
from edge.faults import IntegrityError, SafetyStop
from edge.record.journal import Journal
from edge.state import Broken, Ended, New
from firmware_bridge.faults import DoorOpen, LeaseExpired, LinkLost
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, failing_at, measured, recorded


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def run(journal):
    """Runs forty exposures on a controller; gives its outcome, or lets the fault through."""
    session = Session(journal, New())
    now = utc_now()
    session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))

    def expose(
        controller: ScriptedController,
        *,
        skip: int = 0,
        retained: int = 0,
        source: Source | None = None,
        enough: Callable[[float], str] = lambda _live_s: "",
        farewell: Intermission | None = None,
        again: ScriptedController | None = None,
    ) -> RunOutcome:
        console = Console(quiet=True, log_level="error")
        exposures = [exposure(index) for index in range(COUNT)]
        controllers = [controller] if again is None else [again, controller]
        patience_s = 0.0 if again is None else 5.0

        def rejoin(recorded: frozenset[int]) -> int:
            # as `edge.steps` journals it
            session.record(Opened(utc_now(), "scan", "", (), 2), Resumed(utc_now(), "connected again"))
            return 0

        return Run(
            Connection(
                lambda: controllers.pop() if len(controllers) > 1 else controllers[0],
                patience_s=patience_s,
                console=console,
            ),
            session,
            exposures[skip:],
            bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=0.5),
            planned=COUNT,
            live_s=0.0,
            rejoin=rejoin,
            confirm_place=lambda: None,
            console=console,
            source=source,
            enough=enough,
            farewell=farewell,
        ).expose(retained=retained)

    expose.session = session
    return expose


def test_every_exposure_is_recorded_then_acknowledged(run, journal):
    controller = ScriptedController()
    assert run(controller) is RunOutcome.FINISHED
    assert recorded(journal) == controller.acknowledged == list(range(COUNT))
    assert controller.calls == ["move", "open", "close"]
    assert run.session.state == Ended("finished", is_planned=True)


def test_an_exposure_is_durable_before_it_is_acknowledged(run, journal):
    class Watching(ScriptedController):
        def acknowledge(self, index: int) -> None:
            assert index in recorded(journal)
            super().acknowledge(index)

    assert run(Watching()) is RunOutcome.FINISHED


def test_the_opening_is_written_down_before_the_shutter_opens(run, journal):
    class Watching(ScriptedController):
        def open_shutter(self) -> None:
            assert len(events(journal, ShutterOpened)) == 1
            super().open_shutter()

    run(Watching())


def test_spectra_in_hand_are_recorded_when_the_link_breaks(run, journal):
    controller = ScriptedController(failing_at(5, LinkLost("the controller stopped answering: check the cable")))
    with pytest.raises(LinkLost):
        run(controller)
    assert recorded(journal) == controller.acknowledged == [0, 1, 2, 3, 4]
    assert controller.calls[-1] == "abort"
    assert run.session.state == Broken("LinkLost", "the controller stopped answering: check the cable", True)


def test_an_expired_lease_is_opened_again_and_nothing_is_lost(run, journal):
    controller = ScriptedController(failing_at(7, LeaseExpired("the lease expired: see what kept this computer busy")))
    assert run(controller) is RunOutcome.FINISHED
    assert recorded(journal) == list(range(COUNT))
    assert [event.reason for event in events(journal, ShutterOpened)] == ["start", "lease expired"]
    assert [event.reason for event in events(journal, ShutterClosed)] == ["lease expired", "finished"]


def test_a_lease_that_keeps_expiring_ends_the_run(run, journal):
    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        raise LeaseExpired("the lease expired: see what kept this computer busy")

    with pytest.raises(LeaseExpired):
        run(ScriptedController(script))
    assert len(events(journal, ShutterOpened)) == 21


def test_an_open_door_is_a_fault_that_is_written_down(run, journal):
    with pytest.raises(DoorOpen):
        run(ScriptedController(failing_at(3, DoorOpen("the door is open: close it"))))
    assert [fault.fault for fault in events(journal, Faulted)] == ["DoorOpen"]


@pytest.mark.parametrize(
    ("condition", "fault", "words"),
    [({"door_closed": False}, DoorOpen, "close the door"), ({"homed": False}, SafetyStop, "has not been homed")],
)
def test_the_shutter_stays_closed_when_the_instrument_is_not_ready(run, condition, fault, words):
    controller = ScriptedController()
    vars(controller).update(condition)
    with pytest.raises(fault, match=words):
        run(controller)
    assert "open" not in controller.calls


def test_a_stage_that_is_not_where_it_was_sent_stops_the_scan_and_the_spectrum_is_kept(run, journal):
    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        lost = StagePose(done.start.x_mm + 0.4, done.start.y_mm)
        return replace(done, start=lost, end=lost) if done.index == 4 else done

    with pytest.raises(SafetyStop, match=r"exposure 4 was measured 0\.40 mm away from where it was planned"):
        run(ScriptedController(script))
    assert 4 in recorded(journal)


def test_a_truncated_exposure_is_kept_and_measured_again(run, journal):
    seen = []

    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        if done.index == 9 and not seen:
            seen.append(done)
            controller._queue.appendleft(controller._queue[0])
            return replace(done, flags=ExposureFlag.TRUNCATED, live_s=0.04)
        return done

    assert run(ScriptedController(script)) is RunOutcome.FINISHED
    assert sorted(recorded(journal)) == sorted([*range(COUNT), 9])


def test_an_exposure_that_comes_twice_with_other_counts_is_not_taken_for_the_same(run, journal):
    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        return replace(done, index=done.index - 1) if done.index == 20 else done

    with pytest.raises((IntegrityError, SafetyStop)):
        run(ScriptedController(script))
    assert recorded(journal).count(19) == 1


def test_the_shutter_opens_over_the_first_exposure(run):
    class Watching(ScriptedController):
        def open_shutter(self) -> None:
            assert self.pose == exposure(0).start
            super().open_shutter()

    assert run(Watching()) is RunOutcome.FINISHED


def test_the_shutter_stays_closed_outside_the_planned_area(run):
    class Stuck(ScriptedController):
        def move_to(self, pose: StagePose) -> None:
            self.calls.append("move")

    controller = Stuck()
    with pytest.raises(SafetyStop, match="outside the planned area"):
        run(controller)
    assert "open" not in controller.calls


def test_a_run_with_nothing_left_is_finished_without_beam(run):
    controller = ScriptedController()
    assert run(controller, skip=COUNT) is RunOutcome.FINISHED
    assert "open" not in controller.calls
    assert run.session.state == Ended("finished", is_planned=True)


def test_what_the_controller_kept_is_fetched_before_the_beam(run, journal):
    class Keeping(ScriptedController):
        kept: ClassVar = [measured(exposure(index)) for index in range(30, COUNT)]

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if not self.is_open and self.kept:
                return self.kept.pop(0)
            return super().next_done(timeout_s)

        def open_shutter(self) -> None:
            assert set(recorded(journal)) == set(range(30, COUNT))
            super().open_shutter()

    assert run(Keeping(), retained=10) is RunOutcome.FINISHED
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_a_beam_without_exposures_is_a_fault(run):
    class Silent(ScriptedController):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            return None

    controller = Silent()
    with pytest.raises(SafetyStop, match="no exposure was finished"):
        run(controller)
    assert controller.calls[-1] == "abort"


def test_a_shutter_that_cannot_be_confirmed_closed_is_not_journalled_as_closed(run, journal):
    class Mute(ScriptedController):
        def abort(self) -> None:
            raise LinkLost("the controller did not answer: check it by eye")

    with pytest.raises(LinkLost):
        run(Mute(failing_at(3, LinkLost("the controller stopped answering: check the cable"))))
    assert events(journal, ShutterClosed) == []
    assert [fault.fault for fault in events(journal, Faulted)] == ["LinkLost"]


def test_a_signal_while_the_stage_travels_keeps_the_shutter_closed(run, journal):
    class Travelling(ScriptedController):
        def move_to(self, pose: StagePose) -> None:
            super().move_to(pose)
            os.kill(os.getpid(), signal.SIGTERM)

    controller = Travelling()
    assert run(controller) is RunOutcome.STOPPED
    assert "open" not in controller.calls
    assert events(journal, ShutterOpened) == []


class Stuck(ScriptedController):
    """Its shutter stays open whatever it is told; somebody presses Ctrl-C twice."""

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return None

    def abort(self) -> None:
        self.calls.append("abort")


def test_a_shutter_that_an_abort_does_not_close_is_not_journalled_as_closed(run, journal, monkeypatch):
    monkeypatch.setattr("edge.beam.shutter._CLOSE_S", 0.1)
    with pytest.raises(SafetyStop, match="says that it is open: switch the tube off"):
        run(Stuck())
    assert events(journal, ShutterClosed) == []
    assert run.session.beam.on_since


def test_a_shutter_that_nobody_could_look_at_after_a_fault_is_not_journalled_as_closed(run, journal):
    class Mute(ScriptedController):
        is_mute = False

        def abort(self) -> None:
            self.is_mute = True

        def status(self):
            if self.is_mute:
                raise LinkLost("the controller stopped answering: check the cable")
            return super().status()

    with pytest.raises(DoorOpen):
        run(Mute(failing_at(3, DoorOpen("the door is open: close it"))))
    assert events(journal, ShutterClosed) == []


class Batch:
    """Ten more exposures, there once so few are lacking, or only when they are waited for."""

    def __init__(self, *, at: int | None) -> None:
        self.is_whole, self.is_cut_short = False, False
        self._at = at

    def look(self, lacking: int) -> list:
        return self.wait(lambda: False) if not self.is_whole and self._at is not None and lacking <= self._at else []

    def wait(self, is_wanted_elsewhere) -> list:
        if is_wanted_elsewhere():
            return []
        self.is_whole = True
        return [exposure(index) for index in range(COUNT, COUNT + 10)]


def test_a_batch_that_comes_in_time_is_measured_without_closing_the_shutter(run, journal):
    controller = ScriptedController()
    assert run(controller, source=Batch(at=12)) is RunOutcome.FINISHED
    assert recorded(journal) == list(range(COUNT + 10))
    assert controller.calls == ["move", "open", "close"]


def test_a_batch_that_is_late_is_waited_for_with_the_shutter_closed(run, journal):
    controller = ScriptedController()
    assert run(controller, source=Batch(at=None)) is RunOutcome.FINISHED
    assert recorded(journal) == list(range(COUNT + 10))
    assert controller.calls == ["move", "open", "close", "move", "open", "close"]
    assert [event.reason for event in events(journal, ShutterClosed)] == ["choosing where to measure next", "finished"]


def test_a_plan_that_a_limit_cut_short_is_no_finished_scan(run, journal):
    class Refused(Batch):
        def wait(self, is_wanted_elsewhere) -> list:
            self.is_whole = self.is_cut_short = True
            return []

    assert run(ScriptedController(), source=Refused(at=None)) is RunOutcome.ENDED_EARLY
    assert recorded(journal) == list(range(COUNT))
    assert run.session.state == Ended("aborted", is_planned=True)


def test_stopped_while_a_batch_is_waited_for_the_scan_can_go_on(run, journal):
    class Slow(Batch):
        def wait(self, is_wanted_elsewhere) -> list:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().wait(is_wanted_elsewhere)

    assert run(ScriptedController(), source=Slow(at=None)) is RunOutcome.STOPPED
    assert recorded(journal) == list(range(COUNT))
    assert not isinstance(run.session.state, Ended)


def test_a_run_that_has_enough_finishes_the_exposure_closes_the_shutter_and_is_finished(run, journal):
    controller = ScriptedController()
    asked: list[float] = []

    def enough(live_s: float) -> str:
        asked.append(live_s)
        return "the error is reached" if live_s > 1.0 else ""

    assert run(controller, source=Batch(at=None), enough=enough) is RunOutcome.FINISHED
    assert controller.calls == ["move", "open", "pause", "close"]
    assert not controller.is_open
    assert 11 <= len(recorded(journal)) < COUNT
    assert [event.reason for event in events(journal, Concluded)] == ["the error is reached"]
    assert [event.reason for event in events(journal, ShutterClosed)] == ["enough is measured"]
    assert run.session.state == Ended("finished", is_planned=True)
    assert asked == sorted(asked)


def test_a_run_that_has_enough_while_a_batch_is_waited_for_opens_the_shutter_no_more(run, journal):
    class Never(Batch):
        def wait(self, is_wanted_elsewhere) -> list:
            assert is_wanted_elsewhere()
            return []

    controller = ScriptedController()
    enough = lambda live_s: "the error is reached" if live_s > 3.95 else ""  # noqa: E731
    assert run(controller, source=Never(at=None), enough=enough) is RunOutcome.FINISHED
    assert recorded(journal) == list(range(COUNT))
    assert controller.calls.count("open") == 1
    assert not controller.is_open
    assert len(events(journal, Concluded)) == 1


def test_a_run_that_has_all_it_planned_is_concluded_by_nothing_else(run, journal):
    assert run(ScriptedController(), enough=lambda live_s: "enough" if live_s > 3.95 else "") is RunOutcome.FINISHED
    assert events(journal, Concluded) == []


def test_a_run_that_has_enough_before_it_begins_never_opens_the_shutter(run, journal):
    controller = ScriptedController()
    assert run(controller, skip=30, enough=lambda _live_s: "the time that was given is spent") is RunOutcome.FINISHED
    assert "open" not in controller.calls
    assert events(journal, ShutterOpened) == []
    assert len(events(journal, Concluded)) == 1
    assert run.session.state == Ended("finished", is_planned=True)


def test_a_link_that_is_lost_after_the_conclusion_does_not_conclude_the_scan_again(run, journal):
    class Lost:
        reason, first_after_s, every_s = "visit to the standard", 0.0, 1e9

        def carry_out(self, standstill) -> str:
            raise LinkLost("the controller stopped answering: check the cable")

        def give_up(self, standstill, fault) -> str:
            return ""

    class Silent(ScriptedController):
        def status(self):
            if "pause" in self.calls and self.calls[-1] == "abort":
                raise LinkLost("the controller stopped answering: check the cable")
            return super().status()

    first, again = Silent(), ScriptedController()
    enough = lambda live_s: "the error is reached" if live_s > 1.0 else ""  # noqa: E731
    assert run(first, enough=enough, farewell=Lost(), again=again) is RunOutcome.FINISHED
    assert not again.is_open
    assert "open" not in again.calls
    assert [event.reason for event in events(journal, Concluded)] == ["the error is reached"]
    assert run.session.state == Ended("finished", is_planned=True)
