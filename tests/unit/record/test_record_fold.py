"""The history that a journal's events add up to."""

from __future__ import annotations

import numpy as np
import pytest

from edge.events import (
    Closed,
    Corrected,
    Faulted,
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
from edge.record.fold import ScanHistory, StandardVisit, fold
from edge.state import Ended, Halted, New, Ready, Scanning
from firmware_bridge.messages import ExposureDone, ExposureFlag, StagePose

POSE = StagePose(1.0, 2.0)


def at(second: int) -> str:
    return f"2026-01-02T03:04:{second:02d}.000006+00:00"


def measured(second: int, index: int, flags: ExposureFlag = ExposureFlag.NONE) -> Measured:
    counts = np.full(8, index, np.uint32)
    return Measured(at(second), ExposureDone(index, POSE, POSE, 0.5, 0.25, 0.0, 0.5, 1.0, 1.0, flags, counts))


SCAN: list[ScanEvent] = [
    Opened(at(0), "panel", "area:\n", (("pointillist", "0.1.0"),), 7),
    Registered(at(1), "{}", "aa"),
    Planned(at(2), "{1}", "bb"),
    ShutterOpened(at(3), "scan", 4, 0.0),
    measured(4, 1),
    measured(5, 2, ExposureFlag.TRUNCATED),
    ShutterClosed(at(6), "pause"),
    Paused(at(7), "lunch"),
    measured(8, 3),
    Resumed(at(9), "back"),
    Planned(at(10), "{2}", "cc"),
    ShutterOpened(at(11), "scan", 2, 0.75),
    measured(12, 2),
    Faulted(at(13), "DoorOpen", "the door is open"),
    ShutterClosed(at(14), "fault"),
    Opened(at(15), "panel", "area:\n", (("pointillist", "0.1.1"),), 8),
    Resumed(at(16), "door closed"),
    ShutterOpened(at(17), "scan", 1, 1.0),
    measured(18, 4),
    ShutterClosed(at(19), "end"),
    Closed(at(20), "finished"),
]


def test_a_whole_scan_adds_up() -> None:
    history = fold(SCAN)
    assert history.state == Ended("finished", is_planned=True)
    assert history.done == {1, 2, 3, 4}
    assert history.truncated == frozenset()
    assert history.exposures == 5
    assert history.live_s == pytest.approx(1.25)
    assert history.real_s == pytest.approx(2.5)
    assert history.counts == 8 * (1 + 2 + 3 + 2 + 4)
    assert (history.scan_id, history.config_yaml, history.plan_json) == ("panel", "area:\n", "{2}")
    assert [event.boot_id for event in history.opened] == [7, 8]
    assert len(history.shutter) == 6
    assert [event.fault for event in history.faults] == ["DoorOpen"]
    assert (history.started_at, history.last_at) == (at(0), at(20))
    assert history.irregular == ()


@pytest.mark.parametrize("cut", range(len(SCAN) + 1))
def test_folding_in_two_parts_gives_the_same_history(cut: int) -> None:
    assert fold(SCAN[cut:], fold(SCAN[:cut])) == fold(SCAN)


def test_folding_changes_neither_events_nor_the_earlier_history() -> None:
    first = fold(SCAN[:5])
    fold(SCAN[5:], first)
    assert first == fold(SCAN[:5])
    assert first.done == {1}


def test_a_truncated_exposure_is_still_to_be_repeated() -> None:
    history = fold(SCAN[:6])
    assert history.done == {1}
    assert history.truncated == {2}


def test_a_crash_with_the_beam_on_shows_and_is_halted_when_the_scan_is_opened_again() -> None:
    crashed = fold(SCAN[:5])
    assert crashed.is_shutter_open
    assert crashed.state == Scanning()
    reopened = fold([SCAN[15]], crashed)
    assert isinstance(reopened.state, Halted)
    assert not reopened.is_shutter_open
    assert fold([SCAN[16]], reopened).state == Ready()


def test_what_should_not_have_happened_is_kept_and_named() -> None:
    history = fold([*SCAN[:3], Resumed(at(4), "by mistake")])
    assert history.state == Ready()
    assert history.irregular == (f"{at(4)}: Resumed although nothing is paused that could go on",)


def test_an_empty_journal_is_a_new_scan() -> None:
    assert fold([]) == ScanHistory()
    assert ScanHistory().state == New()
    assert ScanHistory().plan_json == ""


def test_a_correction_replaces_the_registration_and_keeps_the_photograph_until_the_next_one() -> None:
    history = fold([*SCAN[:4], Corrected(at(5), "{moved}", 100)])
    assert history.registration == Registered(at(1), "{moved}", "aa")
    assert history.corrections == (Corrected(at(5), "{moved}", 100),)
    again = fold([ShutterClosed(at(6), "pause"), Paused(at(7), "lunch"), Registered(at(8), "{}", "bb")], history)
    assert again.registration == Registered(at(8), "{}", "bb")
    assert again.corrections == ()


def test_a_visit_after_another_opening_knows_that_the_scan_was_taken_up_before_it() -> None:
    visit = StandardMeasured(at(17), measured(17, 2**31).done)
    before = fold(SCAN[:15])
    assert fold([*SCAN[15:17], visit], before).visits == (StandardVisit(4, visit, taken_up=4),)
    assert fold([visit], before).visits == (StandardVisit(4, visit, taken_up=3),)


def test_the_last_visit_is_doubtful_where_it_gave_nothing_and_a_fault_ended_the_scan() -> None:
    visit = StandardMeasured(at(12), measured(12, 2**31).done)
    missed, ended = StandardMissed(at(13), "nothing came"), SCAN[13:15]
    assert fold([*SCAN[:13], visit, missed, *ended]).is_visit_doubtful
    assert fold([*SCAN[:13], missed, *ended]).is_visit_doubtful
    assert not fold([*SCAN[:13], visit, *ended]).is_visit_doubtful
    assert not fold([*SCAN[:13], visit, missed]).is_visit_doubtful
    again = StandardMeasured(at(14), measured(14, 2**31 + 1).done)
    assert not fold([*SCAN[:13], visit, missed, again, *ended]).is_visit_doubtful


def test_a_visit_to_the_standard_is_kept_with_its_place_in_the_scan_and_is_no_exposure_of_the_object() -> None:
    visit = StandardMeasured(at(15), measured(15, 2**31).done)
    missed = StandardMissed(at(16), "nothing came")
    history = fold([*SCAN[:15], visit, missed, *SCAN[15:]])
    # Two had been measured when the scan was paused, and the third arrived before it was resumed.
    assert history.visits == (StandardVisit(4, visit, taken_up=3),)
    assert history.missed == (missed,)
    plain = fold(SCAN)
    for name in ("done", "truncated", "exposures", "live_s", "real_s", "counts", "beam", "state"):
        assert getattr(history, name) == getattr(plain, name), name
