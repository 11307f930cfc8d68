"""What a running scan survives: a link that breaks, a controller that boots, a door, an object out of focus."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from edge.beam.allowance import Allowance
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.events import Faulted, Opened, Paused, Planned, Registered, Resumed, ShutterClosed, ShutterOpened
from edge.faults import SafetyStop
from edge.record.journal import Journal
from edge.state import Broken, Ended, Halted, New
from firmware_bridge.faults import BridgeError, DoorOpen, LinkLost, PortUnavailable, Rebooted, StandoffExceeded
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, failing_at, measured, recorded

GONE = "port has gone: check the cable"
NEAR = "the object is 8.1 mm away and 9.0 to 11.0 mm are allowed: move it back, then go on"
BEAM = (Opened, Faulted, ShutterOpened, ShutterClosed, Paused, Resumed)


class Terminal(Console):
    """Somebody who gives these answers, one after the other; nobody, when there are none."""

    def __init__(self, answers: Iterable[str]) -> None:
        super().__init__(quiet=True, log_level="error")
        self._answers = list(answers)
        self._somebody = bool(self._answers)
        self.asked = 0

    @property
    def can_ask(self) -> bool:
        return self._somebody

    def ask(self, question: str, answers: tuple[str, ...]) -> str:
        self.asked += 1
        return self._answers.pop(0)


class Bench:
    """Runs forty exposures over controllers that are there one after the other; a fault stands for none."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.session = Session(journal, New())
        now = utc_now()
        self.session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0"))
        self.looked_at_place = 0
        self.looks = 0
        self.recorded_then: list[frozenset[int]] = []
        self.retained = 0
        self.terminal = Terminal(())

    def run(
        self,
        *there: ScriptedController | BridgeError,
        patience_s: float = 60.0,
        answers: Iterable[str] = (),
        looking: Callable[[], None] = lambda: None,
    ) -> RunOutcome:
        waiting = list(there)
        self.terminal = Terminal(answers)

        def connect() -> ScriptedController:
            self.looks += 1
            looking()
            found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(found, BridgeError):
                raise found
            return found

        connection = Connection(connect, patience_s=patience_s, console=self.terminal)

        def rejoin(already: frozenset[int]) -> int:
            self.recorded_then.append(already)
            now = utc_now()
            boot_id = connection.controller.capabilities.boot_id
            self.session.record(Opened(now, "scan", "", (), boot_id), Resumed(now, "connected again"))
            return self.retained

        def confirm_place() -> None:
            self.looked_at_place += 1
            connection.controller.calls.append("photograph")

        run = Run(
            connection,
            self.session,
            [exposure(index) for index in range(COUNT)],
            bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=0.5),
            planned=COUNT,
            live_s=0.0,
            rejoin=rejoin,
            confirm_place=confirm_place,
            console=self.terminal,
        )
        try:
            return run.expose()
        finally:
            self.is_closed = run.is_closed

    def story(self) -> list[str]:
        """Names of the events that tell of the beam, after the scan's opening."""
        return [type(event).__name__ for event in events(self.journal, BEAM)][1:]


@pytest.fixture
def bench(tmp_path):
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield Bench(journal)


def losing_at(index: int, fault: BridgeError | None = None) -> ScriptedController:
    """A controller that is lost before it hands over an exposure; nothing answers from then on."""
    lost = LinkLost(GONE) if fault is None else fault

    class Losing(ScriptedController):
        is_gone = False

        def next_done(self, timeout_s: float):
            if self.is_gone:
                raise lost
            return super().next_done(timeout_s)

        def close_shutter(self) -> None:
            raise lost

        def abort(self) -> None:
            raise lost

    def script(controller, done):
        if done.index == index:
            controller.is_gone = True
            raise lost
        return done

    return Losing(script)


def test_after_a_lost_link_the_scan_goes_on_and_every_exposure_is_recorded_once(bench):
    assert bench.run(losing_at(12), ScriptedController()) is RunOutcome.FINISHED
    assert recorded(bench.journal) == list(range(COUNT))
    assert bench.recorded_then == [frozenset(range(12))]
    assert bench.session.state == Ended("finished", is_planned=True)


def test_the_journal_tells_of_a_lost_link_in_the_order_in_which_it_became_known(bench):
    bench.run(losing_at(12), ScriptedController())
    assert bench.story() == [
        "ShutterOpened",
        "Faulted",
        "ShutterClosed",
        "Opened",
        "Resumed",
        "ShutterOpened",
        "ShutterClosed",
    ]
    assert [event.sentence for event in events(bench.journal, Faulted)] == [GONE]
    assert [event.reason for event in events(bench.journal, ShutterOpened)] == ["start", "connected again"]


