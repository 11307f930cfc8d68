"""A run that is told from elsewhere to pause, go on, finish and stop: by its socket, whatever it is waiting for."""

from __future__ import annotations

import logging
import os
import pty
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.beam.arming import await_arming
from edge.beam.interrupts import Interrupts
from edge.beam.reconnect import Connection
from edge.beam.scan import Run, RunOutcome
from edge.beam.session import Session, utc_now
from edge.beam.shutter import Bounds
from edge.console import Console
from edge.control.client import ask
from edge.control.listener import Peer
from edge.control.messages import Order
from edge.events import Opened, Paused, Planned, Registered, Resumed, ShutterOpened
from edge.faults import ScanStopped, UsageError
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.state import Ended, Halted, New
from firmware_bridge.faults import DoorOpen, LinkLost
from firmware_bridge.messages import ControllerStatus, ExposureDone
from tests.unit.scripted_scan import COUNT, ScriptedController, events, exposure, failing_at, recorded

_LONG_S = 30.0


class Bench:
    """One run, and threads that tell it something."""

    def __init__(self, folder: Path, journal: Journal, interrupts: Interrupts) -> None:
        self.folder = folder
        self.journal = journal
        self.interrupts = interrupts
        self.session = Session(journal, New())
        now = utc_now()
        self.session.record(Opened(now, "scan", "", (), 1), Registered(now, "{}", "0"), Planned(now, "{}", "0f"))
        self.said: list[str] = []
        self._threads: list[threading.Thread] = []
        self._faults: list[BaseException] = []

    def meanwhile(self, tell: Callable[[], object]) -> None:
        """Do something in a thread of its own."""

        def told() -> None:
            try:
                tell()
            except BaseException as fault:
                self._faults.append(fault)

        self._threads.append(threading.Thread(target=told))
        self._threads[-1].start()

    def await_standing(self, standing: str) -> None:
        deadline_s = time.monotonic() + _LONG_S
        while self.interrupts.standing != standing:
            assert time.monotonic() < deadline_s, f"never {standing}"
            time.sleep(0.005)

    def await_pauses(self, number: int) -> None:
        """Until the run rests for the second time, say."""
        deadline_s = time.monotonic() + _LONG_S
        while self.interrupts.standing != "paused" or len(events(self.journal, Paused)) < number:
            assert time.monotonic() < deadline_s, f"never paused {number} times"
            time.sleep(0.005)

    def ask_once(self, standing: str, *words: str) -> Callable[[], None]:
        def tell() -> None:
            self.await_standing(standing)
            for word in words:
                self.said.append(ask(self.folder, word, "ana", _LONG_S).sentence)

        return tell

    def run(
        self,
        controller: ScriptedController,
        *,
        connect: Callable[[], ScriptedController] | None = None,
        confirm_place: Callable[[], None] = lambda: None,
    ) -> RunOutcome:
        console = Console(quiet=True, log_level="error")

        def rejoin(_recorded: frozenset[int]) -> int:
            self.session.record(Opened(utc_now(), "scan", "", (), 2), Resumed(utc_now(), "connected again"))
            return 0

        with self.interrupts.hearing(RecordingPaths(self.folder), console.warn):
            try:
                return Run(
                    Connection(
                        connect or (lambda: controller),
                        patience_s=0.0 if connect is None else _LONG_S,
                        console=console,
                    ),
                    self.session,
                    [exposure(index) for index in range(COUNT)],
                    bounds=Bounds((0.0, 40.0), (0.0, 10.0), tolerance_mm=0.25, patience_s=_LONG_S),
                    planned=COUNT,
                    live_s=0.0,
                    rejoin=rejoin,
                    confirm_place=confirm_place,
                    console=console,
                    interrupts=self.interrupts,
                ).expose()
            finally:
                self.join()

    def join(self) -> None:
        """Until everybody has told what they had to tell."""
        for thread in self._threads:
            thread.join(_LONG_S)
        self.require_no_fault()

    def require_no_fault(self) -> None:
        assert not self._faults, self._faults

    def arm(self) -> None:
        """As from a terminal."""
        self.interrupts.take(Order("arm", "ana", "0f"), AtTerminal(os.getpid(), os.getuid()))


class AtTerminal(Peer):
    """Somebody at a terminal."""

    __slots__ = ()
    has_terminal = True


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield Bench(tmp_path, journal, Interrupts())


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Bench]:
    """Of a scan that nobody started at a terminal."""
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        yield Bench(tmp_path, journal, Interrupts(awaits_arming=True))


