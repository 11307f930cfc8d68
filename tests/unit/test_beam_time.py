"""How long the beam was on, and that a scan which is taken up again may not exceed its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.events import Faulted, Opened, ScanEvent, ShutterClosed, ShutterOpened, utc_text
from edge.folds.beam_time import BeamTime
from edge.record.fold import fold

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return utc_text(NOON + timedelta(seconds=seconds))


def opened(seconds: float) -> Opened:
    return Opened(at(seconds), "scan", "", (), 1)


def beam_on(seconds: float) -> ShutterOpened:
    return ShutterOpened(at(seconds), "start", 10, 0.0)


def beam_off(seconds: float) -> ShutterClosed:
    return ShutterClosed(at(seconds), "finished")


def lost(seconds: float) -> Faulted:
    return Faulted(at(seconds), "LinkLost", "gone")


@pytest.mark.parametrize(
    ("events", "received_s"),
    [
        ([opened(0), beam_on(5), beam_off(25), beam_on(30), beam_off(31.5)], 21.5),
        ([opened(0), beam_on(5)], 0.0),
        ([opened(0), beam_on(5), lost(9), opened(500), beam_on(600), beam_off(601)], 5.0),
        ([opened(0), beam_on(5), lost(9), beam_off(9.5), opened(80)], 4.5),
        ([opened(0), beam_on(5), beam_off(6), beam_off(900)], 1.0),
        ([opened(0), beam_on(5), beam_off(2)], 0.0),
    ],
    ids=[
        "the sum of the openings",
        "not yet what is under way",
        "up to the last event when nobody saw it close",
        "up to the closing that was found out later",
        "a second closing adds nothing",
        "a clock that was set back takes nothing away",
    ],
)
def test_the_beam_counts(events: list[ScanEvent], received_s: float) -> None:
    assert fold(events).beam.received_s == pytest.approx(received_s)


def test_the_beam_counts_alike_however_the_journal_is_cut() -> None:
    events = [opened(0), beam_on(5), lost(9), opened(500), beam_on(600), beam_off(601)]
    for cut in range(len(events)):
        assert fold(events[cut:], fold(events[:cut])).beam == fold(events).beam


def test_a_journal_without_an_opening_counts_nothing() -> None:
    assert fold([]).beam == BeamTime()


def test_an_opening_over_the_standard_is_beam_time_of_the_tube_and_none_of_the_object() -> None:
    over_standard = ShutterOpened(at(30), "visit to the standard", 10, 0.0, "standard")
    beam = fold([opened(0), beam_on(5), beam_off(25), over_standard, beam_off(40), beam_on(50), beam_off(51)]).beam
    assert beam.received_s == pytest.approx(21.0)
    assert beam.over_standard_s == pytest.approx(10.0)


def test_a_visit_that_a_crash_ended_counts_for_the_tube_alone() -> None:
    over_standard = ShutterOpened(at(30), "visit to the standard", 10, 0.0, "standard")
    beam = fold([opened(0), over_standard, lost(33), opened(500)]).beam
    assert (beam.received_s, beam.over_standard_s, beam.on_since) == (0.0, pytest.approx(3.0), "")
