"""What a controller of the native protocol takes, and how long it may take over it."""

from __future__ import annotations

import math
from typing import Final

from firmware_bridge.faults import LimitExceeded
from firmware_bridge.messages import Capabilities, Exposure, StagePose

ANSWER_S: Final = 5.0
"""Time for commands that nothing has to move for, from the last frame that came in its turn: answers travel behind
spectra, and a window of 32 frames of 2 kB takes 5.6 s at 115,200 baud."""
LONGEST_ANSWER_S: Final = 60.0
"""Time for such a command however many frames come before its answer."""
HOMING_S: Final = 300.0
GRACE_S: Final = 10.0
"""For what a stage or detector does beside the work that can be foreseen."""
_MARGIN = 3.0
"""Times the foreseen work before the controller is taken to hang."""
_LONGEST_LIVE_S = 4_000.0
_INDEX_LIMIT = 2**32


def longest_rest_s(live_s: float) -> float:
    """Time until an exposure of this live time is finished at the latest."""
    return _MARGIN * live_s + GRACE_S


def longest_move_s(way_mm: float, speed_mm_s: float, acceleration_mm_s2: float) -> float:
    """Time until a stage has gone this way at the latest; speeding up and slowing down cost speed / acceleration."""
    return _MARGIN * (way_mm / speed_mm_s + speed_mm_s / acceleration_mm_s2) + GRACE_S


def way_mm(start: StagePose, end: StagePose) -> float:
    """Distance between two poses."""
    return math.hypot(end.x_mm - start.x_mm, end.y_mm - start.y_mm)


def check_exposure(exposure: Exposure, capabilities: Capabilities) -> None:
    """Raise when an exposure doesn't fit.

    Raises
    ------
    LimitExceeded
        It lies outside the controller's limits.
    ValueError
        Its index or live time doesn't fit the protocol.
    """
    if not 0 <= exposure.index < _INDEX_LIMIT:
        raise ValueError(f"exposure index {exposure.index}: the protocol counts from 0 to {_INDEX_LIMIT - 1}")
    if not 1e-6 <= exposure.live_s <= _LONGEST_LIVE_S:
        raise ValueError(f"exposure {exposure.index}: a live time of {exposure.live_s} s is outside 0.000001 to 4000 s")
    check_pose(exposure.start, capabilities, f"exposure {exposure.index}")
    check_pose(exposure.end, capabilities, f"exposure {exposure.index}")


def check_pose(pose: StagePose, capabilities: Capabilities, what: str) -> None:
    """Raise `LimitExceeded`, in a sentence that begins with `what`, when a pose is outside the controller's limits."""
    (x_low, x_high), (y_low, y_high) = capabilities.x_limits_mm, capabilities.y_limits_mm
    if not (x_low <= pose.x_mm <= x_high and y_low <= pose.y_mm <= y_high):
        raise LimitExceeded(
            f"{what}: {pose.x_mm:.3f}, {pose.y_mm:.3f} mm lies outside the controller's limits "
            f"({x_low:g} to {x_high:g}, {y_low:g} to {y_high:g} mm): move the scan area or the object"
        )
