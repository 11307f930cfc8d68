"""The stage visits places, the camera sees the alignment laser's spot at each: pairs of pixels and stage positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.spot import NoSpot, find_spot
from calibration.stage_fit import LEAST_PLACES, PointPairs
from edge.calibrate.closed_stage import RUN_UP_MM, go, require_closed
from edge.cameras import Camera, Frame
from edge.configuration.area import AreaConfig
from edge.faults import DeviceError, SafetyStop, UsageError
from firmware_bridge.controller import Controller
from firmware_bridge.messages import Capabilities, StagePose


@dataclass(frozen=True, slots=True, eq=False)
class SpotsSeen:
    """What the visits gave."""

    pairs: PointPairs
    scene: Frame
    """The scene without the laser, as the camera that saw the spots gave it."""
    notes: tuple[str, ...]


def pattern(area: AreaConfig, capabilities: Capabilities, *, columns: int, rows: int) -> list[StagePose]:
    """Places over the whole area, as far as the stage can reach them from both sides.

    Raises
    ------
    SafetyStop
        The stage's travel leaves no room for run-ups.
    """
    along = []
    for low, size, limits, count in (
        (area.x_mm, area.width_mm, capabilities.x_limits_mm, columns),
        (area.y_mm, area.height_mm, capabilities.y_limits_mm, rows),
    ):
        first, last = max(low, limits[0] + RUN_UP_MM), min(low + size, limits[1] - RUN_UP_MM)
        if last <= first:
            raise SafetyStop(
                f"the stage travels from {limits[0]:g} to {limits[1]:g} mm, which leaves no room for {RUN_UP_MM:g} mm "
                "on both sides of the area: move or shrink the area"
            )
        along.append(np.linspace(first, last, count))
    return [StagePose(float(x), float(y)) for y in along[1] for x in along[0]]


def visit(
    controller: Controller,
    camera: Camera,
    places: list[StagePose],
    *,
    laser_off_rgb: NDArray[Any] | None,
    tell: Callable[[str], None],
) -> SpotsSeen:
    """Visit each place from both sides with the shutter closed, and find the spot in a picture each time.

    Without a picture with the laser off, the scene is taken from three pictures with the spot at different places:
    of three values of a pixel the middle one is the scene's.

    Raises
    ------
    SafetyStop
        The shutter is open, or the spot is not found at enough places.
    DeviceError
        The camera gives nothing, or pictures that do not belong together.
    UsageError
        The picture with the laser off is not of this camera's size.
    """
    require_closed(controller)
    scene = _scene(controller, camera, places) if laser_off_rgb is None else None
    pixels, stages, groups, ways, failed = [], [], [], [], []
    for number, place in enumerate(places):
        for way in (1.0, -1.0):
            go(controller, StagePose(place.x_mm - way * RUN_UP_MM, place.y_mm - way * RUN_UP_MM))
            pose = go(controller, place)
            frame = camera.capture()
            if scene is None:
                assert laser_off_rgb is not None
                scene = _scene_given(laser_off_rgb, frame)
            _require_alike(scene, frame)
            spot = find_spot(frame.image, scene.image)
            if isinstance(spot, NoSpot):
                failed.append((place, spot.reason))
                continue
            pixels.append((spot.x_px, spot.y_px))
            stages.append((pose.x_mm, pose.y_mm))
            groups.append(number)
            ways.append((way, way))
        tell(f"Place {number + 1} of {len(places)}: {_where(place)}, {len(pixels)} spots so far")
    assert scene is not None
    seen = len(set(groups))
    if seen < LEAST_PLACES or seen < len(places) / 2:
        reason, _ = Counter(reason for _, reason in failed).most_common(1)[0]
        raise SafetyStop(f"the laser's spot was found at {seen} of {len(places)} places: at the others, {reason}")
    pairs = PointPairs(np.array(pixels), np.array(stages), np.array(groups), np.array(ways))
    return SpotsSeen(pairs, scene, tuple(_notes(failed)))


def _notes(failed: list[tuple[StagePose, str]]) -> Iterator[str]:
    for place, reason in failed:
        yield f"nothing was measured with the stage at {_where(place)}: {reason}"


def _scene(controller: Controller, camera: Camera, places: list[StagePose]) -> Frame:
    frames = []
    for place in (places[0], places[len(places) // 2], places[-1]):
        go(controller, place)
        frames.append(camera.capture())
    for frame in frames[1:]:
        _require_alike(frames[0], frame)
    first, second, third = (frame.image for frame in frames)
    middle = cv2.max(cv2.min(first, second), cv2.min(cv2.max(first, second), third))
    return Frame(np.asarray(middle), frames[0].identity, frames[0].taken_at)


def _scene_given(laser_off_rgb: NDArray[Any], frame: Frame) -> Frame:
    given = Frame(laser_off_rgb, frame.identity, frame.taken_at)
    if _size(given) != _size(frame):
        raise UsageError(
            f"the picture with the laser off is {_size(given)}, the camera's are {_size(frame)}: take it with this "
            "camera as it is set now"
        )
    return given


def _require_alike(scene: Frame, frame: Frame) -> None:
    if frame.image.shape != scene.image.shape or frame.image.dtype != scene.image.dtype:
        raise DeviceError(
            f"the camera changed its picture from {_size(scene)} to {_size(frame)} during the calibration: fix its "
            "resolution and format, then calibrate again"
        )
    if frame.identity != scene.identity:
        raise DeviceError(
            f"the camera changed from {scene.identity} to {frame.identity} during the calibration: calibrate again"
        )


def _size(frame: Frame) -> str:
    return f"{frame.image.shape[1]} x {frame.image.shape[0]} px of {frame.image.dtype.itemsize * 8} bits"


def _where(place: StagePose) -> str:
    return f"({place.x_mm:g}, {place.y_mm:g}) mm"
