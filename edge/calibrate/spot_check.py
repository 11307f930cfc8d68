"""The alignment laser's spot against a registration, at places that took no part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.projection import stage_from_pixels
from calibration.registration import Registration
from calibration.stage_fit import PointPairs
from calibration.verify import plane_change
from edge.calibrate.spot_visits import pattern, visit
from edge.camera_config import FileCameraConfig, FolderCameraConfig, MosaicCameraConfig
from edge.cameras import Camera
from edge.config import ScanConfig
from edge.doctor import Finding
from edge.faults import SafetyStop, UsageError
from edge.prepare import register_frame
from firmware_bridge.controller import Controller
from firmware_bridge.messages import StagePose

_PLACES: Final = 4
"""Along each way of a pattern over the area; the spot visits what lies amid four of them."""


def spot_findings(
    controller: Controller, camera: Camera, config: ScanConfig, *, say: Callable[[str], None]
) -> Iterator[Finding]:
    """Where the spot is seen, against where the stage says that the beam is; the shutter stays closed.

    Raises
    ------
    UsageError
        The camera's pictures are taken elsewhere, so that they cannot follow the stage.
    SafetyStop
        The spot is not found.
    """
    if isinstance(config.instrument.camera, FileCameraConfig | FolderCameraConfig | MosaicCameraConfig):
        raise UsageError(
            "instrument.camera gives pictures that are taken elsewhere, and the spot moves with the stage: configure a "
            "camera of the kind uvc, http or rtsp"
        )
    seen = visit(controller, camera, _amid(controller, config), laser_off_rgb=None, tell=say)
    registration = register_frame(seen.scene, config)
    yield spot_finding(registration, seen.pairs, config.area.pitch_mm)


def spot_finding(registration: Registration, pairs: PointPairs, pitch_mm: float) -> Finding:
    """Places seen against places visited, each from both sides, so that backlash cancels."""
    stated, found = (
        _by_place(pairs, pairs.points_mm),
        stage_from_pixels(registration, _by_place(pairs, pairs.points_px)),
    )
    change = plane_change(stated, found)
    text = (
        f"seen {1_000 * change.rms_mm:.0f} um rms, {1_000 * change.largest_mm:.0f} um at most, from where the stage "
        f"is, at {len(stated)} places not used before; half a pitch is {500 * pitch_mm:.0f} um"
    )
    if change.rms_mm <= pitch_mm / 2:
        return Finding("spot", True, text)
    shift = f"shifted by ({change.x_mm:.2f}, {change.y_mm:.2f}) mm, turned by {change.turn_deg:.2f} degrees"
    remedy = "calibrate the stage again, or correct the places of the fiducials"
    return Finding("spot", False, f"{text}; {shift}, scale {100 * (change.scale - 1):+.2f} %: {remedy}", SafetyStop)


def _amid(controller: Controller, config: ScanConfig) -> list[StagePose]:
    """Places that no calibration over the same area visits."""
    places = pattern(config.area, controller.capabilities, columns=_PLACES, rows=_PLACES)
    x, y = sorted({each.x_mm for each in places}), sorted({each.y_mm for each in places})
    along = [(low + high) / 2 for low, high in pairwise(x)]
    down = [(low + high) / 2 for low, high in pairwise(y)]
    return [StagePose(each, other) for other in down for each in along]


def _by_place(pairs: PointPairs, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each place's points, shape (places, 2)."""
    return np.array([points[pairs.group_of == each].mean(axis=0) for each in np.unique(pairs.group_of)])
