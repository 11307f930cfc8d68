"""`pointillist doctor` against a simulated instrument, as an operator runs it, hands at the door included."""

from __future__ import annotations

import re
import signal

import pytest

from tests.instrument.conftest import await_that
from tests.instrument.test_interrupted import Terminal, shutter_is_open


@pytest.fixture
def attended(bench):
    """An instrument whose door opens by itself once the exposure that holds the beam on is over."""
    bench.instrument["twin"] |= {"starts_homed": True, "clock_factor": 1_000.0}
    bench.instrument["twin"] |= {"door_opens_after": 11, "door_stays_open_s": 1_500.0}
    bench.beforehand = ("attend_briefly",)
    return bench


def doctor(bench) -> Terminal:
    return Terminal(bench, "doctor", str(bench.config), "--shutter")


def test_the_shutter_test_goes_through_shutter_door_and_lease(attended):
    with attended.running():
        terminal = doctor(attended)
        terminal.await_text("Is the tube off")
        terminal.type("yes\n")
        terminal.await_text("Is it closed?")
        await_that(lambda: (terminal.read(0.0), is_door_closed_again(attended))[1], "the door's closing")
        terminal.type("yes\n")
        assert terminal.await_end() == 0, terminal.text
        events = attended.twin_events()
    for test in ("shutter test", "spectrum rate", "door test", "lease test"):
        assert re.search(rf"^ok +{test} ", terminal.text, re.MULTILINE), terminal.text
    closed = [event["reason"] for event in events if event["event"] == "shutter_closed"]
    assert closed == ["command", "door_open", "lease_expired"]


def test_ctrl_c_in_a_shutter_test_closes_the_shutter_at_once(bench):
    bench.instrument["twin"] |= {"starts_homed": True, "clock_factor": 4.0}
    with bench.running():
        terminal = doctor(bench)
        terminal.await_text("Is the tube off")
        terminal.type("yes\n")
        terminal.await_text("Open the door now")
        assert shutter_is_open(bench)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.await_end() == 6, terminal.text
        assert not shutter_is_open(bench)
        closed = [event["reason"] for event in bench.twin_events() if event["event"] == "shutter_closed"]
    assert closed == ["command", "command"], "closed by the program, not by its lease"


def is_door_closed_again(bench) -> bool:
    return any(event["event"] == "door_closed" for event in bench.twin_events())
