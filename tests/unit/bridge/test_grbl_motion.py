"""The twin's planner: trapezoids, look-ahead, junctions, hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.grbl.motion import Block, Motion
from firmware_bridge.twins.native.kinematics import Axes

ORIGIN = StagePose(0.0, 0.0)
SPEED, RATE = 50.0, 500.0


def to(motion: Motion, x_mm: float, y_mm: float = 0.0, power: float = 0.0) -> None:
    motion.append(0.0, Block(motion.end, StagePose(x_mm, y_mm), SPEED, RATE, power))


def finish(motion: Motion) -> float:
    """Run to the end; returns when that was."""
    time_s = 0.0
    while motion.next_s() < math.inf:
        time_s = motion.next_s()
        motion.step(time_s)
    return time_s


@given(st.floats(0.01, 200.0))
def test_a_move_from_rest_to_rest_takes_as_long_as_a_trapezoid(length_mm: float) -> None:
    motion = Motion(15, ORIGIN)
    to(motion, length_mm)
    move = Axes(SPEED, RATE).move(ORIGIN, StagePose(length_mm, 0.0))
    assert finish(motion) == pytest.approx(move.duration_s, rel=1e-9)


@given(st.integers(2, 15), st.floats(1.0, 100.0))
def test_pieces_of_a_line_take_as_long_as_the_whole(pieces: int, length_mm: float) -> None:
    whole, cut = Motion(15, ORIGIN), Motion(15, ORIGIN)
    to(whole, length_mm)
    for piece in range(1, pieces + 1):
        to(cut, length_mm * piece / pieces)
    assert finish(cut) == pytest.approx(finish(whole), rel=1e-9)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=15))
def test_speed_never_jumps_nor_exceeds_what_was_asked_for(targets: list[tuple[float, float]]) -> None:
    motion = Motion(15, ORIGIN)
    for x_mm, y_mm in targets:
        to(motion, x_mm, y_mm)
    last = motion.end
    while motion.next_s() < math.inf:
        end_s = motion.next_s()
        before = motion.speed(end_s)
        motion.step(end_s)
        assert motion.speed(end_s) == pytest.approx(before, abs=1e-5)
        assert motion.speed(end_s) <= SPEED + 1e-9
    assert motion.pose(1e9) == last


def test_a_reversal_comes_to_rest_at_its_turning_point() -> None:
    motion = Motion(15, ORIGIN)
    to(motion, 10.0)
    to(motion, 0.0)
    turn_s = motion.next_s()
    motion.step(turn_s)
    assert motion.speed(turn_s) == pytest.approx(0.0, abs=1e-5)
    assert motion.pose(turn_s) == StagePose(10.0, 0.0)


def test_a_hold_brakes_over_several_blocks_and_keeps_the_rest() -> None:
    motion = Motion(15, ORIGIN)
    for piece in range(1, 11):
        to(motion, float(piece))
    motion.step(motion.next_s())
    motion.step(motion.next_s())
    hold_s = motion.next_s()
    way_mm, speed = motion.pose(hold_s).x_mm, motion.speed(hold_s)
    motion.hold(hold_s)
    while motion.next_s() < math.inf:
        last_s = motion.next_s()
        motion.step(last_s)
    assert motion.is_held
    assert last_s - hold_s == pytest.approx(speed / RATE)
    assert motion.pose(last_s).x_mm == pytest.approx(way_mm + speed**2 / (2 * RATE))
    motion.resume(20.0)
    finish(motion)
    assert motion.pose(1e9) == StagePose(10.0, 0.0)
