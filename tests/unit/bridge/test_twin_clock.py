"""The twin's clocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.twins.simulated_clock import AwakeClock, SimulatedClock


def test_a_stretch_without_processor_hardly_counts():
    clock = AwakeClock(100.0)
    assert clock.now_s(100.05) == pytest.approx(100.05)
    assert clock.now_s(103.05) == pytest.approx(100.20)
    assert clock.now_s(103.10) == pytest.approx(100.25)


@given(st.lists(st.floats(0, 0.14), max_size=50))
def test_while_it_runs_it_is_the_computers_clock(gaps_s):
    clock, wall_s = AwakeClock(5.0), 5.0
    for gap_s in gaps_s:
        wall_s += gap_s
        assert clock.now_s(wall_s) == pytest.approx(wall_s)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_it_never_goes_back(gaps_s):
    clock, wall_s, times = AwakeClock(0.0), 0.0, [0.0]
    for gap_s in gaps_s:
        wall_s += gap_s
        times.append(clock.now_s(wall_s))
    assert times == sorted(times)


def test_the_simulated_clock_is_held_back_when_work_piles_up():
    clock = SimulatedClock(20.0, 0.0)
    assert clock.device_s(1.0) == pytest.approx(20.0)
    clock.hold(1.0, 12.0)
    assert clock.device_s(1.5) == pytest.approx(22.0)
