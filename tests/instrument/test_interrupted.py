"""Killed, stopped, asked: whatever ends a scan early, each exposure is recorded once and the shutter is closed."""

from __future__ import annotations

import os
import pty
import random
import re
import select
import signal
import time

import pytest
import yaml

from edge.record.folder import open_recording
from edge.state import Ended
from tests.instrument.conftest import await_that

PLANNED = 384


def assert_whole(bench) -> None:
    with open_recording(bench.recording) as recording:
        history = recording.history
        _, exposures = recording.reader.measured()
    assert history.state == Ended("finished", is_planned=True)
    assert sorted(done.index for done in exposures) == list(range(PLANNED))


def shutter_is_open(bench) -> bool:
    shutter = [event["event"] for event in bench.twin_events() if event["event"].startswith("shutter")]
    return bool(shutter) and shutter[-1] == "shutter_opened"


@pytest.mark.parametrize("seed", [2, pytest.param(3, marks=pytest.mark.campaign)])
def test_a_killed_scan_is_resumed_and_every_exposure_is_there_once(bare, seed):
    bare.instrument["twin"]["clock_factor"] = 40.0
    kill_at = random.Random(seed).randrange(1, PLANNED - 60)
    with bare.running():
        with bare.scanning() as scan:
            bare.scan_until(kill_at, scan)
            scan.kill()
            scan.wait(timeout=60)
        survived = bare.measured()
        assert kill_at <= survived < PLANNED
        await_that(lambda: not shutter_is_open(bare), "the shutter's closing by the end of its lease")
        resumed = bare.run("scan", "--resume", str(bare.recording))
        assert resumed.returncode == 0, resumed.stderr
        found = re.search(rf"(\d+) of {PLANNED} exposures are measured", resumed.stdout)
        assert found is not None
        # What the kill cut off between its sync and its announcement to readers is found when the log is recovered.
        assert survived <= int(found[1]) < PLANNED
        exposed = [event["index"] for event in bare.twin_events() if event["event"] == "exposed"]
    assert_whole(bare)
    assert sorted(exposed) == list(range(PLANNED)), "no finished cell is exposed again"


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(other, marks=pytest.mark.campaign) for other in (signal.SIGINT, signal.SIGHUP))],
)
def test_a_signal_stops_safely_when_nobody_can_be_asked(bench, number):
    bench.instrument["twin"]["clock_factor"] = 40.0
    with bench.running():
        with bench.scanning() as scan:
            bench.scan_until(20, scan)
            scan.send_signal(number)
            assert scan.wait(timeout=120) == 6, bench.said
        assert "go on with: pointillist scan --resume" in bench.said
        assert not shutter_is_open(bench)
    assert (bench.recording / "report.html").is_file()


class Terminal:
    """A scan, or another command, on a terminal of its own, with somebody typing."""

    def __init__(self, bench, *arguments: str) -> None:
        self._bench = bench
        self._master, slave = pty.openpty()
        with os.fdopen(slave, "r+b", buffering=0) as files:
            arguments = arguments or ("scan", str(bench.config), "--out", str(bench.recording))
            self.process = bench.start(*arguments, files=(files, files, files))
        self.text = ""

    def await_text(self, wanted: str, timeout_s: float = 150.0) -> None:
        deadline = time.monotonic() + timeout_s
        while wanted not in self.text:
            is_in_time = self.process.poll() is None and time.monotonic() < deadline
            self.read(0.2)
            if not is_in_time and wanted not in self.text:
                self.process.kill()
                self.process.wait(timeout=60)
                pytest.fail(f"{wanted!r} did not appear in {self.text[-500:]!r}")

    def read(self, wait_s: float) -> None:
        if select.select([self._master], [], [], wait_s)[0]:
            try:
                self.text += os.read(self._master, 65_536).decode("utf-8", "replace")
            except OSError:
                return

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def await_exposures(self, count: int) -> None:
        """Until the journal holds so many; reads on, for a terminal that nobody reads holds up who writes to it."""
        await_that(lambda: (self.read(0.0), self._bench.measured() >= count)[1], f"{count} exposures")

    def hang_up(self) -> None:
        """The terminal goes away, as when a connection breaks."""
        os.close(self._master)

    def await_end(self) -> int:
        while self.process.poll() is None:
            self.read(0.1)
        self.read(0.1)
        return self.process.returncode


