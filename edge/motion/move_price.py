"""What a move costs, compiled: `StageModel.step_s` for one vector at a time, and more where it crosses a barrier."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge.motion.stage_model import StageModel


class MovePrice(NamedTuple):
    """A stage's limits as what each millimetre adds: along the line, in x, in y; the greatest of the three counts.

    With l / v, l / a and l / j of a way l at speed v, acceleration a and jerk j along the line, all that the time from
    rest to rest depends on, the axes' own limits need no square root.
    """

    cruise: tuple[float, float, float]
    """Of l / v, in s/mm."""
    push: tuple[float, float, float]
    """Of l / a, in s^2/mm."""
    jerk: tuple[float, float, float]
    """Of l / j, in s^3/mm; zero where the jerk is not bounded."""
    barriers: NDArray[np.float64]
    """Straight lines (x0, y0, x1, y1), shape (m, 4)."""
    crossing_s: float
    """Added once to a way that meets any barrier."""


def price_of(stage: StageModel, barriers: NDArray[np.float64] | None = None, crossing_s: float = 0.0) -> MovePrice:
    """The price that a stage sets on moves."""
    lines = np.empty((0, 4)) if barriers is None or crossing_s == 0 else barriers
    per_jerk = 1 / stage.jerk_mm_s3
    axes = stage.axis_accelerations_mm_s2
    return MovePrice(
        _inverse(stage.speed_mm_s, stage.axis_speeds_mm_s),
        _inverse(stage.acceleration_mm_s2, axes),
        (per_jerk, 0.0, 0.0) if axes is None else (0.0, per_jerk, per_jerk),
        np.ascontiguousarray(lines, np.float64).reshape(-1, 4),
        float(crossing_s),
    )


def _inverse(line: float, axes: tuple[float, float] | None) -> tuple[float, float, float]:
    return (1 / line, 0.0, 0.0) if axes is None else (0.0, 1 / axes[0], 1 / axes[1])


@njit(cache=True, error_model="numpy")
def leg_s(price: MovePrice, x0_mm: float, y0_mm: float, x1_mm: float, y1_mm: float) -> float:
    """Time from rest at one place to rest at another."""
    x_mm, y_mm = abs(x1_mm - x0_mm), abs(y1_mm - y0_mm)
    line_mm = sqrt(x_mm * x_mm + y_mm * y_mm)
    cruise = max(line_mm * price.cruise[0], x_mm * price.cruise[1], y_mm * price.cruise[2])
    push = max(line_mm * price.push[0], x_mm * price.push[1], y_mm * price.push[2])
    if price.jerk[0] + price.jerk[1] == 0.0:
        seconds = 2.0 * sqrt(push) if push >= cruise * cruise else cruise + push / cruise
    else:
        jerk = max(line_mm * price.jerk[0], x_mm * price.jerk[1], y_mm * price.jerk[2])
        seconds = _rounded_s(cruise, push, jerk)
    if price.barriers.shape[0] > 0 and _meets(price.barriers, x0_mm, y0_mm, x1_mm, y1_mm):
        seconds += price.crossing_s
    return seconds


@njit(cache=True, error_model="numpy")
def _rounded_s(cruise: float, push: float, jerk: float) -> float:
    """As `calibration.moves.rest_to_rest_s`, from l / v, l / a and l / j."""
    if push == 0.0:
        return 0.0
    build_up_s = jerk / push
    full_s = push / cruise
    ramp_s = full_s + build_up_s if full_s >= build_up_s else 2.0 * sqrt(jerk / cruise)
    if cruise >= ramp_s:
        return cruise + ramp_s
    if push >= 2.0 * build_up_s * build_up_s:
        return build_up_s + sqrt(build_up_s * build_up_s + 4.0 * push)
    return 4.0 * float((jerk / 2.0) ** (1.0 / 3.0))


@njit(cache=True)
def _meets(lines: NDArray[np.float64], x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether the way from one point to another crosses or touches any line; along a line does not count."""
    low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    for k in range(lines.shape[0]):
        ax, ay, bx, by = lines[k, 0], lines[k, 1], lines[k, 2], lines[k, 3]
        if max(ax, bx) < low_x or min(ax, bx) > high_x or max(ay, by) < low_y or min(ay, by) > high_y:
            continue
        from_a = (x1 - x0) * (ay - y0) - (y1 - y0) * (ax - x0)
        from_b = (x1 - x0) * (by - y0) - (y1 - y0) * (bx - x0)
        from_0 = (bx - ax) * (y0 - ay) - (by - ay) * (x0 - ax)
        from_1 = (bx - ax) * (y1 - ay) - (by - ay) * (x1 - ax)
        if from_a * from_b <= 0 and from_0 * from_1 <= 0 and (from_a != from_b or from_0 != from_1):
            return True
    return False
