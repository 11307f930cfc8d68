"""A scan commanded from elsewhere, on a simulated instrument: it waits to be armed, pauses, goes on, and stops."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time

from edge.control.client import ask
from edge.events import Paused, Resumed
from edge.faults import UsageError
from edge.record.folder import open_recording
from edge.state import Ended
from tests.instrument.conftest import Bench, await_that

_LONG_S = 60.0


def openings(bench: Bench) -> int:
    return sum(event["event"] == "shutter_opened" for event in bench.twin_events())


def is_at(bench: Bench, standing: str) -> bool:
    try:
        return ask(bench.recording, "status", "test", _LONG_S).state == standing
    except UsageError:
        return False


def armed_at_a_terminal(bench: Bench, answer: str) -> tuple[int, str]:
    """`pointillist arm` as somebody gives it, with a terminal that is the process's own."""
    master, slave = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with os.fdopen(slave, "r+b", buffering=0) as files:
        arm = subprocess.Popen(
            bench.command("arm", str(bench.recording)),
            stdin=files,
            stdout=files,
            stderr=files,
            cwd=bench.folder,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509
        )
    said, has_answered, deadline_s = "", False, time.monotonic() + 150.0
    while arm.poll() is None or select.select([master], [], [], 0.0)[0]:
        assert time.monotonic() < deadline_s, said
        try:
            if select.select([master], [], [], 0.1)[0]:
                said += os.read(master, 65_536).decode("utf-8", "replace")
        except OSError:
            break
        if not has_answered and "[yes/no]" in said:
            os.write(master, f"{answer}\n".encode())
            has_answered = True
    os.close(master)
    return arm.wait(timeout=60), said


def test_a_scan_that_nobody_started_at_a_terminal_opens_no_shutter_before_it_is_armed_at_one(bench: Bench) -> None:
    with bench.running(), (bench.folder / "scan.words").open("wb") as words:
        arguments = ("scan", str(bench.config), "--out", str(bench.recording), "--await-arm")
        scan = bench.start_unattended(*arguments, words=words, faults=words)
        try:
            await_that(lambda: is_at(bench, "waiting to be armed") or scan.poll() is not None, "the wait")
            alone = bench.run("arm", str(bench.recording))
            assert alone.returncode == 2
            assert "terminal" in alone.stderr
            assert openings(bench) == 0
            assert is_at(bench, "waiting to be armed")
            code, said = armed_at_a_terminal(bench, "yes")
            assert code == 0, said
            for shown in ("Bench panel", "48 x 32 mm", "384 exposures", "dose:"):
                assert shown in said
            assert scan.wait(timeout=240) == 0, bench.said
        finally:
            scan.kill()
            scan.wait(timeout=20)
    with open_recording(bench.recording) as recording:
        history = recording.history
        events = [event for _, event in recording.reader.events() if isinstance(event, Paused | Resumed)]
    assert history.state == Ended("finished", is_planned=True)
    assert isinstance(events[0], Paused)
    assert events[0].reason == "waiting to be armed"
    assert isinstance(events[1], Resumed)
    assert events[1].reason.startswith("armed by ")
    assert events[1].at < history.shutter[0].at


def test_a_scan_without_a_terminal_is_paused_resumed_and_stopped_from_elsewhere(bench: Bench) -> None:
    bench.instrument["twin"]["clock_factor"] = 40.0
    with bench.running(), bench.scanning() as scan:
        bench.scan_until(20, scan)
        assert ask(bench.recording, "pause", "ana", _LONG_S).ok
        await_that(lambda: is_at(bench, "paused"), "the pause")
        assert bench.twin_events()[-1]["event"] != "shutter_opened"
        measured, opened = bench.measured(), openings(bench)
        assert ask(bench.recording, "pause", "ben", _LONG_S).ok
        assert is_at(bench, "paused")
        assert openings(bench) == opened
        assert ask(bench.recording, "resume", "ben", _LONG_S).ok
        bench.scan_until(measured + 5, scan)
        assert ask(bench.recording, "stop", "ana", _LONG_S).ok
        assert scan.wait(timeout=120) == 6, bench.said
    with open_recording(bench.recording) as recording:
        reasons = [event.reason for event in recording.history.pauses]
    assert reasons[:3] == ["by ana on the page", "by ben on the page", "stopped by ana on the page"]


def test_a_scan_is_stopped_while_it_prepares(bench: Bench) -> None:
    with bench.running(), bench.scanning() as scan:
        await_that(lambda: is_at(bench, "preparing") or scan.poll() is not None, "the beginning")
        ask(bench.recording, "stop", "ana", _LONG_S)
        assert scan.wait(timeout=120) == 6, bench.said
        assert openings(bench) == 0
    assert "by ana" in bench.said
