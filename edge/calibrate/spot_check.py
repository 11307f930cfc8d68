"""The alignment laser's spot against a registration, at places that took no part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.projection import stage_from_pixels
from calibration.registration import Registration
from calibration.stage_fit import PointPairs
from calibration.verify import plane_change
from edge.calibrate.spot_visits import pattern, visit
from edge.cameras import Camera
from edge.configuration.config import ScanConfig
from edge.faults import SafetyStop
from edge.photography.stage_placing import read_stage_calibration
from edge.prepare import register_frame
from edge.readiness.doctor import Finding
from firmware_bridge.controller import Controller
from firmware_bridge.messages import StagePose

_PLACES: Final = 3
"""Along each way."""
_CHOICES: Final = 9
"""Along each way, for each of them."""


def spot_findings(
    controller: Controller, camera: Camera, config: ScanConfig, *, say: Callable[[str], None]
) -> Iterator[Finding]:
    """Where the spot is seen, against where the stage says that the beam is; the shutter stays closed.

    Raises
    ------
    SafetyStop
        The spot is not found.
    """
    corners = pattern(config.area, controller.capabilities, columns=2, rows=2)
    seen = visit(controller, camera, places_apart(corners, _used_mm(config)), laser_off_rgb=None, tell=say)
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


def places_apart(places: Sequence[StagePose], used_mm: NDArray[np.float64]) -> list[StagePose]:
    """Of each ninth of a rectangle, the place that is farthest from all that were used.

    Parameters
    ----------
    places
        The rectangle's corners, or more within it.
    used_mm : shape (n, 2)
        Where the stage was calibrated; none: the ninths' middles are given.
    """
    corners = np.array([(each.x_mm, each.y_mm) for each in places])
    low, share = corners.min(axis=0), np.ptp(corners, axis=0) / _PLACES
    steps = (np.arange(_CHOICES) + 1) / (_CHOICES + 1)
    within = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    # of places as far, the one nearest to the middle comes first, and is taken
    within = within[np.argsort(np.linalg.norm(within - 0.5, axis=1).round(6), kind="stable")]
    found = []
    for row in range(_PLACES):
        for column in range(_PLACES):
            choices = low + share * (within + np.array([column, row]))
            apart = np.linalg.norm(choices[:, None] - used_mm, axis=2).min(axis=1, initial=np.inf)
            x, y = choices[int(np.argmax(apart.round(6)))].tolist()
            found.append(StagePose(x, y))
    return found


def _used_mm(config: ScanConfig) -> NDArray[np.float64]:
    stored = config.instrument.stage_calibration
    return np.empty((0, 2)) if stored is None else read_stage_calibration(Path(stored)).points_mm


def _by_place(pairs: PointPairs, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each place's points, shape (places, 2)."""
    return np.array([points[pairs.group_of == each].mean(axis=0) for each in np.unique(pairs.group_of)])
