from __future__ import annotations

import random

import pytest

from firmware_bridge.native.device_clock import DeviceClock


def test_nothing_is_known_before_two_answers() -> None:
    clock = DeviceClock()
    assert clock.fit() is None
    clock.add(1.0, 1.01, 5.0)
    assert clock.fit() is None


def test_offset_and_rate_are_found_through_delays_that_only_add() -> None:
    chance = random.Random(4)
    clock = DeviceClock()
    for step in range(200):
        asked_s = 100.0 + 0.25 * step
        there_s, back_s = (0.001 + chance.expovariate(500.0) for _ in range(2))
        clock.add(asked_s, asked_s + there_s + back_s, 7.0 + 1.00003 * (asked_s + there_s))
    fit = clock.fit()
    assert fit is not None
    # Answers kept have at most twice the shortest round trip of 2 ms; over 50 s that bounds the slope to about 4e-5,
    # and averaging over dozens of them to well under 1e-5.
    assert fit.rate == pytest.approx(1.00003, abs=1e-5)
    assert fit.host_from_device(7.0 + 1.00003 * 130.0) == pytest.approx(130.0, abs=fit.uncertainty_s + 1e-3)


def test_a_clock_that_stands_still_has_no_fit() -> None:
    clock = DeviceClock()
    for step in range(5):
        clock.add(step, step + 0.001, 3.0)
    assert clock.fit() is None
