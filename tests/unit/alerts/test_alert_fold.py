"""Of what somebody is told, and of what not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml

from edge.alerts.fold import AlertFold
from edge.beam.recovery import CURABLE
from edge.events import (
    LINK_FAULTS,
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Opened,
    Paused,
    Resumed,
    ScanEvent,
    ShutterClosed,
    ShutterOpened,
    StandardMissed,
)
from edge.recordings.contents import state_words
from edge.recordings.progress import Follower, Progress
from edge.state import Broken, Ended, Scanning
from tests.unit.desk.panel import configuration
from tests.unit.recordings.made import at, make_recording


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Progress:
    """A look at a scan with the beam on."""
    paths = make_recording(tmp_path_factory.mktemp("alerts") / "scan", exposures=3)
    progress = Follower(paths.folder).look()
    return replace(progress, state=Scanning(), is_running=True, silent_s=0.1, wanted=1e6, free=10**9)


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        ([Paused(at(5), "by Ada on the page")], "paused", "by Ada on the page"),
        ([Faulted(at(5), "SafetyStop", "the stage stood still")], "faulted", "stopped by SafetyStop: the stage stood"),
        ([Faulted(at(5), "LinkLost", "the controller went silent")], "faulted", "the controller went silent"),
        ([Closed(at(5), "finished")], "finished", "is finished"),
        ([Concluded(at(4), "the error is below 0.03"), Closed(at(5), "finished")], "finished", "below 0.03"),
        ([Closed(at(5), "aborted")], "stopped", "can go on"),
        ([Corrected(at(5), "{}", 400)], "drift", "400 exposures"),
        ([StandardMissed(at(5), "the stage stood elsewhere")], "drift", "stood elsewhere"),
    ],
)
def test_what_happens_is_told_in_a_sentence(events: list[ScanEvent], kind: str, words: str) -> None:
    fold = AlertFold()
    for event in events:
        fold.add(event)
    (alert,) = fold.alerts
    assert (alert.kind, alert.at) == (kind, at(5))
    assert words in alert.sentence


def test_the_ordinary_course_of_a_scan_is_not_told(running: Progress) -> None:
    fold = AlertFold()
    for event in (ShutterOpened(at(1), "scan", 9, 0.0), ShutterClosed(at(2), "a look"), Resumed(at(3), "by Ada")):
        fold.add(event)
        fold.look(running, at(3))
    assert fold.alerts == ()


def test_a_full_disk_is_told_once_and_again_after_it_had_room(running: Progress) -> None:
    fold = AlertFold()
    full = replace(running, free=10**5)
    for progress in (full, full, running, full):
        fold.look(progress, at(9))
    assert [alert.kind for alert in fold.alerts] == ["low-disk", "low-disk"]
    fold.look(replace(running, wanted=math.nan, free=0), at(9))
    assert len(fold.alerts) == 2


def test_a_program_that_is_gone_is_told_once_and_one_look_is_not_enough(running: Progress) -> None:
    fold = AlertFold()
    gone = replace(running, is_running=False)
    fold.look(gone, at(9))
    assert fold.alerts == ()
    for _ in range(3):
        fold.look(gone, at(9))
    assert [alert.kind for alert in fold.alerts] == ["interrupted"]


def test_a_scan_that_ended_is_not_called_interrupted(running: Progress) -> None:
    fold = AlertFold()
    for _ in range(3):
        fold.look(replace(running, is_running=False, state=Ended("finished", True)), at(9))
    assert fold.alerts == ()


def test_silence_with_the_beam_on_is_told_and_silence_in_a_pause_is_not(running: Progress) -> None:
    fold = AlertFold()
    silent = replace(running, silent_s=500.0)
    fold.look(replace(silent, state=Ended("aborted", True)), at(9))
    assert fold.alerts == ()
    for _ in range(3):
        fold.look(silent, at(9))
    assert [alert.kind for alert in fold.alerts] == ["silent"]


def test_a_scan_that_pauses_all_the_time_takes_bounded_room() -> None:
    fold = AlertFold()
    for _ in range(1_000):
        fold.add(Paused(at(5), "again"))
    assert len(fold.alerts) == 200
    assert fold.alerts[-1].number == 1_000


def opened(reconnect_s: float) -> Opened:
    """A scan that looks for its controller for so long."""
    document = configuration()
    document["instrument"] = document["instrument"] | {"reconnect_s": reconnect_s}
    return Opened(at(0), "scan", yaml.safe_dump(document), (), 1)


LOST = Faulted(at(5), "LinkLost", "the controller went silent: check the cable")


def test_a_lost_controller_is_told_to_be_looked_for_and_to_be_there_again_not_to_have_stopped_the_scan() -> None:
    fold = AlertFold()
    for event in (opened(60.0), LOST, opened(60.0), Resumed(at(9), "connected again")):
        fold.add(event)
    lost, regained = fold.alerts
    assert (lost.kind, regained.kind, regained.at) == ("link-lost", "link-regained", at(9))
    assert "looked for, for 60 s" in lost.sentence
    assert "stopped" not in lost.sentence


def test_a_controller_that_nobody_looks_for_stopped_the_scan() -> None:
    fold = AlertFold()
    for event in (opened(0.0), LOST):
        fold.add(event)
    (alert,) = fold.alerts
    assert alert.kind == "faulted"
    assert "stopped by LinkLost" in alert.sentence


def test_a_controller_that_was_not_found_again_is_told_as_a_fault_once(running: Progress) -> None:
    fold = AlertFold()
    fold.add(opened(60.0))
    fold.add(LOST)
    broken = replace(running, state=Broken("LinkLost", LOST.sentence, True), is_running=True)
    fold.look(broken, at(6))
    for _ in range(4):
        fold.look(replace(broken, is_running=False), at(70))
    assert [alert.kind for alert in fold.alerts] == ["link-lost", "faulted"]
    assert "not found again" in fold.alerts[-1].sentence


def test_a_scan_that_looks_for_its_controller_is_not_said_to_have_stopped() -> None:
    state = Broken("LinkLost", "the controller went silent", True)
    assert "is looked for" in state_words(state, is_running=True)
    assert "stopped by LinkLost" in state_words(state)
    assert "stopped by SafetyStop" in state_words(Broken("SafetyStop", "no", True), is_running=True)


def test_the_faults_that_are_told_so_are_those_after_which_a_scan_looks_for_its_controller() -> None:
    others = {"LeaseExpired", "DoorOpen", "StandoffExceeded"}
    assert {fault.__name__ for fault in CURABLE} - others == LINK_FAULTS
