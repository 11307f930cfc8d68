"""What exposures gave to the object, as the journal tells it, whatever interrupts them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dose.received import Received
from edge.events import LeftOut, Measured, Opened, ScanEvent, ShutterClosed, ShutterOpened
from edge.record.fold import fold
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

POSE = StagePose(1.0, 2.0)
DONE = ExposureDone(0, POSE, POSE, 1.1, 1.0, 5.0, 6.1, 900.0, 800.0, ExposureFlag.NONE, np.ones(4, np.uint32))


def at(second: int) -> str:
    return f"2026-01-02T03:{second // 60:02d}:{second % 60:02d}.000000+00:00"


def measured(second: int, index: int, *, live_s: float = 1.0, flags: ExposureFlag = ExposureFlag.NONE) -> Measured:
    return Measured(at(second), replace(DONE, index=index, live_s=live_s, flags=flags))


def received(*events: ScanEvent) -> Received:
    book = Received()
    for event in events:
        book.add(event)
    return book


def test_an_exposure_that_is_made_once_gives_its_live_time_and_nothing_else() -> None:
    book = received(ShutterOpened(at(0), "start", 2, 0.0), measured(2, 0), ShutterClosed(at(2), "finished"))
    assert book.live_s == {0: 1.0}
    assert book.is_plain


def test_what_a_closing_cut_short_counts_for_the_exposure_that_comes_first_afterwards() -> None:
    book = received(
        ShutterOpened(at(0), "start", 2, 0.0),
        measured(2, 0),
        ShutterClosed(at(9), "lease expired", is_cut_short=True),
        ShutterOpened(at(20), "lease expired", 1, 1.0),
    )
    assert book.cut_short_s == {1: (7.0,)}
    # It lasted longer than the exposure would have: it had less than the whole, or it would have come.
    assert book.repeats_s(1, planned_s=3.0) == 3.0
    assert book.repeats_s(0, planned_s=1.0) == 0.0


def test_after_a_crash_the_next_exposure_may_have_had_all_the_time_since_the_last_spectrum() -> None:
    opened = Opened(at(100), "scan", "", (), 1)
    book = received(ShutterOpened(at(0), "start", 2, 0.0), measured(2, 0), opened)
    assert book.settled().cut_short_s == {1: (98.0,)}
    assert book.settled().repeats_s(1, planned_s=1.0) == 1.0


def test_an_exposure_that_came_late_was_not_the_one_that_was_cut_short() -> None:
    book = received(
        ShutterOpened(at(0), "start", 3, 0.0),
        ShutterClosed(at(5), "closed by its lease, without the link", is_cut_short=True),
        measured(9, 0),
        measured(9, 1),
        ShutterOpened(at(20), "connected again", 1, 2.0),
    )
    assert book.cut_short_s == {2: (5.0,)}


def test_a_closing_that_waited_for_the_exposure_cuts_nothing_short() -> None:
    book = received(ShutterOpened(at(0), "start", 2, 0.0), measured(2, 0), ShutterClosed(at(9), "operator"))
    assert book.settled().is_plain


def test_an_opening_over_the_standard_gives_nothing_to_the_object() -> None:
    book = received(
        ShutterOpened(at(0), "visit", 2, 0.0, over="standard"), ShutterClosed(at(9), "fault", is_cut_short=True)
    )
    assert book.settled().is_plain


def test_a_truncated_spectrum_and_its_repetition_both_count() -> None:
    book = received(
        ShutterOpened(at(0), "start", 2, 0.0),
        measured(2, 0, live_s=0.4, flags=ExposureFlag.TRUNCATED),
        measured(4, 0, live_s=1.0),
    )
    assert book.live_s == {0: pytest.approx(1.4)}
    assert book.repeats_s(0, planned_s=1.0) == pytest.approx(0.4)


def test_what_is_left_out_is_passed_over_when_the_next_exposure_is_cut_short() -> None:
    book = received(
        ShutterOpened(at(0), "start", 2, 0.0),
        ShutterClosed(at(5), "fault", is_cut_short=True),
        LeftOut(at(6), 0, "too much"),
        ShutterOpened(at(10), "again", 1, 0.0),
        ShutterClosed(at(12), "fault", is_cut_short=True),
        ShutterOpened(at(20), "again", 1, 0.0),
    )
    assert book.cut_short_s == {0: (5.0,), 1: (2.0,)}
    assert book.repeats_s(0, planned_s=8.0) == 5.0


EVENTS = st.one_of(
    st.builds(lambda: ("open",)),
    st.builds(lambda cut: ("close", cut), st.booleans()),
    st.builds(
        lambda i, flag: ("measured", i, flag), st.integers(0, 5), st.sampled_from([ExposureFlag(0), ExposureFlag(2)])
    ),
    st.builds(lambda i: ("left", i), st.integers(0, 5)),
    st.builds(lambda: ("opened",)),
)


def event_of(second: int, told: tuple) -> ScanEvent:
    match told:
        case ("open",):
            return ShutterOpened(at(second), "start", 1, 0.0)
        case ("close", cut):
            return ShutterClosed(at(second), "end", is_cut_short=cut)
        case ("measured", index, flags):
            return measured(second, index, flags=flags)
        case ("left", index):
            return LeftOut(at(second), index, "much")
        case _:
            return Opened(at(second), "scan", "", (), 1)


@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_the_book_of_a_resumed_scan_is_that_of_one_that_went_on(told: list[tuple], cut: int) -> None:
    events = [event_of(second, each) for second, each in enumerate(told)]
    book = fold(events[:cut]).received.copy()
    for event in events[cut:]:
        book.add(event)
    assert book == fold(events).received == fold(events[cut:], fold(events[:cut])).received
