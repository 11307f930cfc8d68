"""What the page says of where a scan stands."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from edge.monitor.feed import Feed
from edge.monitor.words import state_json, status_json
from edge.state import Broken, Ended, Halted, Scanning, ScanState


class Placed:
    """Exposures, of which the last one ended nowhere."""

    last_mm = float("nan"), 2.0

    def __len__(self) -> int:
        return 1


def told(state: ScanState, *, is_running: bool) -> tuple[str, str]:
    progress = SimpleNamespace(state=state, concluded="", is_running=is_running)
    found = state_json(cast(Feed, SimpleNamespace(progress=progress, folder=Path("scan"))))
    return found["name"], found["sentence"]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("operator", "paused by the operator"),
        ("by Ada on the page", "paused by Ada on the page"),
        ("the door is open", "paused: the door is open"),
    ],
)
def test_a_pause_says_who_or_what_brought_it_about(reason: str, sentence: str) -> None:
    assert told(Halted(reason), is_running=True) == ("paused", sentence)


@pytest.mark.parametrize(
    "reason", ["stopped by Ada on the page", "stopped by the operator", "asked to stop by the system"]
)
def test_a_scan_that_was_stopped_says_so_and_not_that_it_is_paused(reason: str) -> None:
    name, sentence = told(Halted(reason), is_running=False)
    assert name == "interrupted"
    assert sentence.startswith(f"{reason}; no scan is running, and this one can be resumed")


def test_a_fault_that_ended_the_program_is_told_as_a_fault() -> None:
    broken = Broken("LinkLost", "the controller is gone", is_planned=True)
    assert told(broken, is_running=True)[0] == "faulted"
    name, sentence = told(broken, is_running=False)
    assert name == "failed"
    assert "the controller is gone" in sentence


def test_a_program_that_died_while_the_beam_was_on_does_not_leave_the_page_saying_that_it_is() -> None:
    name, sentence = told(Scanning(), is_running=False)
    assert name == "interrupted"
    assert "lease switches off" in sentence
    assert "beam on" not in sentence


def test_a_scan_that_was_given_up_can_be_taken_up_again() -> None:
    name, sentence = told(Ended("aborted", is_planned=True), is_running=False)
    assert name == "aborted"
    assert "can be resumed" in sentence


def test_a_place_that_is_no_number_is_told_as_none() -> None:
    # JSON has no word for it, and a damaged recording may hold it
    progress = SimpleNamespace(
        state=Scanning(), concluded="", is_running=True, done=1, expected=2, rate_hz=1.0, left_s=1.0, live_s=1.0,
        beam_s=1.0, error=None, silent_s=0.0, dead_share=0.0, interruptions=0, free=1, wanted=0.0, length=1,
    )  # fmt: skip
    feed = SimpleNamespace(progress=progress, about=None, taken=Placed(), trouble="", alerts=(), folder=Path("scan"))
    assert status_json(cast(Feed, feed))["beam"] == {"x_mm": None, "y_mm": 2.0, "on": True}