def test_the_closing_that_nobody_saw_is_dated_by_the_lease_not_by_the_return(bench):
    lost = losing_at(12)
    lost.capabilities = replace(lost.capabilities, lease_s=0.05)
    bench.run(lost, PortUnavailable(GONE), PortUnavailable(GONE), ScriptedController())
    faulted = events(bench.journal, Faulted)[0]
    closed, resumed = events(bench.journal, ShutterClosed)[0], events(bench.journal, Resumed)[0]
    assert closed.reason == "closed by its lease, without the link"
    at = datetime.fromisoformat
    assert at(closed.at) <= at(faulted.at) + timedelta(seconds=0.05) < at(resumed.at)


def test_a_port_is_looked_for_until_it_is_there(bench):
    absent = [PortUnavailable(GONE), LinkLost("nothing answers"), PortUnavailable(GONE)]
    assert bench.run(losing_at(12), *absent, ScriptedController()) is RunOutcome.FINISHED
    assert bench.looks == 5


def test_a_controller_that_stays_away_ends_the_run_with_the_first_fault(bench):
    with pytest.raises(LinkLost, match=GONE):
        bench.run(losing_at(12), PortUnavailable("port: no such port"), patience_s=0.3)
    assert not bench.is_closed, "nobody has seen it close"
    assert bench.story() == ["ShutterOpened", "Faulted"]
    assert bench.session.state == Broken("LinkLost", GONE, is_planned=True)


def test_without_patience_a_lost_link_ends_the_run_at_once(bench):
    with pytest.raises(LinkLost, match=GONE):
        bench.run(losing_at(12), ScriptedController(), patience_s=0.0)
    assert bench.looks == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_controller_is_looked_for_stops_the_run(bench, number):
    def looking() -> None:
        if bench.looks == 3:
            os.kill(os.getpid(), number)

    absent = PortUnavailable("port: no such port")
    assert bench.run(losing_at(12), absent, looking=looking, answers=["resume"]) is RunOutcome.CUT_OFF
    assert not bench.is_closed
    assert bench.session.state == Broken("LinkLost", GONE, is_planned=True)


def test_a_fault_that_connecting_again_meets_is_what_the_operator_reads(bench):
    with pytest.raises(BridgeError, match="no output that closes"):
        bench.run(losing_at(12), BridgeError("the stage has no output that closes the shutter"))


def test_a_controller_that_booted_is_homed_and_the_place_confirmed_before_the_beam(bench):
    found = ScriptedController(boot_id=2)
    found.homed = False
    assert bench.run(losing_at(12, Rebooted("restarted")), found) is RunOutcome.FINISHED
    assert found.calls[:4] == ["home", "photograph", "move", "open"]


def test_a_new_boot_that_knows_its_position_has_the_place_confirmed_all_the_same(bench):
    found = ScriptedController(boot_id=2)
    assert bench.run(losing_at(12), found) is RunOutcome.FINISHED
    assert found.calls[:3] == ["photograph", "move", "open"]


def test_a_controller_that_stayed_awake_goes_on_without_delay(bench):
    found = ScriptedController()
    assert bench.run(losing_at(12), found) is RunOutcome.FINISHED
    assert found.calls[:2] == ["move", "open"]


def test_a_boot_is_not_forgotten_when_the_link_breaks_again_before_the_beam(bench):
    class BreaksAtHoming(ScriptedController):
        def home(self) -> None:
            raise LinkLost(GONE)

    booted, again = BreaksAtHoming(boot_id=2), ScriptedController(boot_id=2)
    booted.homed = False
    assert bench.run(losing_at(12), booted, again) is RunOutcome.FINISHED
    assert again.calls[:3] == ["photograph", "move", "open"]


