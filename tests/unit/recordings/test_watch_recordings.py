"""`pointillist watch`: what one look tells, when it ends, and with which code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from edge import cli
from edge.events import Closed, Faulted, Judged, Paused, Resumed, ShutterClosed, ShutterOpened
from edge.faults import DeviceError, SafetyStop, ScanStopped, UsageError
from edge.record.folder import RecordingPaths
from edge.record.journal import Journal
from edge.recordings.progress import Follower, Progress
from edge.recordings.screen import PlainScreen
from edge.recordings.watch import figures, show_once, watch_recording
from edge.state import Ended, Scanning
from tests.unit.recordings.made import at, end, make_files, make_recording, measured, preparation

ESTIMATE = {"rmse": 0.031, "low": 0.02, "high": 0.04, "floor": 0.01}
FIGURE = json.dumps(
    {"exposures": 10, "held_out": 5, "overall": ESTIMATE, "elements": [], "within_one": 0.7, "within_two": 0.9}
)


class Kept:
    """A screen that keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Progress] = []

    def show(self, progress: Progress) -> None:
        self.shown.append(progress)


class Ticking:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def running(folder: Path) -> tuple[RecordingPaths, Journal]:
    """A scan with the beam on, ten exposures measured."""
    paths = make_files(folder)
    paths.maps.unlink()
    journal = Journal.create(paths.journal)
    journal.append(preparation())
    journal.append(measured(range(10)))
    return paths, journal


def line(progress: Progress, name: str) -> str:
    return dict(figures(progress))[name]