def telling(bench: Bench, index: int, *words: str) -> Callable[[ScriptedController, ExposureDone], ExposureDone]:
    """A script in which something is asked while an exposure is made, and answered before it is handed over."""
    pending = [words]

    def script(_controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        if done.index == index and pending:
            for word in pending.pop():
                thread = threading.Thread(
                    target=lambda word=word: bench.said.append(ask(bench.folder, word, "ana", _LONG_S).sentence)
                )
                thread.start()
                thread.join(_LONG_S)
        return done

    return script


def test_a_scan_paused_from_elsewhere_waits_shutter_closed_and_is_resumed(bench: Bench) -> None:
    controller = ScriptedController(telling(bench, 7, "pause"))
    open_then: list[bool] = []

    def resume() -> None:
        bench.await_standing("paused")
        open_then.append(controller.is_open)
        assert ask(bench.folder, "resume", "ben", _LONG_S).ok

    bench.meanwhile(resume)
    assert bench.run(controller) is RunOutcome.FINISHED
    assert open_then == [False]
    assert recorded(bench.journal) == list(range(COUNT))
    assert [event.reason for event in events(bench.journal, Paused)] == ["by ana on the page"]
    assert [event.reason for event in events(bench.journal, Resumed)] == ["by ben on the page"]
    assert controller.calls.count("pause") == controller.calls.count("resume") == 1


def test_two_pauses_are_no_abort(bench: Bench) -> None:
    controller = ScriptedController(telling(bench, 7, "pause", "pause", "pause"))
    bench.meanwhile(bench.ask_once("paused", "pause", "resume"))
    assert bench.run(controller) is RunOutcome.FINISHED
    assert "abort" not in controller.calls
    assert recorded(bench.journal) == list(range(COUNT))


def test_resuming_a_pause_that_has_not_come_yet_lets_it_end_at_once(bench: Bench) -> None:
    assert bench.run(ScriptedController(telling(bench, 7, "pause", "resume"))) is RunOutcome.FINISHED
    assert recorded(bench.journal) == list(range(COUNT))


@pytest.mark.parametrize("words", [("stop",), ("pause", "stop"), ("stop", "resume", "pause", "stop")])
def test_stop_ends_the_scan_resumably_with_the_shutter_closed(bench: Bench, words: tuple[str, ...]) -> None:
    controller = ScriptedController(telling(bench, 7, *words))
    assert bench.run(controller) is RunOutcome.STOPPED
    assert not controller.is_open
    assert isinstance(bench.session.state, Halted)
    assert "by ana on the page" in bench.session.state.reason


def test_stop_ends_a_pause(bench: Bench) -> None:
    bench.meanwhile(bench.ask_once("paused", "stop"))
    assert bench.run(ScriptedController(telling(bench, 7, "pause"))) is RunOutcome.STOPPED
    assert isinstance(bench.session.state, Halted)


@pytest.mark.parametrize("at_rest", [False, True])
def test_finish_is_content_with_what_there_is(bench: Bench, at_rest: bool) -> None:
    controller = ScriptedController(telling(bench, 7, "pause" if at_rest else "finish"))
    if at_rest:
        bench.meanwhile(bench.ask_once("paused", "finish"))
    assert bench.run(controller) is RunOutcome.ENDED_EARLY
    assert not controller.is_open
    assert bench.session.state == Ended("aborted", is_planned=True)
    assert 0 < len(recorded(bench.journal)) < COUNT


def test_a_pause_noted_before_the_beam_keeps_the_shutter_closed(bench: Bench) -> None:
    bench.interrupts.take(Order("pause", "ana"), Peer(1, os.getuid()))
    openings: list[int] = []

    def look() -> None:
        bench.await_standing("paused")
        openings.append(len(events(bench.journal, ShutterOpened)))
        ask(bench.folder, "resume", "ana", _LONG_S)

    bench.meanwhile(look)
    assert bench.run(ScriptedController()) is RunOutcome.FINISHED
    assert openings == [0]


def test_a_scan_is_stopped_while_it_looks_for_its_controller(bench: Bench) -> None:
    lost = ScriptedController(failing_at(5, LinkLost("the controller stopped answering: check the cable")))

    first = [lost]

    def connect() -> ScriptedController:
        if first:
            return first.pop()
        if not bench.said:
            bench.said.append(ask(bench.folder, "stop", "ana", _LONG_S).sentence)
        raise LinkLost("not there yet")

    outcome = bench.run(lost, connect=connect)
    assert outcome is RunOutcome.CUT_OFF


def test_a_pause_asked_while_the_controller_is_looked_for_comes_once_it_is_found(bench: Bench) -> None:
    lost = ScriptedController(failing_at(5, LinkLost("the controller stopped answering: check the cable")))
    controllers = [ScriptedController(), lost]

    def connect() -> ScriptedController:
        if len(controllers) == 1:
            ask(bench.folder, "pause", "ana", _LONG_S)
        return controllers.pop()

    openings: list[int] = []

    def look() -> None:
        bench.await_standing("paused")
        openings.append(len(events(bench.journal, ShutterOpened)))
        ask(bench.folder, "resume", "ana", _LONG_S)

    bench.meanwhile(look)
    outcome = bench.run(lost, connect=connect)
    assert outcome is RunOutcome.FINISHED
    assert openings == [1], "found again, it is not opened before it is resumed"


def test_a_door_that_opens_on_a_scan_nobody_sits_at_is_waited_for_and_let_go_on_at_a_terminal(remote: Bench) -> None:
    controller = ScriptedController(failing_at(5, DoorOpen("the door interlock is open: close the door, then go on")))
    refused: list[str] = []

    def arm() -> None:
        remote.await_standing("paused")
        reply = ask(remote.folder, "resume", "ana", _LONG_S)
        refused.append("" if reply.ok else reply.sentence)
        remote.arm()

    remote.meanwhile(arm)
    assert remote.run(controller) is RunOutcome.FINISHED
    assert "paused at the instrument" in refused[0]
    assert [event.reason for event in events(remote.journal, Resumed)] == ["by ana at a terminal"]


def test_the_place_is_looked_at_before_a_scan_goes_on(bench: Bench) -> None:
    looks: list[bool] = []
    controller = ScriptedController(telling(bench, 7, "pause"))
    bench.meanwhile(bench.ask_once("paused", "resume"))
    bench.run(controller, confirm_place=lambda: looks.append(controller.is_open))
    assert looks == [False]


def test_a_question_at_the_terminal_is_answered_from_elsewhere(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        bench.meanwhile(bench.ask_once("paused", "resume"))
        assert bench.run(ScriptedController(telling(bench, 7, "pause"))) is RunOutcome.FINISHED
    os.close(master)


def test_an_unarmed_scan_waits_shutter_closed_until_it_is_armed_at_a_terminal(remote: Bench) -> None:
    states: list[object] = []

    def arm() -> None:
        remote.await_standing("waiting to be armed")
        states.append(remote.session.state)
        for do in ("resume", "finish", "pause", "arm"):
            assert not ask(remote.folder, do, "ana", _LONG_S, plan="0f").ok
        states.append(remote.interrupts.standing)
        remote.arm()

    console = Console(quiet=True, log_level="error")
    with remote.interrupts.hearing(RecordingPaths(remote.folder), console.warn):
        remote.meanwhile(arm)
        await_arming(remote.folder, "0f", interrupts=remote.interrupts, session=remote.session, console=console)
    assert states == [Halted("waiting to be armed"), "waiting to be armed"]
    assert [event.reason for event in events(remote.journal, Resumed)] == ["armed by ana at a terminal"]
    assert events(remote.journal, ShutterOpened) == []


def test_an_unarmed_scan_is_stopped_and_can_be_resumed(remote: Bench) -> None:
    console = Console(quiet=True, log_level="error")
    with remote.interrupts.hearing(RecordingPaths(remote.folder), console.warn):
        remote.meanwhile(remote.ask_once("waiting to be armed", "stop"))
        with pytest.raises(ScanStopped, match="--resume"):
            await_arming(remote.folder, "0f", interrupts=remote.interrupts, session=remote.session, console=console)
    assert events(remote.journal, ShutterOpened) == []


def test_a_controller_that_goes_away_ends_the_wait(remote: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.beam.arming._LOOK_EVERY_S", 0.001)
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise LinkLost("the controller stopped answering: check the cable")

    console = Console(quiet=True, log_level="error")
    with remote.interrupts.hearing(RecordingPaths(remote.folder), console.warn), pytest.raises(LinkLost):
        await_arming(
            remote.folder, "0f", interrupts=remote.interrupts, session=remote.session, console=console, look=look
        )
    assert events(remote.journal, Resumed) == []


def test_a_scan_started_at_a_terminal_is_armed_by_that(bench: Bench) -> None:
    console = Console(quiet=True, log_level="error")
    await_arming(bench.folder, "0f", interrupts=bench.interrupts, session=bench.session, console=console)
    assert events(bench.journal, Paused) == []


def test_a_scan_without_a_place_for_a_socket_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> Path:
        raise OSError("no folder for a socket")

    monkeypatch.setattr("edge.control.listener.new_place", none_left)
    assert bench.run(ScriptedController()) is RunOutcome.FINISHED
    with pytest.raises(UsageError, match="no scan listens there"):
        ask(bench.folder, "status", "ana")


def test_a_resume_answered_before_the_wait_for_arming_arms_nothing(
    remote: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.beam.arming._LOOK_EVERY_S", 0.001)
    answered, handed_over = threading.Event(), threading.Event()

    class HandedOverLate(logging.Handler):
        """Between its answer and its coming into effect an order is logged, on whatever disk."""

        def handle(self, record: logging.LogRecord) -> bool:
            if record.getMessage().startswith("resume"):
                answered.set()
                remote.await_standing("waiting to be armed")
            return True

    def resume() -> None:
        assert remote.interrupts.take(Order("resume", "mallory"), Peer(1, os.getuid())).ok
        handed_over.set()

    def look() -> None:
        remote.require_no_fault()
        if handed_over.is_set():
            logging.getLogger("edge").removeHandler(late)
            remote.arm()

    late, console = HandedOverLate(), Console(quiet=True, log_level="error")
    with caplog.at_level(logging.INFO, "edge"), remote.interrupts.hearing(RecordingPaths(remote.folder), console.warn):
        logging.getLogger("edge").addHandler(late)
        remote.meanwhile(resume)
        assert answered.wait(_LONG_S)
        await_arming(
            remote.folder,
            "0f",
            interrupts=remote.interrupts,
            session=remote.session,
            console=console,
            look=look,
        )
        remote.join()
    assert [event.reason for event in events(remote.journal, Resumed)] == ["armed by ana at a terminal"]


def test_a_resume_sent_before_the_door_opened_does_not_let_the_scan_go_on(remote: Bench) -> None:
    tell = telling(remote, 5, "pause", "resume")
    doors = [DoorOpen("the door interlock is open: close the door, then go on")]

    def script(controller: ScriptedController, done: ExposureDone) -> ExposureDone:
        tell(controller, done)
        if done.index == 5 and doors:
            controller.is_open = False
            raise doors.pop()
        return done

    def arm() -> None:
        remote.await_standing("paused")
        remote.arm()

    remote.meanwhile(arm)
    assert remote.run(ScriptedController(script)) is RunOutcome.FINISHED
    assert [event.reason for event in events(remote.journal, Resumed)] == ["by ana at a terminal"]


def test_a_pause_right_after_a_resume_is_one_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = [Order("pause", "ben")]

    def say(_console: Console, text: str) -> None:
        if text.startswith("Resumed") and pauses:
            assert bench.interrupts.take(pauses.pop(), Peer(1, os.getuid())).ok

    monkeypatch.setattr(Console, "say", say)

    def resume_twice() -> None:
        for number in (1, 2):
            bench.await_pauses(number)
            ask(bench.folder, "resume", "ana", _LONG_S)

    bench.meanwhile(resume_twice)
    assert bench.run(ScriptedController(telling(bench, 7, "pause"))) is RunOutcome.FINISHED
    assert [event.reason for event in events(bench.journal, Paused)] == ["by ana on the page", "by ben on the page"]


class Doored(ScriptedController):
    """Somebody opens the door, and closes it again, during the first pause; it can be waited for."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(telling(bench, 7, "pause"))
        self.was_seen_open = threading.Event()
        self.opens = threading.Event()

    def status(self) -> ControllerStatus:
        if not self.opens.is_set():
            return super().status()
        self.opens.clear()
        self.door_closed = False
        try:
            return super().status()
        finally:
            self.door_closed = True
            self.was_seen_open.set()


def test_a_door_that_was_opened_during_a_pause_takes_going_on_from_the_page(remote: Bench) -> None:
    controller = Doored(remote)

    def somebody() -> None:
        remote.await_standing("paused")
        controller.opens.set()
        assert controller.was_seen_open.wait(_LONG_S)
        remote.await_pauses(2)
        remote.said.append(ask(remote.folder, "resume", "ana", _LONG_S).sentence)
        assert remote.interrupts.standing == "paused"
        remote.arm()

    remote.meanwhile(somebody)
    assert remote.run(controller) is RunOutcome.FINISHED
    assert "paused at the instrument" in remote.said[-1]
    assert events(remote.journal, Resumed)[-1].reason == "by ana at a terminal"
    assert [pause.reason for pause in events(remote.journal, Paused)] == [
        "by ana on the page",
        "during the pause: the door interlock is open: close the door, then go on",
    ]


def test_a_pause_of_the_page_is_ended_by_it_while_the_door_stays_closed(remote: Bench) -> None:
    remote.meanwhile(remote.ask_once("paused", "resume"))
    assert remote.run(Doored(remote)) is RunOutcome.FINISHED
    assert events(remote.journal, Resumed)[-1].reason == "by ana on the page"
