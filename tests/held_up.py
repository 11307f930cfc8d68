"""Repeats a test of devices that failed while the computer held it up.

Leases, baud rates and a board's own patience are kept in real time: a computer that stands still for a part of a second
closes shutters and loses links, in a laboratory as here. What a test claims can then not be seen, so it is made once
more, from its fixtures on. On a computer that gives it its time a test that fails is never repeated, and the end of the
run names each one that was.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

HELD_UP_S = 0.05
"""Lateness above which devices cannot be driven from a computer: half of what passes between two renewals."""
_MOST_ATTEMPTS = 3
_OUT_OF_TIME = "Timeout (>"
"""What a test that has had all its time is ended with; it has none for another attempt."""
_LOOK_S = 0.01
_TOLD = "held_up"
_FOLDERS = ("browser", "instrument", "protocol", "faults", "replay", "unit/bridge", "unit/cameras", "unit/listening")
"""Below `tests/`: where processes and threads talk to each other."""


class Stopwatch:
    """How late a thread of this process is at the most, having asked to be woken."""

    def __init__(self) -> None:
        self._latest_s = 0.0
        self._asked_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="held up", daemon=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[Stopwatch]:
        self._asked_s = time.monotonic()
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join()
            self._note(time.monotonic())

    @property
    def latest_s(self) -> float:
        return self._latest_s

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_S):
            now_s = time.monotonic()
            self._note(now_s)
            self._asked_s = now_s

    def _note(self, now_s: float) -> None:
        self._latest_s = max(self._latest_s, now_s - self._asked_s - _LOOK_S)


class Repeater:
    """The plugin."""

    def __init__(self, tests: Path, held_up_s: float = HELD_UP_S) -> None:
        self._folders = [tests / folder for folder in _FOLDERS]
        self._held_up_s = held_up_s
        self._of_file: tuple[Path, float] = (tests, 0.0)
        """How late this process has been since the fixtures that the tests of a file share were made."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if not any(item.path.is_relative_to(folder) for folder in self._folders):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        told: list[str] = []
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            with Stopwatch().running() as watch:
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
            held_up_s = self._since_fixtures(item.path, watch.latest_s)
            reasons = [_reason(report) for report in reports if report.failed]
            is_last = attempt == _MOST_ATTEMPTS or any(_OUT_OF_TIME in reason for reason in reasons)
            if not reasons or held_up_s < self._held_up_s or is_last:
                break
            told.append(f"held up for {held_up_s:.2f} s, {reasons[0]}")
            self._of_file = (item.path, 0.0)
            # what this test shares with others was held up as well
            with contextlib.suppress(Exception):
                item.session._setupstate.teardown_exact(None)
        for report in reports:
            if report.when == "call":
                report.user_properties += [(_TOLD, words) for words in told]
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _since_fixtures(self, file: Path, latest_s: float) -> float:
        known_file, before_s = self._of_file
        self._of_file = (file, max(latest_s, before_s if known_file == file else 0.0))
        return self._of_file[1]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reports in list(terminalreporter.stats.values()):
            for report in reports:
                for name, words in getattr(report, "user_properties", ()):
                    if name == _TOLD:
                        terminalreporter.write_line(f"REPEATED {report.nodeid} - {words}")


def _reason(report: pytest.TestReport) -> str:
    """What went wrong, on one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash is not None else report.longrepr).splitlines()
    return f"{report.when}: {lines[0] if lines else ''}"
