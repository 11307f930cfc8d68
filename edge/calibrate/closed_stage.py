"""The stage going from place to place with the shutter closed, for whoever calibrates by it."""

from __future__ import annotations

import math
from typing import Final

from edge.faults import DeviceError, SafetyStop
from firmware_bridge.controller import Controller
from firmware_bridge.messages import StagePose

RUN_UP_MM: Final = 2.0
"""Places are reached from so far beside them; no stage that scans has more backlash."""
_OFF_MM: Final = 0.5


def go(controller: Controller, place: StagePose) -> StagePose:
    """Move, the shutter closed before and after; gives the position that the controller then reports.

    Raises
    ------
    SafetyStop
        The shutter was open; it was told to close.
    DeviceError
        The stage stands elsewhere.
    """
    require_closed(controller)
    controller.move_to(place)
    pose = require_closed(controller)
    off_mm = math.dist((pose.x_mm, pose.y_mm), (place.x_mm, place.y_mm))
    if off_mm > _OFF_MM:
        raise DeviceError(f"the stage stands {off_mm:.2f} mm from where it was sent: check belts and couplings")
    return pose


def require_closed(controller: Controller) -> StagePose:
    """Where the stage stands, with the shutter closed.

    Raises
    ------
    SafetyStop
        It was open; it was told to close.
    """
    status = controller.status()
    if status.is_shutter_open:
        controller.close_shutter()
        raise SafetyStop(
            "the shutter was open although a calibration needs no beam, and was told to close: switch the tube off "
            "and check the shutter"
        )
    return status.pose
