"""Times of events: a wall clock that is set while a scan runs changes neither beam time nor running time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.beam import session as sessions
from edge.beam.session import Session, utc_now
from edge.dose.received import Received
from edge.events import Opened, Planned, Registered, ShutterClosed, ShutterOpened
from edge.record.journal import Journal
from edge.record.steady_clock import SteadyClock
from edge.state import New

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.set_by = timedelta()
        self.passed_s = 0.0

    def wall(self) -> datetime:
        return NOON + self.set_by + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """The program's."""
    made = Clocks()
    monkeypatch.setattr(sessions, "PROGRAM", SteadyClock(made.wall, made.monotonic))
    return made


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -40 * 365 * 24 * HOUR], ids=["forwards", "back", "to 1986"])
def test_a_clock_that_is_set_with_the_beam_on_changes_no_time(tmp_path: Path, clocks: Clocks, jump: timedelta) -> None:
    with Journal.create(tmp_path / "journal.sqlite") as journal:
        session = Session(journal, New())
        session.record(Opened(utc_now(), "scan", "", (), 1), Registered(utc_now(), "{}", "0"))
        session.record(Planned(utc_now(), "{}", "0"), ShutterOpened(utc_now(), "scan", 10, 0.0))
        clocks.passed_s += 4
        clocks.set_by += jump
        clocks.passed_s += 6
        session.record(ShutterClosed(utc_now(), "a pause"))
    assert session.beam.received_s == pytest.approx(10)
    assert session.running.until_s(utc_now()) == pytest.approx(10)


def test_the_program_s_clock_begins_with_the_computer_s() -> None:
    clock = SteadyClock()
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=60)
    assert clock.now() <= clock.now()


def test_what_was_in_progress_at_a_crash_counts_whole_where_the_clock_was_set_back_since() -> None:
    received = Received()
    began, after = (NOON + timedelta(seconds=seconds) for seconds in (0, -3600))
    received.add(Opened(began.isoformat(), "scan", "", (), 1))
    received.add(ShutterOpened(began.isoformat(), "scan", 10, 0.0))
    received.add(Opened(after.isoformat(), "scan", "", (), 1))
    assert received.pending_s == (float("inf"),)
