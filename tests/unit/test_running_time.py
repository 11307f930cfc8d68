"""How long a scan ran, from its journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.events import Closed, Faulted, Opened, Paused, Resumed, ShutterClosed, ShutterOpened, utc_text
from edge.folds.running_time import RunningTime

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(second: float) -> str:
    return utc_text(START + timedelta(seconds=second))


def running_s(*events, until: float) -> float:
    time = RunningTime()
    for event in events:
        time = time.after(event)
    return time.until_s(at(until))


def opened(second: float) -> Opened:
    return Opened(at(second), "scan", "", (), 1)


def on(second: float) -> ShutterOpened:
    return ShutterOpened(at(second), "scan", 1, 0.0)


def off(second: float) -> ShutterClosed:
    return ShutterClosed(at(second), "look")


@pytest.mark.parametrize(
    ("events", "wanted_s"),
    [
        ([opened(0)], 0),
        ([opened(0), on(10)], 90),
        ([opened(0), on(10), off(20), on(50)], 90),
        ([opened(0), on(10), off(20), Paused(at(20), "lunch"), Resumed(at(60), "back"), on(70)], 10 + 30),
        ([opened(0), on(10), off(20), Faulted(at(25), "DoorOpen", "open")], 15),
        ([opened(0), on(10), off(20), Closed(at(30), "finished")], 20),
        ([opened(0), on(10), ShutterClosed(at(30), "fault"), opened(80), on(90)], 20 + 10),
        ([opened(0), on(10), on(5)], 90),
    ],
)
def test_travel_and_looks_count_and_pauses_do_not(events, wanted_s):
    assert running_s(*events, until=100) == pytest.approx(wanted_s)


def test_a_clock_that_is_set_back_takes_nothing_away():
    assert running_s(opened(0), on(10), off(40), Paused(at(40), "lunch"), on(60), until=50) == pytest.approx(30)
