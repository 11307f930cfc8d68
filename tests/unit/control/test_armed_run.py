"""A run that nobody sits at: armed at a terminal alone, and let go on by whoever may, whatever comes between."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from edge.beam.arming import await_arming
from edge.beam.scan import RunOutcome
from edge.console import Console
from edge.control.client import ask
from edge.control.listener import Peer
from edge.control.messages import Order
from edge.events import Paused, Resumed, ShutterOpened
from edge.faults import ScanStopped
from edge.record.folder import RecordingPaths
from edge.state import Ended, Halted
from firmware_bridge.faults import DoorOpen, LinkLost
from firmware_bridge.messages import ControllerStatus, ExposureDone, StagePose
from tests.unit.control.commanded import LONG_S, Bench, telling
from tests.unit.scripted_scan import ScriptedController, events, failing_at


def test_a_door_that_opens_on_a_scan_nobody_sits_at_is_waited_for_and_let_go_on_at_a_terminal(remote: Bench) -> None:
    controller = ScriptedController(failing_at(5, DoorOpen("the door interlock is open: close the door, then go on")))
    refused: list[str] = []

    def arm() -> None:
        remote.await_standing("paused")
        reply = ask(remote.folder, "resume", "ana", LONG_S)
        refused.append("" if reply.ok else reply.sentence)
        remote.arm()

    remote.meanwhile(arm)
    assert remote.run(controller) is RunOutcome.FINISHED
    assert "paused at the instrument" in refused[0]
    assert [event.reason for event in events(remote.journal, Resumed)] == ["by ana at a terminal"]


def test_an_unarmed_scan_waits_shutter_closed_until_it_is_armed_at_a_terminal(remote: Bench) -> None:
    states: list[object] = []

    def arm() -> None:
        remote.await_standing("waiting to be armed")
        states.append(remote.session.state)
        for do in ("resume", "finish", "pause", "arm"):
            assert not ask(remote.folder, do, "ana", LONG_S, plan="0f").ok
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


def test_a_resumed_scan_that_waits_to_be_armed_is_finished_as_it_is_without_moving_or_beam(remote: Bench) -> None:
    console, controller = Console(quiet=True, log_level="error"), ScriptedController(lambda _controller, done: done)
    with remote.interrupts.hearing(RecordingPaths(remote.folder), console.warn):
        remote.meanwhile(remote.ask_once("waiting to be armed", "finish"))
        await_arming(
            remote.folder,
            "0f",
            interrupts=remote.interrupts,
            session=remote.session,
            console=console,
            measured=7,
        )
        remote.join()
    assert "the 7 exposures" in remote.said[0]
    assert remote.run(controller) is RunOutcome.ENDED_EARLY
    assert remote.session.state == Ended("aborted", is_planned=True)
    assert events(remote.journal, ShutterOpened) == []
    assert events(remote.journal, Paused)[-1].reason == "finished by ana on the page"
    assert controller.pose == StagePose(-100.0, -100.0)


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
        assert answered.wait(LONG_S)
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
        assert controller.was_seen_open.wait(LONG_S)
        remote.await_pauses(2)
        remote.said.append(ask(remote.folder, "resume", "ana", LONG_S).sentence)
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
