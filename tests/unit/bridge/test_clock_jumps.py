"""A controller's clock that jumps is noticed, and a busy computer is never taken for one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.native import messages as m
from firmware_bridge.native.device_clock import DeviceClock
from firmware_bridge.native.heartbeat import Heartbeat
from firmware_bridge.native.vocabulary import ConditionBits

delays_s = st.floats(0.0, 3.0)


def settled(pace: float = 1.0, answers: int = 20) -> tuple[DeviceClock, float]:
    """A clock that has run on for some seconds, and the host's time."""
    clock = DeviceClock()
    for step in range(answers):
        host_s = 100.0 + 0.25 * step
        assert clock.add(host_s, host_s + 0.002, pace * (host_s + 0.001), clock.latest_s) == 0.0
    return clock, 100.0 + 0.25 * answers


@pytest.mark.parametrize("pace", [1.0, 50.0])
def test_a_step_backwards_is_noticed_whatever_the_clocks_pace(pace: float) -> None:
    clock, host_s = settled(pace)
    told_s = clock.latest_s - 0.01
    assert clock.add(host_s, host_s + 0.002, told_s, clock.latest_s) == pytest.approx(-0.01)


def test_a_step_forwards_is_noticed() -> None:
    clock, host_s = settled()
    jump_s = clock.add(host_s, host_s + 0.002, host_s + 3_600.0, clock.latest_s)
    assert jump_s == pytest.approx(3_600.0, abs=0.3)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), delays_s, delays_s), max_size=60), st.floats(-200e-6, 200e-6))
def test_no_delay_of_host_or_line_looks_like_a_jump(
    answers: list[tuple[float, float, float]], rate_error: float
) -> None:
    clock, host_s = settled()
    for pause_s, there_s, back_s in answers:
        asked_s = host_s + pause_s
        looked_s = asked_s + there_s
        host_s = looked_s + back_s
        assert clock.add(asked_s, host_s, (1 + rate_error) * looked_s, clock.latest_s) == 0.0


def test_answers_that_were_all_held_up_together_are_no_jump() -> None:
    clock, host_s = settled()
    known_s = clock.latest_s
    asked = [host_s + 0.1 * n for n in range(15)]
    assert [clock.add(at_s, host_s + 1.6, host_s + 1.5, known_s) for at_s in asked] == [0.0] * 15


def test_a_simulated_clock_that_is_held_back_and_catches_up_is_no_jump() -> None:
    chance = random.Random(3)
    clock, host_s = settled(50.0)
    device_s = clock.latest_s
    for _ in range(200):
        host_s += 0.25
        device_s += 0.25 * chance.choice([0.5, 10.0, 50.0])
        assert clock.add(host_s, host_s + 0.002, device_s, clock.latest_s) == 0.0


def test_an_answer_from_before_an_exposure_that_had_been_told_is_a_jump() -> None:
    heartbeat = Heartbeat(500, 100.0)
    assert isinstance(first := heartbeat.take_question(100.0), m.Ping)
    assert heartbeat.note_answer(m.Pong(first.token, 5_000_000, ConditionBits(0)), 100.001) == 0.0
    heartbeat.note_life()
    heartbeat.clock.note(5.2)
    assert isinstance(second := heartbeat.take_question(100.3), m.Ping)
    assert heartbeat.note_answer(m.Pong(second.token, 5_150_000, ConditionBits(0)), 100.301) == pytest.approx(-0.05)


def test_a_question_asked_before_an_exposure_was_told_may_be_answered_from_before_it() -> None:
    heartbeat = Heartbeat(500, 100.0)
    assert isinstance(question := heartbeat.take_question(100.0), m.Ping)
    heartbeat.clock.note(5.2)
    assert heartbeat.note_answer(m.Pong(question.token, 5_150_000, ConditionBits(0)), 100.3) == 0.0


def test_the_rates_uncertainty_covers_what_it_is_off_by() -> None:
    chance = random.Random(8)
    off = []
    for _ in range(100):
        clock = DeviceClock()
        for step in range(20):
            asked_s = 100.0 + 0.1 * step
            there_s, back_s = (0.0005 + chance.expovariate(2_000.0) for _ in range(2))
            clock.add(asked_s, asked_s + there_s + back_s, 7.0 + 1.0001 * (asked_s + there_s))
        fit = clock.fit()
        assert fit is not None
        off.append(abs(fit.rate - 1.0001) / fit.rate_uncertainty)
    # Of a normal deviate, 95 % lie within two standard deviations; the least round trip allowed for makes it more.
    assert sum(each < 2 for each in off) >= 93
