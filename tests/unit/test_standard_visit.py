"""A visit to the reference standard: an opening of its own, never a sweep, and never the end of a scan."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.beam.standard_visit import StandardVisit
from edge.configuration.config import StandardConfig
from edge.console import Console
from edge.events import (
    FIRST_VISIT,
    Closed,
    Opened,
    Planned,
    Registered,
    Resumed,
    ShutterClosed,
    ShutterOpened,
    StandardMeasured,
    StandardMissed,
)
from edge.faults import SafetyStop
from edge.record.journal import Journal
from edge.state import New
from firmware_bridge.faults import (
    BridgeError,
    LeaseExpired,
    LimitExceeded,
    LinkLost,
    ProtocolViolation,
    SettingRefused,
    StandoffExceeded,
    WrongPosition,
)
from firmware_bridge.messages import ControllerStatus, Exposure, ExposureDone, ExposureFlag, StagePose
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, measured, recorded

PLACE = StagePose(48.0, 9.5)
OFTEN = StandardConfig(x_mm=PLACE.x_mm, y_mm=PLACE.y_mm, live_s=2.0, every_minutes=1e-9)
ONCE = OFTEN.model_copy(update={"every_minutes": 1e4})


class WithStandard(ScriptedController):
    """A stage that goes where it measures; the shutter must never be open on a way to, or from, the standard."""

    def submit(self, exposures: Sequence[Exposure]) -> int:
        for each in exposures:
            if each.index >= FIRST_VISIT:
                assert not self._queue, "an exposure would be measured before the visit, with the beam swept over it"
            else:
                assert not any(queued.index >= FIRST_VISIT for queued in self._queue)
        return super().submit(exposures)

    def move_to(self, pose: StagePose) -> None:
        assert not self.is_open
        super().move_to(pose)

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        done = super().next_done(timeout_s)
        if done is not None and done.index >= FIRST_VISIT:
            assert self.pose == PLACE
            counts = np.full(16, 1_000, np.uint32)
            return replace(done, real_s=2.2, live_s=2.0, counts=counts)
        return done


@pytest.fixture
def journal(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def bench(journal):
    return Bench(journal)


class Bench:
    """Runs forty exposures with visits."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.session = Session(journal, New())
        now = utc_now()
        self.session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))
        self.rejoined: list[frozenset[int]] = []

    def run(
        self,
        *controllers: ScriptedController,
        config: StandardConfig = OFTEN,
        retained: int = 0,
        skip: int = 0,
        farewell: bool = False,
    ) -> RunOutcome:
        console = Console(quiet=True, log_level="error")
        waiting = list(controllers)
        connection = Connection(
            lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0], patience_s=60.0, console=console
        )

        def rejoin(already: frozenset[int]) -> int:
            self.rejoined.append(already)
            self.session.record(Opened(utc_now(), "scan", "", (), 1), Resumed(utc_now(), "connected again"))
            return 0

        visit = StandardVisit(config, tolerance_mm=0.25, console=console)
        return Run(
            connection,
            self.session,
            [exposure(index) for index in range(COUNT)][skip:],
            bounds=Bounds((0.0, 40.0), (0.0, 8.0), tolerance_mm=0.25, patience_s=0.5),
            planned=COUNT,
            live_s=0.0,
            rejoin=rejoin,
            confirm_place=lambda: None,
            console=console,
            intermissions=[visit],
            farewell=visit if farewell else None,
        ).expose(retained=retained)

    def visits(self) -> list[int]:
        return [event.done.index - FIRST_VISIT for event in events(self.journal, StandardMeasured)]


