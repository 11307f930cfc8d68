"""What a running scan survives: broken links by itself, a door or an object out of range with somebody's help."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edge import app
from edge.console import Console
from edge.events import Faulted, Opened, Paused, Resumed, ScanEvent, ShutterClosed, ShutterOpened
from edge.faults import ScanStopped
from edge.record.folder import open_recording
from edge.state import Broken, Ended
from tests.instrument.conftest import Bench, await_that

PLANNED = 123
MID_SCAN = 9_000
"""Bytes from the twin by which about a third of the scan is over."""


@pytest.fixture
def slow(bench: Bench) -> Bench:
    """The bench with fewer cells, slow enough to be disturbed."""
    bench.instrument["twin"]["clock_factor"] = 30.0
    bench.scan["sampling"]["rate"] = 0.02
    return bench


class Attended(Console):
    """Somebody at the terminal, who sees to the instrument and answers; nobody, where there is no answer."""

    answer: Callable[[], str] | None = None

    @property
    def can_ask(self) -> bool:
        return self.answer is not None

    def ask(self, question: str, answers: tuple[str, ...]) -> str:
        assert self.answer is not None
        return self.answer()


@pytest.fixture
def console() -> Iterator[Attended]:
    yield Attended(quiet=False, log_level="info")
    for name in ("edge", "firmware_bridge"):
        for handler in logging.getLogger(name).handlers[:]:
            logging.getLogger(name).removeHandler(handler)
            handler.close()


@pytest.fixture
def scan(slow: Bench, console: Attended, monkeypatch) -> Callable[[Path], None]:
    """Scans in this process, without the report."""
    monkeypatch.setattr(app, "report_scan", lambda _folder, *, console: None)

    def run(out: Path) -> None:
        app.run_scan(slow.config, out=out, console=console, review=False)

    return run


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Something that happens beside; it has happened when this is left."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not faults, faults


def spectra(folder: Path) -> dict[int, bytes]:
    """Counts of every exposure of a finished scan; fails where one is missing or there twice."""
    with open_recording(folder) as recording:
        _, exposures = recording.reader.measured()
        assert recording.history.state == Ended("finished", is_planned=True)
        assert recording.history.irregular == ()
    assert sorted(done.index for done in exposures) == list(range(PLANNED))
    return {done.index: done.counts.tobytes() for done in exposures}


def story(folder: Path) -> list[ScanEvent]:
    """What happened to the beam, in order, but for leases that ran out because this computer was busy."""
    kinds = (Opened, Faulted, ShutterOpened, ShutterClosed, Paused, Resumed)
    with open_recording(folder) as recording:
        told = [event for _, event in recording.reader.events() if isinstance(event, kinds)]
    happened: list[ScanEvent] = []
    is_late = False
    for event in told:
        if isinstance(event, ShutterClosed) and event.reason == "lease expired":
            is_late = True
        elif is_late and isinstance(event, ShutterOpened):
            is_late = False
        else:
            happened.append(event)
    return happened


def shutter_is_open(bench: Bench) -> bool:
    """By the twin's own log."""
    return [e["event"] for e in bench.twin_events() if e["event"].startswith("shutter")][-1] == "shutter_opened"


def words(bench: Bench) -> str:
    """Everything that the operator read."""
    return (bench.recording / "log.txt").read_text("utf-8")


