"""A run that is told from elsewhere to pause, go on, finish and stop: by its socket, whatever it is waiting for."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from edge.beam.scan import RunOutcome
from edge.console import Console
from edge.control.client import ask
from edge.control.listener import Peer
from edge.control.messages import Order
from edge.events import Paused, Resumed, ShutterOpened
from edge.faults import UsageError
from edge.state import Ended, Halted
from firmware_bridge.faults import LinkLost
from tests.unit.control.commanded import LONG_S, Bench, telling
from tests.unit.scripted_scan import COUNT, ScriptedController, events, failing_at, recorded


def test_a_scan_paused_from_elsewhere_waits_shutter_closed_and_is_resumed(bench: Bench) -> None:
    controller = ScriptedController(telling(bench, 7, "pause"))
    open_then: list[bool] = []

    def resume() -> None:
        bench.await_standing("paused")
        open_then.append(controller.is_open)
        assert ask(bench.folder, "resume", "ben", LONG_S).ok

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
        ask(bench.folder, "resume", "ana", LONG_S)

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
            bench.said.append(ask(bench.folder, "stop", "ana", LONG_S).sentence)
        raise LinkLost("not there yet")

    outcome = bench.run(lost, connect=connect)
    assert outcome is RunOutcome.CUT_OFF


def test_a_pause_asked_while_the_controller_is_looked_for_comes_once_it_is_found(bench: Bench) -> None:
    lost = ScriptedController(failing_at(5, LinkLost("the controller stopped answering: check the cable")))
    controllers = [ScriptedController(), lost]

    def connect() -> ScriptedController:
        if len(controllers) == 1:
            ask(bench.folder, "pause", "ana", LONG_S)
        return controllers.pop()

    openings: list[int] = []

    def look() -> None:
        bench.await_standing("paused")
        openings.append(len(events(bench.journal, ShutterOpened)))
        ask(bench.folder, "resume", "ana", LONG_S)

    bench.meanwhile(look)
    outcome = bench.run(lost, connect=connect)
    assert outcome is RunOutcome.FINISHED
    assert openings == [1], "found again, it is not opened before it is resumed"


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


def test_a_scan_without_a_place_for_a_socket_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> Path:
        raise OSError("no folder for a socket")

    monkeypatch.setattr("edge.control.listener.new_place", none_left)
    assert bench.run(ScriptedController()) is RunOutcome.FINISHED
    with pytest.raises(UsageError, match="no scan listens there"):
        ask(bench.folder, "status", "ana")


def test_a_pause_right_after_a_resume_is_one_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = [Order("pause", "ben")]

    def say(_console: Console, text: str) -> None:
        if text.startswith("Resumed") and pauses:
            assert bench.interrupts.take(pauses.pop(), Peer(1, os.getuid())).ok

    monkeypatch.setattr(Console, "say", say)

    def resume_twice() -> None:
        for number in (1, 2):
            bench.await_pauses(number)
            ask(bench.folder, "resume", "ana", LONG_S)

    bench.meanwhile(resume_twice)
    assert bench.run(ScriptedController(telling(bench, 7, "pause"))) is RunOutcome.FINISHED
    assert [event.reason for event in events(bench.journal, Paused)] == ["by ana on the page", "by ben on the page"]
