"""Scans that the page begins: found again, one at a time, and why one did not begin."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from edge.control.listener import Listener, Peer
from edge.control.messages import Order, Reply
from edge.faults import UsageError
from edge.serving import scans as scans_module
from edge.serving.scans import Scans


def recording(folder: Path, name: str, *, at_s: int) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "journal.sqlite").write_bytes(b"")
    os.utime(made / "journal.sqlite", (at_s, at_s))
    return made


def take(_order: Order, _peer: Peer) -> Reply:
    return Reply(True, "measuring", "measuring")


class Begun:
    """In the place of the scan's process."""

    returncode: int | None = None

    def __init__(self, command: list[str], **files: Any) -> None:
        self.command, self.files = command, files

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Begun]:
    made: list[Begun] = []

    def begin(command: list[str], **files: Any) -> Begun:
        made.append(Begun(command, **files))
        return made[-1]

    monkeypatch.setattr(scans_module.subprocess, "Popen", begin)
    return made


def test_the_scan_that_runs_goes_before_a_newer_recording(tmp_path: Path) -> None:
    running, newer = recording(tmp_path, "a", at_s=1_000), recording(tmp_path, "b", at_s=2_000)
    assert Scans(tmp_path).latest() == newer
    with Listener(running, take):
        assert Scans(tmp_path).running() == running
        assert Scans(tmp_path).latest() == running
    assert Scans(tmp_path).running() is None


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "x-plan").mkdir()
    assert Scans(tmp_path).latest() is None
    assert Scans(tmp_path / "missing").latest() is None


def test_a_scan_is_begun_unarmed_without_a_terminal_and_outlives_the_page(tmp_path: Path, begun: list[Begun]) -> None:
    made = Scans(tmp_path).start(tmp_path, "panel")
    (process,) = begun
    assert made.parent == tmp_path
    assert process.command[-1] == "--await-arm"
    assert process.files["start_new_session"]
    assert process.files["stdin"] == subprocess.DEVNULL


def test_an_interrupted_scan_is_taken_up_unarmed(tmp_path: Path, begun: list[Begun]) -> None:
    Scans(tmp_path).resume(tmp_path / "a", tmp_path / "own.yaml")
    told = ["--alerts", str(tmp_path / "own.yaml"), "--no-page"]
    assert begun[0].command[-6:] == ["--resume", str(tmp_path / "a"), *told, "--await-arm"]


def test_a_scan_keeps_the_priority_that_its_page_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nawk '{print $19}' /proc/self/stat\n")
    program.chmod(0o755)
    monkeypatch.setattr(scans_module.sys, "executable", str(program))
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def page() -> None:
        scans = Scans(tmp_path)
        # of this thread alone
        os.nice(5)
        scans.start(tmp_path, "panel")
        assert scans._begun is not None
        scans._begun.process.wait(60)

    serving = threading.Thread(target=page)
    serving.start()
    serving.join(90)
    assert (tmp_path / "scan.words").read_text() == f"{own}\n"


def test_a_second_scan_is_refused_while_one_runs_or_is_ending(tmp_path: Path, begun: list[Begun]) -> None:
    scans = Scans(tmp_path)
    scans.start(tmp_path, "panel")
    with pytest.raises(UsageError, match="already"):
        scans.start(tmp_path, "panel")
    begun[0].returncode = 0
    scans.start(tmp_path, "panel")


def test_why_a_scan_did_not_begin_is_told_in_its_own_words(tmp_path: Path, begun: list[Begun]) -> None:
    scans = Scans(tmp_path)
    scans.start(tmp_path, "panel")
    assert scans.trouble() == ""
    (tmp_path / "scan.words").write_text("Connected\npointillist: port: no such port: plug the controller in\n")
    begun[0].returncode = 3
    assert scans.trouble() == "port: no such port: plug the controller in"


def test_why_a_scan_did_not_begin_is_told_while_another_start_takes_its_time(
    tmp_path: Path, begun: list[Begun]
) -> None:
    scans = Scans(tmp_path)
    scans.start(tmp_path, "panel")
    (tmp_path / "scan.words").write_text("pointillist: no such port\n")
    begun[0].returncode = 3
    told: list[str] = []
    with scans._turn:
        asking = threading.Thread(target=lambda: told.append(scans.trouble()), daemon=True)
        asking.start()
        asking.join(60)
        assert told == ["no such port"]
