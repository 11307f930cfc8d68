"""The simulated machine before an object that bows or is moved: nothing is exposed that is too near or too far."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native.vocabulary import Code, ConditionBits
from firmware_bridge.twins.bowed_surface import BowedSurface
from firmware_bridge.twins.native.instrument import ClosedItself, Instrument
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.twin_log import TwinLog
from tests.unit.bridge.test_twin_instrument import EXACT, Dark, dwell, hold_open

BOWED = replace(EXACT, standoff_mm=10.0, bow_mm=4.0, nearest_mm=8.0, farthest_mm=12.0)
"""Along y = 150 mm the surface is 10 - 4 (1 - (x - 150)^2 / 150^2) mm away: 8 mm at x = 43.9 and 256.1 mm."""


def machine(settings: TwinSettings, at: StagePose) -> Instrument:
    instrument = Instrument(Dark(), settings, TwinLog(None), now_s=0.0)
    assert instrument.move(at, 0.0) is Code.OK
    instrument.advance(1_000.0)
    instrument.events.clear()
    return instrument


def across(index: int, x_mm: float) -> Exposure:
    return Exposure(index, StagePose(x_mm, 150.0), StagePose(x_mm, 150.0), 0.1)


def test_the_surface_is_a_dome_over_the_travel() -> None:
    surface = BowedSurface(10.0, 4.0, (0.0, 300.0), (0.0, 300.0))
    places = [(0.0, 150.0), (150.0, 150.0), (75.0, 150.0), (150.0, 300.0), (-50.0, 400.0)]
    assert [surface.distance_mm(StagePose(*place)) for place in places] == [10.0, 6.0, 7.0, 10.0, 10.0]


def test_the_shutter_closes_before_the_first_exposure_that_is_too_near() -> None:
    instrument = machine(BOWED, StagePose(30.0, 150.0))
    for index in range(10):
        instrument.take(across(index, 30.0 + 3.0 * index))
    assert instrument.open_shutter(0.5, 1_000.0) is Code.OK
    hold_open(instrument, 1_000.0, 1_010.0)
    closed = instrument.events.popleft()
    assert isinstance(closed, ClosedItself)
    assert closed.code is Code.STANDOFF
    assert closed.remark.endswith("mm, allowed 8 to 12 mm")
    assert not instrument.is_shutter_open
    # 42 mm is the last of them that is below 43.9 mm.
    assert list(instrument.engine.kept) == [0, 1, 2, 3, 4]
    assert [exposure.index for exposure in instrument.engine.queue] == [5, 6, 7, 8, 9]


def test_the_shutter_closes_on_the_way_over_what_is_too_near() -> None:
    instrument = machine(BOWED, StagePose(30.0, 150.0))
    instrument.take(across(0, 270.0))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_002.0)
    assert not instrument.is_shutter_open
    # A reading every 100 ms at 50 mm/s, and 2.5 mm for braking.
    assert 43.9 < instrument.pose(1_002.0).x_mm < 43.9 + 5.0 + 2.5
    assert ConditionBits.OUT_OF_RANGE in instrument.conditions


def test_opening_is_refused_while_the_object_is_too_near_and_moving_is_not() -> None:
    instrument = machine(BOWED, StagePose(150.0, 150.0))
    assert instrument.open_shutter(0.5, 1_000.0) is Code.STANDOFF
    assert instrument.move(StagePose(0.0, 150.0), 1_000.0) is Code.OK
    instrument.advance(1_100.0)
    assert instrument.open_shutter(0.5, 1_100.0) is Code.OK


def test_a_row_of_strokes_stops_before_the_stroke_that_begins_too_near() -> None:
    instrument = machine(BOWED, StagePose(20.0, 150.0))
    for index in range(12):
        start, end = StagePose(20.0 + 3.0 * index, 150.0), StagePose(23.0 + 3.0 * index, 150.0)
        instrument.take(Exposure(index, start, end, 0.3))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_010.0)
    assert not instrument.is_shutter_open
    # The one that begins at 41 mm is the last; it ends at 44 mm.
    assert list(instrument.engine.kept) == list(range(8))


def test_an_object_that_is_moved_away_interrupts_and_nothing_is_lost() -> None:
    settings = replace(BOWED, bow_mm=0.0, standoff_leaves_after=3, standoff_stays_out_s=5.0)
    instrument = machine(settings, StagePose(0.0, 0.0))
    for index in range(6):
        instrument.take(dwell(index, 1.0 * index))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_003.0)
    closed = instrument.events.popleft()
    assert isinstance(closed, ClosedItself)
    assert closed.remark == "18.000 mm, allowed 8 to 12 mm"
    assert instrument.standoff_mm(1_003.0) == 18.0
    assert instrument.open_shutter(0.5, 1_003.0) is Code.STANDOFF
    assert instrument.open_shutter(0.5, 1_010.0) is Code.OK
    hold_open(instrument, 1_010.0, 1_013.0)
    assert list(instrument.engine.kept) == list(range(6))


def test_a_shutter_that_is_closed_has_nothing_to_report_when_the_object_is_moved() -> None:
    instrument = machine(replace(BOWED, bow_mm=0.0, standoff_leaves_at_s=1_001.0), StagePose(0.0, 0.0))
    instrument.move(StagePose(100.0, 0.0), 1_000.5)
    instrument.advance(1_002.0)
    assert not any(isinstance(event, ClosedItself) for event in instrument.events)
    instrument.advance(1_010.0)
    assert instrument.pose(1_010.0) == StagePose(100.0, 0.0)


def test_without_a_rangefinder_nothing_is_measured_and_everything_is_in_range() -> None:
    instrument = machine(replace(BOWED, standoff_mm=None, bow_mm=50.0), StagePose(150.0, 150.0))
    assert instrument.standoff_mm(1_000.0) is None
    assert ConditionBits.OUT_OF_RANGE not in instrument.conditions
    assert instrument.open_shutter(0.5, 1_000.0) is Code.OK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nearest_mm": 12.0, "farthest_mm": 8.0}, "give the nearest distance first"),
        ({"standoff_leaves_after": 3}, "give standoff_mm as well"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TwinSettings(**change)  # type: ignore[arg-type]