def test_every_visit_is_an_opening_of_its_own_and_every_exposure_is_measured_once(bench, journal):
    assert bench.run(WithStandard()) is RunOutcome.FINISHED
    assert bench.visits() == list(range(len(bench.visits())))
    assert len(bench.visits()) > 3
    assert sorted(recorded(journal)) == list(range(COUNT))
    over = [event.over for event in events(journal, ShutterOpened)]
    assert over == ["standard", "object"] * (len(over) // 2)
    assert len(events(journal, ShutterClosed)) == len(over)


def test_a_visit_is_no_dose_of_the_object(bench, journal):
    bench.run(WithStandard())
    last = events(journal, ShutterOpened)[-1]
    assert last.dose_so_far_s == pytest.approx(0.1 * (COUNT - last.exposures_left))
    assert bench.session.beam.over_standard_s > 0


def test_there_is_a_visit_before_the_first_exposure_and_one_after_the_last(bench, journal):
    assert bench.run(WithStandard(), config=ONCE, farewell=True) is RunOutcome.FINISHED
    assert [event.over for event in events(journal, ShutterOpened)] == ["standard", "object", "standard"]
    assert bench.visits() == [0, 1]


def test_a_run_with_nothing_left_visits_nothing(bench):
    assert bench.run(WithStandard(), skip=COUNT, farewell=True) is RunOutcome.FINISHED
    assert bench.visits() == []


def test_a_visit_that_gives_no_spectrum_is_journalled_and_passed_over(bench, journal, monkeypatch, capsys):
    monkeypatch.setattr("edge.beam.standard_visit._GRACE_S", 0.05)
    monkeypatch.setattr("edge.beam.standard_visit._PATIENCE", 0.0)

    class Mute(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            return None if self._queue and self._queue[0].index >= FIRST_VISIT else super().next_done(timeout_s)

    assert bench.run(Mute(), config=ONCE) is RunOutcome.FINISHED
    assert [event.reason for event in events(journal, StandardMissed)] == ["no spectrum within 0 s: check the detector"]
    assert sorted(recorded(journal)) == list(range(COUNT))
    assert "the visit to the standard gave nothing (no spectrum within 0 s" in capsys.readouterr().err


def test_a_standard_that_lies_out_of_the_stand_offs_range_does_not_pause_the_scan(bench, journal):
    class Near(WithStandard):
        def open_shutter(self) -> None:
            if self.pose == PLACE:
                raise StandoffExceeded("the object is 8.1 mm away and 9.0 to 11.0 mm are allowed: move it back")
            super().open_shutter()

    assert bench.run(Near(), config=ONCE) is RunOutcome.FINISHED
    assert len(events(journal, StandardMissed)) == 1
    assert sorted(recorded(journal)) == list(range(COUNT))


@pytest.mark.parametrize(
    "fault",
    [
        BridgeError("the spectrometer did not reach its preset of 2 s in 8 s: check detector, shutter and tube"),
        LimitExceeded("48.00 mm is beyond the travel"),
        SettingRefused("the spectrometer did not take a preset of 2 s"),
        WrongPosition("the stage stands at 41.00 mm, sent to 48.00 mm"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_of_a_visit_that_leaves_the_instrument_fit_costs_the_visit_alone(bench, journal, fault):
    class Failing(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open and self.pose == PLACE:
                raise fault
            return super().next_done(timeout_s)

    assert bench.run(Failing(), config=ONCE) is RunOutcome.FINISHED
    assert [event.reason for event in events(journal, StandardMissed)] == [str(fault)]
    assert sorted(recorded(journal)) == list(range(COUNT))
    assert len(events(journal, ShutterClosed)) == len(events(journal, ShutterOpened)) == 2


@pytest.mark.parametrize(
    "fault",
    [BridgeError("an axis stalled"), ProtocolViolation("an answer breaks the protocol")],
    ids=["stall", "answer"],
)
def test_a_fault_of_a_visit_that_leaves_the_instrument_unfit_ends_the_run_closed(bench, journal, fault):
    class Stalling(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open:
                self.is_stalled = True
                raise fault
            return super().next_done(timeout_s)

        def status(self) -> ControllerStatus:
            return replace(super().status(), fault="axis stalled" if getattr(self, "is_stalled", False) else "")

    controller = Stalling()
    with pytest.raises(type(fault), match=str(fault)):
        bench.run(controller, config=ONCE)
    assert not controller.is_open
    assert [event.reason for event in events(journal, StandardMissed)] == [str(fault)]
    assert len(events(journal, ShutterClosed)) == len(events(journal, ShutterOpened)) == 1


def test_a_lease_that_expires_during_a_visit_has_it_made_again(bench, journal):
    class Expiring(WithStandard):
        was_late = False

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.pose == PLACE and not self.was_late:
                self.was_late, self.is_open = True, False
                raise LeaseExpired("the lease expired: see what kept this computer busy")
            return super().next_done(timeout_s)

    assert bench.run(Expiring(), config=ONCE) is RunOutcome.FINISHED
    assert len(bench.visits()) == 1
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_a_visit_that_a_lease_ended_twice_is_journalled_as_missed(bench, journal):
    class Expiring(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open and self.pose == PLACE:
                self.is_open = False
                raise LeaseExpired("the lease expired: see what kept this computer busy")
            return super().next_done(timeout_s)

    assert bench.run(Expiring(), config=ONCE) is RunOutcome.FINISHED
    assert [event.reason for event in events(journal, StandardMissed)] == [
        "the lease expired: see what kept this computer busy"
    ]
    assert [event.over for event in events(journal, ShutterOpened)] == ["standard", "standard", "object"]
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_a_link_that_breaks_during_a_visit_has_it_made_again_on_the_controller_that_comes_back(bench, journal):
    class Losing(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            raise LinkLost("port has gone: check the cable")

        def abort(self) -> None:
            if self.is_open:
                raise LinkLost("port has gone: check the cable")
            super().abort()

    assert bench.run(Losing(), WithStandard(), config=ONCE) is RunOutcome.FINISHED
    assert len(bench.visits()) == 1
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_what_is_recorded_of_visits_is_told_to_a_controller_that_comes_back(bench):
    class Losing(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open and self.pose != PLACE:
                raise LinkLost("port has gone: check the cable")
            return super().next_done(timeout_s)

    assert bench.run(Losing(), WithStandard(), config=ONCE) is RunOutcome.FINISHED
    assert bench.rejoined == [frozenset({FIRST_VISIT})]


def test_a_visit_that_the_controller_kept_is_recorded_once_and_its_index_not_given_again(bench):
    class Keeping(WithStandard):
        def __init__(self) -> None:
            super().__init__()
            visit = replace(measured(exposure(0)), index=FIRST_VISIT + 6, start=PLACE, end=PLACE)
            self.kept = [visit, visit]

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            return self.kept.pop(0) if not self.is_open and self.kept else super().next_done(timeout_s)

    controller = Keeping()
    assert bench.run(controller, config=ONCE, retained=2) is RunOutcome.FINISHED
    assert bench.visits() == [6, 7]
    assert controller.acknowledged[:2] == [FIRST_VISIT + 6] * 2


def test_a_truncated_visit_is_not_taken_for_one(bench):
    class Breaking(WithStandard):
        broke = False

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            queued = self._queue[0] if self._queue else None
            done = super().next_done(timeout_s)
            if done is not None and done.index >= FIRST_VISIT and not self.broke:
                self.broke = True
                self._queue.appendleft(queued)
                return replace(done, flags=ExposureFlag.TRUNCATED, live_s=0.5)
            return done

    assert bench.run(Breaking(), config=ONCE) is RunOutcome.FINISHED
    assert bench.visits() == [0]


def test_a_pause_asked_for_during_a_visit_breaks_it_off_with_the_shutter_closed(bench, journal):
    class Interrupting(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.pose == PLACE:
                os.kill(os.getpid(), signal.SIGINT)
                return None
            return super().next_done(timeout_s)

    controller = Interrupting()
    assert bench.run(controller, config=ONCE) is RunOutcome.STOPPED
    assert not controller.is_open
    assert [event.reason for event in events(journal, StandardMissed)] == ["broken off before its end"]
    assert len(events(journal, ShutterClosed)) == 1


def test_two_ctrl_c_during_a_visit_abort_the_scan(bench, journal):
    class Interrupting(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return None

    controller = Interrupting()
    assert bench.run(controller, config=ONCE) is RunOutcome.STOPPED
    assert not controller.is_open
    # By the way that waits behind nothing, from the first on.
    assert controller.calls[controller.calls.index("open") :] == ["open", "abort", "abort"]
    assert len(events(journal, ShutterClosed)) == 1


def test_the_shutter_stays_closed_where_the_stage_did_not_reach_the_standard(bench, journal):
    class Stuck(WithStandard):
        def move_to(self, pose: StagePose) -> None:
            self.calls.append("move")

    controller = Stuck()
    with pytest.raises(SafetyStop, match="away from the standard"):
        bench.run(controller)
    assert "open" not in controller.calls
    assert len(events(journal, StandardMissed)) == 1


def test_a_visit_measured_elsewhere_stops_the_scan_before_the_object(bench, journal):
    class Lost(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            done = super().next_done(timeout_s)
            if done is None or done.index < FIRST_VISIT:
                return done
            off = StagePose(PLACE.x_mm + 3.0, PLACE.y_mm)
            return replace(done, start=off, end=off)

    with pytest.raises(SafetyStop, match=r"3\.00 mm away from where it lies"):
        bench.run(Lost())
    assert recorded(journal) == []


def test_a_fault_of_the_last_visit_is_no_fault_of_the_scan(bench, journal):
    class Shy(WithStandard):
        times = 0

        def open_shutter(self) -> None:
            if self.pose == PLACE:
                self.times += 1
                if self.times > 1:
                    raise LeaseExpired("the lease expired: see what kept this computer busy")
            super().open_shutter()

    assert bench.run(Shy(), config=ONCE, farewell=True) is RunOutcome.FINISHED
    assert sorted(recorded(journal)) == list(range(COUNT))
    assert len(events(journal, ShutterClosed)) == len(events(journal, ShutterOpened))


class Astray(WithStandard):
    """Measures the last visit beside the standard."""

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        done = super().next_done(timeout_s)
        if done is None or done.index <= FIRST_VISIT:
            return done
        off = StagePose(PLACE.x_mm + 3.0, PLACE.y_mm)
        return replace(done, start=off, end=off)


class NotThere(WithStandard):
    """Does not go to the standard once the object is measured."""

    def move_to(self, pose: StagePose) -> None:
        if pose != PLACE or COUNT - 1 not in self.acknowledged:
            super().move_to(pose)


@pytest.mark.parametrize(
    ("controller", "told"), [(Astray(), "3.00 mm away from where it lies"), (NotThere(), "away from the standard")]
)
def test_a_last_visit_away_from_the_standard_leaves_the_scan_finished(bench, journal, capsys, controller, told):
    assert bench.run(controller, config=ONCE, farewell=True) is RunOutcome.FINISHED
    assert not controller.is_open
    assert [event.outcome for event in events(journal, Closed)] == ["finished"]
    assert told in capsys.readouterr().err


def test_a_shutter_that_stays_open_after_the_last_visit_is_no_finished_scan(bench, journal, monkeypatch):
    monkeypatch.setattr("edge.beam.shutter._CLOSE_S", 0.05)

    class Stuck(WithStandard):
        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open and recorded(journal) and self.pose == PLACE:
                raise BridgeError("the spectrometer did not reach its preset")
            return super().next_done(timeout_s)

        def abort(self) -> None:
            was_open = self.is_open
            super().abort()
            self.is_open = was_open

    with pytest.raises(SafetyStop, match="the controller says that it is open"):
        bench.run(Stuck(), config=ONCE, farewell=True)
    assert events(journal, Closed) == []


def test_a_visit_that_a_pause_broke_off_is_made_when_the_scan_goes_on(bench, journal, monkeypatch):
    class Interrupting(WithStandard):
        was_interrupted = False

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.is_open and self.pose == PLACE and not self.was_interrupted:
                self.was_interrupted = True
                os.kill(os.getpid(), signal.SIGINT)
                return None
            return super().next_done(timeout_s)

    monkeypatch.setattr(Console, "can_ask", property(lambda console: True))
    monkeypatch.setattr(Console, "ask", lambda console, question, answers: "resume")
    assert bench.run(Interrupting(), config=ONCE) is RunOutcome.FINISHED
    assert [event.over for event in events(journal, ShutterOpened)] == ["standard", "standard", "object"]
    assert len(bench.visits()) == 1
    assert sorted(recorded(journal)) == list(range(COUNT))


def test_a_scan_whose_last_exposure_arrives_after_a_fault_visits_the_standard_at_its_end(bench, journal):
    class Late(WithStandard):
        late: ExposureDone | None = None

        def next_done(self, timeout_s: float) -> ExposureDone | None:
            if self.late is not None:
                done, self.late = self.late, None
                return done
            done = super().next_done(timeout_s)
            if done is not None and done.index == COUNT - 1:
                self.late, self.is_open = done, False
                raise StandoffExceeded("the object is 8.1 mm away and 9.0 to 11.0 mm are allowed: move it back")
            return done

    assert bench.run(Late(), config=ONCE, farewell=True) is RunOutcome.FINISHED
    assert bench.visits() == [0, 1]


class Dead(WithStandard):
    """Its detector was dead all the time."""

    def next_done(self, timeout_s: float) -> ExposureDone | None:
        done = super().next_done(timeout_s)
        if done is not None and done.index >= FIRST_VISIT:
            return replace(done, live_s=0.0)
        return done


def test_a_visit_without_live_time_is_said_not_to_count_and_the_scan_goes_on(bench, capsys):
    assert bench.run(Dead(), config=ONCE) is RunOutcome.FINISHED
    assert "states a live time of 0 s, so it does not count" in capsys.readouterr().err
