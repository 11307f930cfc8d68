"""The simulated machine by itself: what it does with time, shutter, door and interruptions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from firmware_bridge.messages import Exposure, StagePose
from firmware_bridge.native.messages import CodedSpectrum
from firmware_bridge.native.vocabulary import Code, StateCode
from firmware_bridge.twins.native.instrument import ClosedItself, ErrandEnded, Instrument, Rested
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.source import Emission
from firmware_bridge.twins.twin_log import TwinLog

EXACT = TwinSettings(
    channels=64, gain_kev=0.3, starts_homed=True, position_error_mm=0.0, encoder_noise_mm=0.0, settle_s=0.0,
    dead_time_s=0.0, speed_factor=1.0, acceleration_factor=1.0,
)  # fmt: skip
ORIGIN = StagePose(0.0, 0.0)


class Dark:
    """An object that emits next to nothing."""

    def at(self, start: StagePose, end: StagePose) -> Emission:
        return Emission(np.array([5.0]), np.array([1.0]), 0.0)


def machine(settings: TwinSettings = EXACT) -> Instrument:
    instrument = Instrument(Dark(), settings, TwinLog(None), now_s=0.0)
    if settings.starts_homed:
        assert instrument.move(ORIGIN, 0.0) is Code.OK
        instrument.advance(1_000.0)
        instrument.events.clear()
    return instrument


def dwell(index: int, x_mm: float, live_s: float = 0.1) -> Exposure:
    return Exposure(index, StagePose(x_mm, 0.0), StagePose(x_mm, 0.0), live_s)


def hold_open(instrument: Instrument, from_s: float, to_s: float, step_s: float = 0.1) -> None:
    """Let time pass with the lease renewed."""
    for step in range(round((to_s - from_s) / step_s) + 1):
        instrument.renew(0.5, from_s + step * step_s)


def test_a_machine_boots_unhomed_with_its_shutter_closed() -> None:
    instrument = machine(replace(EXACT, starts_homed=False))
    assert instrument.state is StateCode.UNHOMED
    assert not instrument.is_shutter_open
    assert instrument.open_shutter(0.5, 0.0) is Code.NOT_HOMED


def test_homing_takes_its_time_and_ends_at_the_origin() -> None:
    instrument = machine(replace(EXACT, starts_homed=False, homing_s=2.0))
    assert instrument.home(10.0) is Code.OK
    instrument.advance(11.9)
    states = [instrument.state]
    instrument.advance(12.0)
    assert instrument.events.popleft() == ErrandEnded(Code.OK)
    assert instrument.pose(12.0) == ORIGIN
    assert [*states, instrument.state] == [StateCode.HOMING, StateCode.IDLE]


def test_dwells_follow_one_another_at_the_time_that_kinematics_allow() -> None:
    instrument = machine()
    for index in range(5):
        assert instrument.take(dwell(index, 5.0 * (index + 1))) is Code.OK
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_002.0)
    opened = [spectrum.opened_us for spectrum in instrument.engine.kept.values()]
    # 5 mm at 500 mm/s2 and 50 mm/s are a triangle of 0.2 s; the dwell takes 0.1 s.
    assert [after - before for before, after in pairwise(opened)] == pytest.approx([300_000] * 4, abs=2)


def test_a_row_of_strokes_runs_up_once_and_runs_out_before_the_next() -> None:
    instrument = machine(replace(EXACT, overhead_s=0.05))
    for index in range(4):
        # two strokes along x, then two along the next row, at 20 mm/s: ramps of 0.4 mm in 0.04 s
        y_mm, x_mm = float(index // 2), 10.0 + 2.0 * (index % 2)
        instrument.take(Exposure(index, StagePose(x_mm, y_mm), StagePose(x_mm + 2.0, y_mm), 0.1))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_003.0)
    opened_us = [spectrum.opened_us for spectrum in instrument.engine.kept.values()]
    # from 14.4 to 9.6 mm and 1 mm on: 4.903 mm, of which x sets the pace
    back_s = 2 * (4.8 / 500) ** 0.5
    expected = [100_000, 1e6 * (0.1 + 0.04 + back_s + 0.04 + 0.05), 100_000]
    assert [after - before for before, after in pairwise(opened_us)] == pytest.approx(expected, abs=2)


def test_a_stage_that_is_told_to_stay_does_not_move_and_settle() -> None:
    instrument = machine(replace(EXACT, settle_s=0.3, overhead_s=0.02, position_error_mm=0.01))
    for index in range(3):
        instrument.take(dwell(index, 5.0))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_002.0)
    opened_us = [spectrum.opened_us for spectrum in instrument.engine.kept.values()]
    assert [after - before for before, after in pairwise(opened_us)] == pytest.approx([120_000] * 2, abs=2)


@pytest.mark.parametrize("factor", [1.0, 20.0, 200.0])
def test_the_same_happens_at_any_speed_of_the_clock(factor: float) -> None:
    instrument = machine(replace(EXACT, clock_factor=factor))
    for index in range(10):
        instrument.take(dwell(index, 5.0 * (index + 1)))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_000.0 + 4.0 / factor, step_s=0.1 / factor)
    kept = instrument.engine.kept.values()
    assert len(kept) == 10
    gaps = [after.opened_us - before.opened_us for before, after in pairwise(kept)]
    assert gaps == pytest.approx([300_000] * 9, abs=2)


def test_a_computer_that_cannot_keep_up_slows_the_clock_instead_of_skipping() -> None:
    instrument = machine(replace(EXACT, clock_factor=1_000.0))
    for index in range(60):
        instrument.take(dwell(index, 0.0, live_s=0.001))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_000.4)
    finished_at_once = instrument.engine.finished
    assert 0 < finished_at_once < 60
    slow_s = instrument.device_s(1_000.4)
    assert instrument.device_s(1_000.5) == pytest.approx(slow_s + 100.0)
    instrument.advance(1_000.41)
    assert instrument.engine.finished > finished_at_once


def test_nothing_is_exposed_behind_a_closed_shutter() -> None:
    instrument = machine()
    instrument.take(dwell(0, 0.0))
    instrument.advance(2_000.0)
    assert instrument.engine.finished == 0
    assert instrument.state is StateCode.IDLE


def test_an_exposure_cut_short_by_the_lease_is_discarded_and_measured_again_from_its_beginning() -> None:
    instrument = machine()
    instrument.take(dwell(0, 0.0, live_s=0.8))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_001.0)
    assert not instrument.is_shutter_open
    closed = instrument.events.popleft()
    assert isinstance(closed, ClosedItself)
    assert closed.code is Code.LEASE_EXPIRED
    assert closed.device_s == pytest.approx(1_000.5)
    assert instrument.engine.finished == 0
    instrument.open_shutter(0.5, 1_002.0)
    hold_open(instrument, 1_002.0, 1_003.0)
    (spectrum,) = instrument.engine.kept.values()
    assert spectrum.opened_us == pytest.approx(1_002e6, abs=2)
    assert spectrum.live_us == 800_000


def test_the_one_in_hand_keeps_its_place_in_the_queue() -> None:
    instrument = machine(replace(EXACT, queue_length=2))
    instrument.take(dwell(0, 0.0))
    instrument.take(dwell(1, 0.0))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_000.05)
    assert instrument.state is StateCode.EXPOSING
    assert instrument.queue_free == 0
    instrument.close_shutter("test", 1_000.06)
    assert [exposure.index for exposure in instrument.engine.queue] == [0, 1]
    assert instrument.queue_free == 0


def test_a_pause_waits_for_the_exposure_in_progress() -> None:
    instrument = machine()
    instrument.take(dwell(0, 0.0))
    instrument.take(dwell(1, 0.0))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_000.05)
    instrument.pause(1_000.05)
    seen = [instrument.is_shutter_open, len(instrument.events)]
    instrument.advance(1_000.2)
    assert [*seen, instrument.is_shutter_open, len(instrument.events)] == [True, 0, False, 1]
    assert instrument.events.popleft() == Rested()
    assert instrument.engine.finished == 1
    assert instrument.state is StateCode.PAUSED
    assert [exposure.index for exposure in instrument.engine.queue] == [1]


def test_a_pause_on_the_way_to_an_exposure_is_immediate() -> None:
    instrument = machine()
    instrument.take(dwell(0, 100.0))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_000.3)
    instrument.pause(1_000.3)
    assert instrument.events.popleft() == Rested()
    assert not instrument.is_shutter_open
    assert 0.0 < instrument.pose(1_000.3).x_mm < 20.0


def test_stop_drops_the_queue_and_is_no_pause() -> None:
    instrument = machine()
    instrument.take(dwell(0, 0.0))
    instrument.take(dwell(1, 0.0))
    instrument.open_shutter(0.5, 1_000.0)
    instrument.advance(1_000.05)
    instrument.pause(1_000.05, drops_queue=True)
    instrument.advance(1_000.2)
    assert instrument.events.popleft() == Rested()
    assert instrument.engine.finished == 1
    assert not instrument.engine.queue
    assert instrument.state is StateCode.IDLE


def test_an_abort_stops_a_commanded_move_within_its_braking_distance() -> None:
    instrument = machine()
    instrument.move(StagePose(200.0, 0.0), 1_000.0)
    instrument.advance(1_001.0)
    here_mm = instrument.pose(1_001.0).x_mm
    instrument.abort(1_001.0)
    assert instrument.events.popleft() == ErrandEnded(Code.ABORTED)
    assert instrument.pose(1_001.0).x_mm - here_mm == pytest.approx(50.0**2 / (2 * 500.0), abs=0.01)
    assert instrument.is_homed


def test_homing_that_is_aborted_leaves_the_position_unknown() -> None:
    instrument = machine()
    instrument.home(1_000.0)
    instrument.abort(1_000.5)
    assert instrument.state is StateCode.UNHOMED


def test_a_full_store_stops_the_measuring_until_something_is_forgotten() -> None:
    instrument = machine(replace(EXACT, store_length=3))
    for index in range(6):
        instrument.take(dwell(index, 0.0))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_002.0)
    assert instrument.engine.finished == 3
    instrument.engine.kept.clear()
    hold_open(instrument, 1_002.0, 1_004.0)
    assert instrument.engine.finished == 6


def test_the_door_opens_and_closes_by_the_settings() -> None:
    instrument = machine(replace(EXACT, door_open_at_s=1_010.0, door_stays_open_s=5.0))
    instrument.open_shutter(0.5, 1_009.0)
    hold_open(instrument, 1_009.0, 1_011.0)
    assert not instrument.is_shutter_open
    closed = instrument.events.popleft()
    assert isinstance(closed, ClosedItself)
    assert closed.code is Code.DOOR_OPEN
    assert closed.device_s == pytest.approx(1_010.0)
    assert instrument.open_shutter(0.5, 1_012.0) is Code.DOOR_OPEN
    assert instrument.open_shutter(0.5, 1_015.1) is Code.OK


def test_measured_poses_scatter_as_the_settings_say() -> None:
    settings = replace(EXACT, position_error_mm=0.01, encoder_noise_mm=0.0, queue_length=400)
    instrument = machine(settings)
    for index in range(400):
        instrument.take(dwell(index, 100.0 + (index % 2), live_s=0.001))
    instrument.open_shutter(0.5, 1_000.0)
    hold_open(instrument, 1_000.0, 1_100.0)
    strayed_mm = np.array([spectrum.start_x_um / 1e3 - 100.0 - spectrum.index % 2 for spectrum in _kept(instrument)])
    assert strayed_mm.size == 400
    # The standard deviation of 400 draws is good to 3.5 %; five of them.
    assert strayed_mm.std() == pytest.approx(0.01, rel=0.18)


def _kept(instrument: Instrument) -> list[CodedSpectrum]:
    return list(instrument.engine.kept.values())


@pytest.mark.parametrize(
    ("exposure", "code"),
    [
        (dwell(0, -0.1), Code.LIMIT),
        (Exposure(0, ORIGIN, StagePose(0.0, 300.1), 10.0), Code.LIMIT),
        (Exposure(0, ORIGIN, StagePose(10.0, 0.0), 0.1), Code.TOO_FAST),
        (dwell(0, 0.0, live_s=0.0), Code.LIVE_TIME),
    ],
)
def test_exposures_that_cannot_be_made_are_refused(exposure: Exposure, code: Code) -> None:
    assert machine().take(exposure) is code
