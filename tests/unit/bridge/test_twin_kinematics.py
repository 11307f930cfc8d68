from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.messages import StagePose
from firmware_bridge.twins.native.kinematics import Axes, Move

AXES = Axes(speed_mm_s=50.0, acceleration_mm_s2=500.0)
GENTLE = Axes(speed_mm_s=50.0, acceleration_mm_s2=500.0, jerk_mm_s3=8_000.0)
axes = st.sampled_from([AXES, GENTLE])
millimetres = st.floats(-300, 300, allow_nan=False)
poses = st.builds(StagePose, millimetres, millimetres)


@given(axes, poses, poses)
def test_a_move_ends_where_it_was_sent_and_when_it_said(axes: Axes, start: StagePose, end: StagePose) -> None:
    move = axes.move(start, end)
    assert move.way_at(move.duration_s) == pytest.approx(move.length_mm)
    arrived = move.pose_at(move.duration_s)
    assert math.hypot(arrived.x_mm - end.x_mm, arrived.y_mm - end.y_mm) < 1e-9


@given(axes, poses, poses, st.integers(2, 60))
def test_neither_axis_exceeds_its_speed_or_acceleration(
    axes: Axes, start: StagePose, end: StagePose, steps: int
) -> None:
    move = axes.move(start, end)
    if move.length_mm < 1e-3:
        return
    step_s = move.duration_s / steps
    track = [move.pose_at(step * step_s) for step in range(steps + 1)]
    for axis in ("x_mm", "y_mm"):
        places = [getattr(pose, axis) for pose in track]
        speeds = [(after - before) / step_s for before, after in pairwise(places)]
        assert max(map(abs, speeds)) <= 50.0 * (1 + 1e-6) + 1e-6
        changes = [(after - before) / step_s for before, after in pairwise(speeds)]
        assert max(map(abs, changes), default=0.0) <= 500.0 * (1 + 1e-6) + 1e-3


@given(poses, poses, st.integers(3, 60))
def test_neither_axis_exceeds_its_jerk(start: StagePose, end: StagePose, steps: int) -> None:
    move = GENTLE.move(start, end)
    if move.length_mm < 0.1:
        return
    step_s = move.duration_s / steps
    for axis in ("x_mm", "y_mm"):
        track = [getattr(move.pose_at(step * step_s), axis) for step in range(steps + 1)]
        third = [d - 3 * c + 3 * b - a for a, b, c, d in zip(track, track[1:], track[2:], track[3:], strict=False)]
        # positions of some 100 mm are rounded to 1e-13 mm, eight times over in a third difference
        assert max(map(abs, third)) <= 8_000.0 * step_s**3 * (1 + 1e-6) + 1e-12


@given(axes, poses, poses)
def test_the_way_only_grows(axes: Axes, start: StagePose, end: StagePose) -> None:
    move = axes.move(start, end)
    ways = [move.way_at(move.duration_s * step / 40) for step in range(-2, 44)]
    assert all(after >= before - 1e-9 for before, after in pairwise(ways))


@pytest.mark.parametrize(
    ("length_mm", "duration_s"),
    [(0.0, 0.0), (0.5, 2 * math.sqrt(0.5 / 500)), (5.0, 0.2), (100.0, 2.1)],
)
def test_durations_are_those_of_a_trapezoid(length_mm: float, duration_s: float) -> None:
    move = AXES.move(StagePose(0.0, 0.0), StagePose(length_mm, 0.0))
    assert move.duration_s == pytest.approx(duration_s)


@pytest.mark.parametrize(
    ("length_mm", "duration_s"),
    [
        # never at full acceleration: four phases of cbrt(0.1 / (2 * 8000)) s
        (0.1, 4 * (0.1 / 16_000) ** (1 / 3)),
        # ramps of 50 / 500 + 500 / 8000 s to full speed
        (100.0, 2.0 + 0.1 + 0.0625),
    ],
)
def test_bounded_jerk_rounds_the_corners(length_mm: float, duration_s: float) -> None:
    move = GENTLE.move(StagePose(0.0, 0.0), StagePose(length_mm, 0.0))
    assert move.duration_s == pytest.approx(duration_s)


def test_a_diagonal_uses_both_axes_fully() -> None:
    along = AXES.move(StagePose(0.0, 0.0), StagePose(100.0, 0.0))
    diagonal = AXES.move(StagePose(0.0, 0.0), StagePose(100.0, 100.0))
    assert diagonal.duration_s == pytest.approx(along.duration_s)


@given(st.floats(0.0, 1.0))
def test_a_braked_move_stops_between_here_and_its_end(share: float) -> None:
    move: Move = AXES.move(StagePose(0.0, 0.0), StagePose(40.0, 0.0))
    elapsed_s = share * move.duration_s
    here_mm = move.way_at(elapsed_s)
    stopped_mm = move.pose_when_stopped(elapsed_s).x_mm
    assert here_mm - 1e-9 <= stopped_mm <= 40.0 + 1e-9
    assert stopped_mm - here_mm <= 50.0**2 / (2 * 500.0) + 1e-3
