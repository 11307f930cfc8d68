"""What exposures gave to the object, as the journal tells it, whatever interrupts them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.dose.received import CutShort, Received
from edge.dose.repeats import beside_s
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


def dwells(*live_s: float) -> np.ndarray:
    """A plan's table of dwells beside each other."""
    x_mm, y_mm = np.arange(len(live_s), dtype=float), np.zeros(len(live_s))
    return np.column_stack([x_mm, y_mm, x_mm, y_mm, live_s])


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
    assert book.cut_short == (CutShort(1, 7.0, is_lost=False),)
    # It lasted longer than the exposure would have: it had less than the whole, or it would have come.
    assert beside_s(dwells(1.0, 3.0, 3.0), book).tolist() == [0.0, 3.0, 0.0]


def test_after_a_crash_the_next_exposure_may_have_had_all_the_time_since_the_last_spectrum() -> None:
    opened = Opened(at(100), "scan", "", (), 1)
    book = received(ShutterOpened(at(0), "start", 2, 0.0), measured(2, 0), opened)
    assert book.settled().cut_short == (CutShort(1, 98.0, is_lost=True),)
    assert beside_s(dwells(1.0, 1.0), book.settled()).tolist() == [0.0, 1.0]


def test_an_exposure_that_came_late_was_not_the_one_that_was_cut_short() -> None:
    book = received(
        ShutterOpened(at(0), "start", 3, 0.0),
        ShutterClosed(at(5), "closed by its lease, without the link", is_cut_short=True),
        measured(9, 0),
        measured(9, 1),
        ShutterOpened(at(20), "connected again", 1, 2.0),
    )
    assert book.cut_short == (CutShort(2, 5.0, is_lost=False),)


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
    assert beside_s(dwells(1.0), book) == pytest.approx([0.4])


def test_what_is_left_out_is_passed_over_when_the_next_exposure_is_cut_short() -> None:
    book = received(
        ShutterOpened(at(0), "start", 2, 0.0),
        ShutterClosed(at(5), "fault", is_cut_short=True),
        LeftOut(at(6), 0, "too much"),
        ShutterOpened(at(10), "again", 1, 0.0),
        ShutterClosed(at(12), "fault", is_cut_short=True),
        ShutterOpened(at(20), "again", 1, 0.0),
    )
    assert book.cut_short == (CutShort(0, 5.0, is_lost=False), CutShort(1, 2.0, is_lost=False))
    assert beside_s(dwells(8.0, 8.0), book).tolist() == [5.0, 2.0]


def after_a_crash(boot_id: int, *, seconds: int = 60) -> Received:
    """The first exposure recorded, then nothing for a while, and the program started again."""
    return received(
        Opened(at(0), "scan", "", (), 1),
        ShutterOpened(at(0), "start", 9, 0.0),
        measured(2, 0),
        Opened(at(2 + seconds), "scan", "", (), boot_id),
        ShutterOpened(at(100), "started again with --resume", 8, 1.0),
    )


def test_a_controller_that_kept_what_it_measured_lost_no_more_than_what_was_in_progress() -> None:
    assert beside_s(dwells(*[1.0] * 9), after_a_crash(1)).tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_a_controller_that_was_started_again_may_have_measured_unheard_what_it_forgot() -> None:
    # five seconds until the lease is no longer renewed, half of one until it ends
    assert beside_s(dwells(*[1.0] * 9), after_a_crash(2)).tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert beside_s(dwells(*[1.0] * 9), after_a_crash(2, seconds=3)).tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 0]


def test_a_run_that_a_forgetful_controller_was_flying_may_have_been_flown_to_its_end() -> None:
    row = np.column_stack([np.arange(9.0), np.zeros(9), np.arange(1, 10.0), np.zeros(9), np.full(9, 4.0)])
    row[6:, 1] = row[6:, 3] = 1.0
    assert beside_s(row, after_a_crash(2)).tolist() == [0, 4, 4, 4, 4, 4, 0, 0, 0]


def test_a_link_that_is_found_again_on_a_controller_that_booted_has_lost_what_was_finished() -> None:
    book = received(
        Opened(at(0), "scan", "", (), 1),
        ShutterOpened(at(0), "start", 4, 0.0),
        measured(2, 0),
        ShutterClosed(at(4), "closed by its lease, without the link", is_cut_short=True),
        Opened(at(9), "scan", "", (), 2),
        ShutterOpened(at(10), "connected again", 3, 1.0),
    )
    assert beside_s(dwells(1.0, 1.0, 1.0, 1.0), book).tolist() == [0, 1, 1, 0]


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