def test_a_boot_is_not_forgotten_when_the_link_breaks_again_as_the_shutter_is_looked_at(bench):
    class BreaksAtOnce(ScriptedController):
        def status(self):
            raise LinkLost(GONE)

    again = ScriptedController(boot_id=2)
    assert bench.run(losing_at(12), BreaksAtOnce(boot_id=2), again) is RunOutcome.FINISHED
    assert again.calls[:3] == ["photograph", "move", "open"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_controller_that_booted_is_homed_ends_the_homing_and_the_run(bench, number):
    class Homing(ScriptedController):
        def home(self) -> None:
            os.kill(os.getpid(), number)
            super().home()

    found = Homing(boot_id=2)
    found.homed = False
    assert bench.run(losing_at(12), found, answers=["resume"]) is RunOutcome.STOPPED
    assert found.calls == ["abort"]
    assert bench.session.state == Halted("aborted by the operator")


def test_a_door_that_stands_open_when_the_controller_is_found_again_is_what_the_operator_reads(bench):
    with pytest.raises(DoorOpen, match="close it"):
        bench.run(losing_at(12), DoorOpen("the door is open: close it, then go on"), answers=["resume"])
    assert bench.terminal.asked == 0, "there is no controller that could go on"


def test_what_is_recorded_is_not_measured_again_when_the_link_breaks_before_its_acknowledgement(bench):
    class BreaksAtAcknowledging(ScriptedController):
        def acknowledge(self, index: int) -> None:
            if index == 12:
                raise LinkLost(GONE)
            super().acknowledge(index)

        def close_shutter(self) -> None:
            raise LinkLost(GONE)

    assert bench.run(BreaksAtAcknowledging(), ScriptedController()) is RunOutcome.FINISHED
    assert 12 in bench.recorded_then[0]
    assert recorded(bench.journal) == list(range(COUNT))


def test_a_shutter_that_is_found_open_stops_the_scan_and_is_told_to_close(bench):
    found = ScriptedController()
    found.is_open = True
    with pytest.raises(SafetyStop, match="open although nobody asked"):
        bench.run(losing_at(12), found)
    assert "abort" in found.calls
    assert [event.reason for event in events(bench.journal, ShutterClosed)] == ["fault"]


def test_spectra_that_the_controller_kept_are_taken_over_and_not_exposed_again(bench):
    class Keeping(ScriptedController):
        def __init__(self) -> None:
            super().__init__()
            self.kept = [measured(exposure(index)) for index in (12, 13)]
            self.submitted: set[int] = set()

        def submit(self, exposures):
            self.submitted |= {each.index for each in exposures}
            return super().submit(exposures)

        def next_done(self, timeout_s: float):
            return self.kept.pop(0) if self.kept else super().next_done(timeout_s)

    bench.retained = 2
    found = Keeping()
    assert bench.run(losing_at(12), found) is RunOutcome.FINISHED
    assert recorded(bench.journal) == list(range(COUNT))
    assert found.submitted == set(range(14, COUNT))


def test_spectra_in_hand_are_recorded_before_the_lost_controller_is_given_up(bench):
    class Handing(ScriptedController):
        def submit(self, exposures):
            if len(recorded(bench.journal)) >= 8:
                raise LinkLost(GONE)
            return super().submit(exposures)

        def next_done(self, timeout_s: float):
            return super().next_done(timeout_s) if timeout_s > 0 or len(self._queue) > 3 else None

    bench.run(Handing(), ScriptedController())
    assert recorded(bench.journal) == list(range(COUNT))


def test_a_link_that_breaks_as_the_shutter_is_to_close_is_found_again_to_see_it_closed(bench):
    assert bench.run(losing_at(COUNT), ScriptedController()) is RunOutcome.FINISHED
    assert bench.is_closed
    assert bench.story() == ["ShutterOpened", "Faulted", "ShutterClosed", "Opened", "Resumed"]


def test_a_link_that_breaks_too_often_ends_the_run(bench, capsys):
    with pytest.raises(LinkLost, match=GONE):
        bench.run(*(losing_at(index) for index in range(30)))
    assert len(events(bench.journal, ShutterOpened)) == 21
    assert "the link broke more than 20 times within an hour: see to cable, hub and supply" in capsys.readouterr().err


def test_an_object_out_of_focus_stops_an_unattended_scan_resumably(bench):
    controller = ScriptedController(failing_at(7, StandoffExceeded(NEAR)))
    assert bench.run(controller) is RunOutcome.STOPPED
    assert bench.is_closed
    assert controller.calls == ["move", "open", "close"]
    assert [event.reason for event in events(bench.journal, (ShutterClosed, Paused))] == [NEAR, NEAR]
    assert bench.session.state == Halted(NEAR)


def test_an_object_out_of_focus_is_put_right_and_the_scan_goes_on(bench):
    controller = ScriptedController(failing_at(7, StandoffExceeded(NEAR)))
    assert bench.run(controller, answers=["resume"]) is RunOutcome.FINISHED
    assert controller.calls == ["move", "open", "close", "photograph", "move", "open", "close"]
    assert recorded(bench.journal) == list(range(COUNT))


def test_somebody_who_opens_the_door_is_asked_until_it_is_closed(bench):
    class Doored(ScriptedController):
        def close_shutter(self) -> None:
            super().close_shutter()
            self.door_closed = bench.terminal.asked > 0

    controller = Doored(failing_at(7, DoorOpen("the door is open: close it, then open the shutter again")))
    assert bench.run(controller, answers=["resume", "resume"]) is RunOutcome.FINISHED
    assert bench.terminal.asked == 2
    assert recorded(bench.journal) == list(range(COUNT))


@pytest.mark.parametrize(("answer", "outcome"), [("stop", RunOutcome.STOPPED), ("finish", RunOutcome.ENDED_EARLY)])
def test_a_scan_paused_by_a_fault_ends_as_the_operator_wishes(bench, answer, outcome):
    fault = DoorOpen("the door is open: close it, then open the shutter again")
    assert bench.run(ScriptedController(failing_at(7, fault)), answers=[answer]) is outcome
    assert bench.is_closed


def test_what_happened_more_than_an_hour_ago_is_put_up_with_again():
    now_s = 0.0
    allowance = Allowance(2, clock=lambda: now_s)
    assert allowance.spend()
    assert allowance.spend()
    assert not allowance.spend()
    now_s = 3_601.0
    assert allowance.spend()
    assert allowance.spent == 1
