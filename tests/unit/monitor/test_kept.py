"""A page that dies beside a scan: noticed, said once, and begun again a few times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from edge.configuration.monitor import MonitorConfig
from edge.console import Console
from edge.monitor import kept as kept_module
from edge.monitor import process
from edge.monitor.child import Child
from edge.monitor.kept import Kept
from edge.monitor.process import page_of

LONG_S = 60.0


class Process:
    """In the place of one."""

    def __init__(self, *, dies: bool) -> None:
        self.dies = dies
        self.is_ended = False

    def is_gone(self) -> bool:
        return self.dies

    def end(self, _patience_s: float) -> None:
        self.is_ended = True


class Begun:
    """Processes one after the other, of which the first so many die."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.made: list[Process] = []
        self.said: list[str] = []
        self.given_up = threading.Event()

    def __call__(self) -> Child:
        self.made.append(Process(dies=len(self.made) < self.deaths))
        return cast(Child, self.made[-1])

    def keep(self) -> Kept:
        return Kept(self, what="the page", remedy="look", post=self.said.append, give_up=self.given_up.set)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "_LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(kept_module, "_REST_S", (0.001, 0.001, 0.001))


def await_that(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LONG_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def test_a_page_that_dies_is_begun_again_and_that_is_said_once() -> None:
    begun = Begun(2)
    page = begun.keep()
    await_that(lambda: len(begun.made) == 3)
    page.end(0.0)
    assert [made.is_ended for made in begun.made] == [True, True, True]
    assert len(begun.said) == 1
    assert "the scan goes on" in begun.said[0]
    assert not begun.given_up.is_set()


def test_a_page_that_dies_again_and_again_stays_away() -> None:
    begun = Begun(100)
    page = begun.keep()
    assert begun.given_up.wait(LONG_S)
    page.end(0.0)
    assert len(begun.made) == 4
    assert len(begun.said) == 2
    assert begun.said[1].endswith("the scan goes on: look")


def test_a_page_for_which_the_system_has_no_process_is_tried_again_without_a_fault() -> None:
    begun = Begun(1)

    def failing() -> Child:
        if begun.made:
            raise OSError(12, "Cannot allocate memory")
        return begun()

    page = Kept(failing, what="the page", remedy="look", post=begun.said.append, give_up=begun.given_up.set)
    assert begun.given_up.wait(LONG_S)
    page.end(0.0)


def test_the_end_of_the_scan_is_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "_LOOK_EVERY_S", LONG_S)
    begun = Begun(0)
    page = begun.keep()
    page.end(0.0)
    assert begun.said == []
    assert [made.is_ended for made in begun.made] == [True]


def test_what_a_thread_posts_is_written_by_whoever_shows_next(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True, log_level="error")
    with console.progress("Measuring", 10) as show:
        poster = threading.Thread(target=console.post, args=("the page ended by itself",))
        poster.start()
        poster.join()
        assert capsys.readouterr().err == ""
        show(1)
        show(2)
    assert capsys.readouterr().err == "pointillist: the page ended by itself\n"


def test_a_scan_goes_on_without_a_page_for_which_the_system_has_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(process, "Child", none)
    with page_of(MonitorConfig(port=0), tmp_path, Console(quiet=True, log_level="error")):
        pass
    told = capsys.readouterr().err
    assert "cannot be begun (Cannot allocate memory); the scan goes on without" in told
    assert "pointillist monitor" in told