def test_a_device_that_comes_back_under_another_name_goes_on_where_it_was(slow, scan):
    slow.instrument["twin"] |= {"gain_drift_per_hour": 0.0, "position_error_mm": 0.0}
    slow.instrument["twin"]["faults"] = [{"kind": "hang_up", "at_byte": MID_SCAN, "for_s": 0.6}]
    with slow.running():
        name = (slow.folder / "port").readlink()
        scan(slow.recording)
        assert (slow.folder / "port").readlink() != name
        twin = slow.twin_events()
        scan(slow.folder / "undisturbed")
    kinds = [event["event"] for event in twin]
    again = kinds.index("session", kinds.index("line_hang_up"))
    # a busy computer may have let the lease run out before
    assert [kind for kind in kinds[:again] if kind.startswith("shutter")][-1] == "shutter_closed"
    assert "shutter_opened" in kinds[again:]
    exposed = [event["index"] for event in twin if event["event"] == "exposed"]
    assert sorted(exposed) == list(range(PLANNED)), "no finished cell is exposed again"
    assert spectra(slow.recording) == spectra(slow.folder / "undisturbed")
    assert [type(event).__name__ for event in story(slow.recording)] == [
        "Opened",
        "ShutterOpened",
        "Faulted",
        "ShutterClosed",
        "Opened",
        "Resumed",
        "ShutterOpened",
        "ShutterClosed",
    ]
    assert "port has gone: check the cable" in words(slow)
    assert "(looking for it for 60 s; Ctrl-C stops the scan)" in words(slow)
    assert words(slow).count("Homing the stage") == 1, "it had stayed awake, so it knew where it was"


def test_a_controller_that_boots_again_is_homed_and_the_object_looked_at(slow, scan):
    slow.instrument["twin"]["faults"] = [{"kind": "reset", "at_byte": MID_SCAN}]
    with slow.running():
        scan(slow.recording)
    spectra(slow.recording)
    opened = [event.boot_id for event in story(slow.recording) if isinstance(event, Opened)]
    assert len(set(opened)) == 2
    said = words(slow)
    assert (
        said.index("Connected again")
        < said.rindex("Homing the stage")
        < said.rindex("cannot show whether the object has moved")
    )


def test_an_instrument_that_is_switched_off_and_on_goes_on(slow, scan):
    def switch_off_and_on() -> None:
        await_that(lambda: slow.measured() >= 20, "the first exposures")
        slow.kill(first)
        second.enter_context(slow.running())

    with slow.running() as first, ExitStack() as second, meanwhile(switch_off_and_on):
        scan(slow.recording)
    spectra(slow.recording)


def test_ctrl_c_while_the_controller_is_looked_for_stops_the_scan_resumably(slow, scan):
    def give_up() -> None:
        log = slow.recording / "log.txt"
        await_that(lambda: log.exists() and "looking for it" in words(slow), "the loss of the link")
        os.kill(os.getpid(), signal.SIGINT)

    slow.instrument["twin"]["faults"] = [{"kind": "hang_up", "at_byte": MID_SCAN, "for_s": 3_600.0}]
    with slow.running(), meanwhile(give_up), pytest.raises(ScanStopped, match="go on with: pointillist scan --resume"):
        scan(slow.recording)
    assert "the shutter could not be confirmed closed" in words(slow)
    with open_recording(slow.recording) as recording:
        assert isinstance(recording.history.state, Broken)


def test_somebody_who_opens_the_door_to_look_closes_it_and_answers(slow, scan, console):
    slow.instrument["twin"] |= {"door_opens_after": 40, "door_stays_open_s": 60.0}

    def look() -> str:
        assert not shutter_is_open(slow)
        await_that(lambda: "door_closed" in [event["event"] for event in slow.twin_events()], "the door's closing")
        return "resume"

    console.answer = look
    with slow.running():
        scan(slow.recording)
    spectra(slow.recording)
    paused = next(event for event in story(slow.recording) if isinstance(event, Paused))
    assert "the door is open" in paused.reason


def test_an_object_that_leaves_the_range_pauses_the_scan_resumably(slow, scan):
    slow.instrument["twin"] |= {"standoff_mm": 10.0, "standoff_leaves_after": 40, "standoff_stays_out_s": 30.0}
    with slow.running():
        with pytest.raises(ScanStopped, match="go on with: pointillist scan --resume"):
            scan(slow.recording)
        assert not shutter_is_open(slow)
    kinds = [type(event).__name__ for event in story(slow.recording)]
    assert kinds == ["Opened", "ShutterOpened", "ShutterClosed", "Paused"]
    assert story(slow.recording)[-1].reason in words(slow), "the operator reads why, and what to do"
