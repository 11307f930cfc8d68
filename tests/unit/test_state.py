"""The scan's state machine, pair by pair."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from edge.events import (
    Closed,
    Concluded,
    Corrected,
    Faulted,
    Judged,
    LeftOut,
    Measured,
    Opened,
    Paused,
    Planned,
    Registered,
    Resumed,
    ScanEvent,
    ShutterClosed,
    ShutterOpened,
    StandardMeasured,
    StandardMissed,
)
from edge.state import (
    Broken,
    Ended,
    Halted,
    New,
    Prepared,
    Preparing,
    Ready,
    Refused,
    Scanning,
    ScanState,
    advance,
)
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

AT = "2026-01-02T03:04:05.000006+00:00"
POSE = StagePose(1.0, 2.0)
DONE = ExposureDone(3, POSE, POSE, 0.11, 0.1, 5.0, 5.11, 900.0, 800.0, ExposureFlag.NONE, np.ones(4, np.uint32))

STATES: dict[str, ScanState] = {
    "new": New(),
    "preparing": Preparing(),
    "prepared": Prepared(),
    "ready": Ready(),
    "scanning": Scanning(),
    "halted": Halted("lunch"),
    "broken": Broken("LinkLost", "gone", is_planned=True),
    "broken-unplanned": Broken("LinkLost", "gone", is_planned=False),
    "finished": Ended("finished", is_planned=True),
    "aborted": Ended("aborted", is_planned=True),
    "aborted-unplanned": Ended("aborted", is_planned=False),
}
EVENTS: dict[str, ScanEvent] = {
    "Opened": Opened(AT, "scan", "area:\n", (("pointillist", "0.1.0"),), 7),
    "Registered": Registered(AT, "{}", "00"),
    "Corrected": Corrected(AT, "{}", 400),
    "Planned": Planned(AT, "{}", "00"),
    "ShutterOpened": ShutterOpened(AT, "scan", 10, 0.0),
    "ShutterClosed": ShutterClosed(AT, "end"),
    "Measured": Measured(AT, DONE),
    "LeftOut": LeftOut(AT, 3, "too much"),
    "Judged": Judged(AT, 400, "{}"),
    "Concluded": Concluded(AT, "the error is reached"),
    "Standard": StandardMeasured(AT, DONE),
    "Missed": StandardMissed(AT, "nothing came"),
    "Paused": Paused(AT, "lunch"),
    "Resumed": Resumed(AT, "back"),
    "Faulted": Faulted(AT, "DoorOpen", "the door is open"),
    "finish": Closed(AT, "finished"),
    "abort": Closed(AT, "aborted"),
}
AFTER: dict[str, ScanState | None] = {
    ".": None,
    "preparing": Preparing(),
    "prepared": Prepared(),
    "ready": Ready(),
    "scanning": Scanning(),
    "lunch": Halted("lunch"),
    "cut": Halted("the scan was interrupted with the beam on"),
    "mended": Halted("stopped by LinkLost"),
    "revived": Halted("the scan was aborted"),
    "broken": STATES["broken"],
    "broken-": STATES["broken-unplanned"],
    "door": Broken("DoorOpen", "the door is open", is_planned=True),
    "door-": Broken("DoorOpen", "the door is open", is_planned=False),
    "finished": STATES["finished"],
    "aborted": STATES["aborted"],
    "aborted-": STATES["aborted-unplanned"],
}
TABLE = """
event          new       preparing prepared  ready     scanning broken   broken-unplanned halted   finished aborted  aborted-unplanned
Opened         preparing preparing prepared  ready     cut      mended   preparing        lunch    .        revived  preparing
Registered     .         prepared  prepared  prepared  .        .        .                lunch    .        .        .
Corrected      .         .         .         ready     scanning .        .                lunch    .        .        .
Planned        .         .         ready     ready     scanning .        .                lunch    .        .        .
ShutterOpened  .         .         .         scanning  .        .        .                .        .        .        .
ShutterClosed  .         preparing prepared  ready     ready    broken   broken-          lunch    finished aborted  aborted-
Measured       .         .         prepared  ready     scanning broken   broken-          lunch    finished aborted  aborted-
LeftOut        .         .         .         ready     scanning .        .                lunch    .        .        .
Judged         .         .         .         ready     scanning .        .                lunch    .        .        .
Concluded      .         .         .         ready     scanning .        .                lunch    .        .        .
Standard       .         .         prepared  ready     scanning broken   broken-          lunch    finished aborted  aborted-
Missed         .         .         prepared  ready     scanning broken   broken-          lunch    finished aborted  aborted-
Paused         .         .         .         lunch     lunch    .        .                lunch    .        .        .
Resumed        .         .         .         .         .        ready    .                ready    .        .        .
Faulted        .         door-     door-     door      door     door     door-            door     .        .        .
finish         .         .         .         finished  .        .        .                finished .        .        .
abort          .         aborted-  aborted-  aborted   .        aborted  aborted-         aborted  .        .        .
"""  # noqa: E501
ROWS = [line.split() for line in TABLE.strip().splitlines()]
PAIRS = [
    pytest.param(state, row[0], after, id=f"{row[0]} when {state}")
    for row in ROWS[1:]
    for state, after in zip(ROWS[0][1:], row[1:], strict=True)
]


@pytest.mark.parametrize(("state", "event", "after"), PAIRS)
def test_every_event_in_every_state_leads_where_the_table_says(state: str, event: str, after: str) -> None:
    arrived = advance(STATES[state], EVENTS[event])
    expected = AFTER[after]
    if expected is None:
        assert isinstance(arrived, Refused)
        assert arrived.reason
    else:
        assert arrived == expected


def test_the_table_holds_every_kind_of_state_and_event() -> None:
    assert {type(state) for state in STATES.values()} == set(get_args(ScanState))
    assert {type(event) for event in EVENTS.values()} == set(get_args(ScanEvent))
    assert set(ROWS[0][1:]) == set(STATES)
    assert [row[0] for row in ROWS[1:]] == list(EVENTS)


def test_a_refusal_is_falsy_and_a_state_is_not() -> None:
    assert not Refused("why")
    assert all(STATES.values())


def test_a_spectrum_that_arrives_late_is_never_refused_once_something_was_planned() -> None:
    for name in ("ready", "scanning", "halted", "broken", "finished", "aborted"):
        assert advance(STATES[name], EVENTS["Measured"]) == STATES[name]


def test_the_newest_reason_for_a_pause_is_kept() -> None:
    assert advance(Halted("lunch"), Paused(AT, "night")) == Halted("night")


def test_states_carry_nothing_of_the_events_beyond_their_reason() -> None:
    other = replace(EVENTS["Opened"], scan_id="another")
    assert advance(New(), other) == advance(New(), EVENTS["Opened"])