def test_ctrl_c_pauses_safely_asks_and_goes_on(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    with bare.running():
        terminal = Terminal(bare)
        terminal.await_exposures(21)
        terminal.process.send_signal(signal.SIGINT)
        terminal.await_text("What now? [resume/finish/stop]")
        assert not shutter_is_open(bare)
        terminal.type("resume\n")
        assert terminal.await_end() == 0, terminal.text[-800:]
    assert_whole(bare)


def test_ctrl_c_at_the_question_aborts_with_the_shutter_closed(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    with bare.running():
        terminal = Terminal(bare)
        terminal.await_exposures(21)
        terminal.process.send_signal(signal.SIGINT)
        terminal.await_text("What now?")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.await_end() == 6
        assert not shutter_is_open(bare)
        assert bare.run("scan", "--resume", str(bare.recording), "--quiet").returncode == 0
    assert_whole(bare)


def test_ctrl_c_while_the_report_is_made_says_how_to_make_it(bench):
    with bench.running():
        bench.beforehand = ("leave_out_preview", "interrupt_the_report")
        scan = bench.run("scan", str(bench.config), "--out", str(bench.recording))
        assert scan.returncode == 6, scan.stderr
    assert "make them with: pointillist report" in scan.stderr
    assert not (bench.recording / "report.html").exists()
    bench.beforehand = ()
    assert bench.run("report", str(bench.recording)).returncode == 0
    assert (bench.recording / "report.html").is_file()
    assert_whole(bench)


def test_a_lost_terminal_stops_safely(bare):
    bare.instrument["twin"]["clock_factor"] = 40.0
    with bare.running():
        terminal = Terminal(bare)
        terminal.await_exposures(21)
        terminal.hang_up()
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(timeout=120) == 6
        assert not shutter_is_open(bare)
        assert bare.run("scan", "--resume", str(bare.recording), "--quiet").returncode == 0
    assert_whole(bare)


def test_finishing_early_keeps_what_was_measured(bench):
    bench.instrument["twin"]["clock_factor"] = 40.0
    with bench.running():
        terminal = Terminal(bench)
        terminal.await_exposures(61)
        terminal.process.send_signal(signal.SIGINT)
        terminal.await_text("What now?")
        terminal.type("finish\n")
        assert terminal.await_end() == 0, terminal.text[-800:]
    with open_recording(bench.recording) as recording:
        assert recording.history.state == Ended("aborted", is_planned=True)
        assert 60 < len(recording.history.done) < PLANNED
    assert (bench.recording / "maps.h5").is_file()


def test_ctrl_c_in_the_demonstration_is_the_scans_to_answer(bench):
    out = bench.folder / "demo"
    bench.instrument["twin"]["clock_factor"] = 10.0
    panel = bench.folder / "panel"
    panel.mkdir()
    for name, content in (("instrument", bench.instrument), ("scan", bench.scan), ("camera", {})):
        (panel / f"{name}.yaml").write_text(yaml.safe_dump(content), "utf-8")
    bench.beforehand = ("leave_out_maps", "show_a_panel_of_the_tests", "own_the_terminal")
    terminal = Terminal(bench, "demo", "--out", str(out))
    terminal.await_text("Measuring", timeout_s=240.0)
    terminal.type("\x03")
    terminal.await_text("What now? [resume/finish/stop]")
    terminal.type("stop\n")
    assert terminal.await_end() == 6, terminal.text[-800:]
    assert not (out / "port").is_symlink(), "the instrument ended with its demonstration"
