"""Time of straight moves at bounded speed, acceleration and jerk: arithmetic for whole arrays of moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def ramp_up_s(speed_mm_s: float | Doubles, acceleration_mm_s2: float | Doubles, jerk_mm_s3: float | Doubles) -> Doubles:
    """Time from rest to a speed, with the acceleration rising and falling at bounded jerk; the way is half of v t."""
    speed, acceleration = np.asarray(speed_mm_s, np.float64), np.asarray(acceleration_mm_s2, np.float64)
    build_up_s = acceleration / jerk_mm_s3
    gentle = 2.0 * np.sqrt(speed / jerk_mm_s3)
    return np.where(speed >= acceleration * build_up_s, speed / acceleration + build_up_s, gentle)


def rest_to_rest_s(
    length_mm: float | Doubles,
    speed_mm_s: float | Doubles,
    acceleration_mm_s2: float | Doubles,
    jerk_mm_s3: float | Doubles = math.inf,
) -> Doubles:
    """Time of the fastest straight move at bounded speed, acceleration and jerk, symmetric in time.

    A trapezoid of speed, or a triangle when too short for one; with rounded corners where the jerk is bounded
    (Biagiotti and Melchiorri 2008, section 3.4, double S trajectories between two states of rest).
    """
    length, speed = np.asarray(length_mm, np.float64), np.asarray(speed_mm_s, np.float64)
    acceleration, jerk = np.asarray(acceleration_mm_s2, np.float64), np.asarray(jerk_mm_s3, np.float64)
    ramp_s = ramp_up_s(speed, acceleration, jerk)
    build_up_s = acceleration / jerk
    # what is too short for full speed: with full acceleration held for a while, or not even that
    held = build_up_s + np.sqrt(build_up_s**2 + 4.0 * length / acceleration)
    gentle = 4.0 * np.cbrt(length / (2.0 * jerk))
    short = np.where(length >= 2.0 * acceleration * build_up_s**2, held, gentle)
    return np.where(length < speed * ramp_s, short, length / speed + ramp_s)


def shares(directions: Doubles) -> Doubles:
    """How much of a line's way each axis goes, shape (n, 2); one, along both, for lines of no length."""
    vectors = np.abs(np.asarray(directions, np.float64).reshape(-1, 2))
    length = np.hypot(vectors[:, 0], vectors[:, 1])[:, None]
    return np.divide(vectors, length, out=np.ones_like(vectors), where=length > 0)


def along_line(axes: tuple[float, float] | Doubles, share: Doubles) -> Doubles:
    """The most along lines that neither axis minds, from what each axis can, shape (n,)."""
    with np.errstate(divide="ignore", over="ignore"):
        most = np.asarray(axes, np.float64) / share
    return np.minimum(most[:, 0], most[:, 1])