def test_a_look_tells_state_progress_dose_and_disk(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")
    with journal:
        progress = Follower(paths.folder).look()
    assert progress.is_running
    assert progress.state == Scanning()
    assert (progress.done, progress.expected) == (10, 24)
    assert progress.live_s == pytest.approx(1.0)
    # from the opening at 3 s to the last spectrum at 5.8 s
    assert progress.beam_s == pytest.approx(2.8)
    assert progress.preview == paths.live / "maps.png"
    assert line(progress, "state") == "measuring, beam on"
    assert line(progress, "exposures").startswith("10 of 24 (41.7 %)")
    assert "1.0 s of live time, beam on for 2.8 s" in line(progress, "dose")
    assert "GB free" in line(progress, "disk")
    assert "detector 9 % dead" in line(progress, "link")


def test_the_rate_is_that_of_the_last_half_minute(tmp_path: Path) -> None:
    clock = Ticking()
    paths, journal = running(tmp_path / "panel")
    with journal:
        follower = Follower(paths.folder, clock=clock)
        follower.look()
        clock.now_s = 40.0
        follower.look()
        journal.append(measured(range(10, 16)))
        clock.now_s = 50.0
        journal.append(measured(range(16, 20)))
        progress = follower.look()
    # ten since the look at 0 s: the one at 40 s lies less than half a minute before this one
    assert progress.rate_hz == pytest.approx(10 / 50)
    assert progress.left_s == pytest.approx(4 / progress.rate_hz)


def test_the_newest_error_is_shown_whether_the_scan_wrote_it_down_or_not(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")
    with journal:
        follower = Follower(paths.folder)
        assert follower.look().error is None
        journal.append([Judged(at(7), 10, FIGURE)])
        assert "0.031 (0.02 to 0.04)" in line(follower.look(), "error")
        paths.figure.write_text(FIGURE.replace("0.031", "0.029"))
        assert "0.029 (0.02 to 0.04)" in line(follower.look(), "error")


def test_a_pause_is_shown_with_its_reason_and_counted(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")
    with journal:
        journal.append([ShutterClosed(at(7), "door"), Paused(at(7), "the door is open")])
        progress = Follower(paths.folder).look()
        assert line(progress, "state") == "paused: the door is open"
        assert "1 pause or fault" in line(progress, "link")


def watched(folder: Path, *events_at_waits: object) -> Kept:
    """Watch while at each wait something happens."""
    screen, steps = Kept(), list(events_at_waits)

    def wait(_seconds: float) -> None:
        if steps:
            steps.pop(0)()  # type: ignore[operator]

    watch_recording(folder, screen=screen, interval_s=1.0, wait=wait)
    return screen


def test_watching_ends_when_the_scan_is_finished(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")

    def finish() -> None:
        journal.append([*measured(range(10, 24)), *end()])
        journal.close()

    screen = watched(paths.folder, lambda: None, finish)
    assert screen.shown[1].done == 10
    assert screen.shown[-1].state == Ended("finished", True)
    assert line(screen.shown[-1], "exposures") == "24 of 24 (100.0 %)"
    assert not paths.journal.with_name("journal.sqlite-wal").exists()


@pytest.mark.parametrize(
    ("last", "fault", "sentence"),
    [
        ([Paused(at(8), "stopped by the operator")], ScanStopped, "stopped by the operator"),
        ([Faulted(at(8), "LinkLost", "the port is gone")], DeviceError, "LinkLost: the port is gone"),
        ([Faulted(at(8), "DoorOpen", "the door is open")], SafetyStop, "DoorOpen: the door is open"),
        ([Closed(at(8), "aborted")], ScanStopped, "the scan was aborted"),
    ],
)
def test_watching_ends_as_the_scan_does(tmp_path: Path, last: list, fault: type[Exception], sentence: str) -> None:
    paths, journal = running(tmp_path / "panel")

    def stop() -> None:
        journal.append([ShutterClosed(at(7), "stopped"), *last])
        journal.close()

    with pytest.raises(fault, match=sentence):
        watched(paths.folder, stop)


def test_a_scan_whose_program_is_gone_without_a_word_ends_watching(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")
    with pytest.raises(ScanStopped, match="program is gone and did not say why"):
        watched(paths.folder, journal.close)


def test_a_scan_that_goes_on_after_a_fault_is_watched_on(tmp_path: Path) -> None:
    paths, journal = running(tmp_path / "panel")

    def go_on() -> None:
        journal.append([Resumed(at(9), "operator"), ShutterOpened(at(10), "scan", 14, 1.0), *measured(range(10, 24))])
        journal.append(end())
        journal.close()

    fault = [ShutterClosed(at(7), "door"), Faulted(at(8), "DoorOpen", "the door is open")]
    screen = watched(paths.folder, lambda: journal.append(fault), lambda: None, go_on)
    assert screen.shown[-1].state == Ended("finished", True)


def test_plain_lines_come_with_news_and_else_every_ten_seconds(tmp_path: Path) -> None:
    clock, said = Ticking(), []
    screen = PlainScreen(said.append, clock=clock)
    paths, journal = running(tmp_path / "panel")
    with journal:
        follower = Follower(paths.folder)
        for clock.now_s in (0.0, 1.0, 9.0, 10.0):
            screen.show(follower.look())
        assert len(said) == 2
        journal.append([ShutterClosed(at(7), "door"), Paused(at(7), "the door is open")])
        screen.show(follower.look())
    assert len(said) == 3
    assert "state: paused: the door is open; exposures: 10 of 24" in said[-1]


def test_a_recording_at_rest_is_shown_once_with_its_outcome(tmp_path: Path) -> None:
    paths = make_recording(tmp_path / "panel", exposures=5)
    screen = Kept()
    with pytest.raises(ScanStopped):
        show_once(paths.folder, screen=screen)
    assert "no scan is running" in line(screen.shown[0], "state")
    assert not math.isnan(screen.shown[0].wanted)


def test_the_command_ends_with_the_scans_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = make_recording(tmp_path / "panel")
    assert cli.run(["watch", "--once", str(paths.folder)]) == 0
    assert "state: finished; exposures: 24 of 24" in capsys.readouterr().out
    assert cli.run(["watch", "--interval", "0.1", str(paths.folder)]) == 0
    assert cli.run(["watch", str(tmp_path)]) == 2


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a recording"):
        Follower(tmp_path)
