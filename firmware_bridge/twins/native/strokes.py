"""Exposures in motion as the stage sees them: velocity, and rows that need no stop between two strokes."""

from __future__ import annotations

import math

from firmware_bridge.messages import Exposure

_SAME_POSE_MM = 5e-4
_SAME_SPEED = 1e-3


def speed_mm_s(stroke: Exposure) -> float:
    """Along its line."""
    return math.hypot(*_velocity_mm_s(stroke))


def goes_on(stroke: Exposure, last: Exposure) -> bool:
    """Whether a stroke begins where the last one ended, in its direction and at its speed."""
    gap_mm = math.hypot(stroke.start.x_mm - last.end.x_mm, stroke.start.y_mm - last.end.y_mm)
    (vx_mm_s, vy_mm_s), (last_vx_mm_s, last_vy_mm_s) = _velocity_mm_s(stroke), _velocity_mm_s(last)
    change_mm_s = math.hypot(vx_mm_s - last_vx_mm_s, vy_mm_s - last_vy_mm_s)
    return gap_mm < _SAME_POSE_MM and change_mm_s <= _SAME_SPEED * speed_mm_s(stroke)


def _velocity_mm_s(stroke: Exposure) -> tuple[float, float]:
    return (
        (stroke.end.x_mm - stroke.start.x_mm) / stroke.live_s,
        (stroke.end.y_mm - stroke.start.y_mm) / stroke.live_s,
    )
