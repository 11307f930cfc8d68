"""`pointillist calibrate head`: where a camera that travels with the beam looks, from what it sees along the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import detect_fiducials
from calibration.head import HeadFit, NoHead, fit_head
from calibration.head_calibration import KIND, described_head, head_to_dict
from calibration.head_points import Anchor, Spots, Tracks
from calibration.head_texture import texture_tracks
from calibration.lens import Lens
from calibration.mosaic import MosaicFrame
from calibration.mosaic.frames import encoded
from calibration.spot import NoSpot, Spot, find_spot
from calibration.srgb import linear_light
from calibration.stored import store
from edge.calibrate.before_visits import camera_that_follows, writable
from edge.calibrate.head_frames import MANIFEST, FrameRecord, frames_of, read_manifest, take_frames
from edge.cameras import Frame
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import SafetyStop, UsageError
from edge.photography.camera_lens import lens_for
from firmware_bridge.messages import StagePose

Say = Callable[[str], None]
SIDE = 3
"""Places along either axis."""
_SPOT_REACH = 6.0
"""Standard deviations of the spot's light that no patch of texture may reach."""


def calibrate_head(
    path: Path,
    *,
    origin: str,
    at_mm: tuple[float, float] | None,
    step_mm: float,
    frames: Path | None,
    out: Path | None,
    console: Console,
) -> Path:
    """Calibrate and keep the result; gives the stored file.

    Frames are taken around a place, unless the folder holds some already.

    Parameters
    ----------
    origin
        What tells where the beam is: ``marker`` or ``spot``.
    at_mm
        Where the stage stands when the middle frame is taken, x and y; None: where it is.
    step_mm
        From place to place.
    frames
        Folder of frames; None: a new one beside the stored calibrations.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and the remedy.
    """
    if origin not in ("marker", "spot"):
        raise UsageError(f"--origin {origin}: there is no such way: choose marker or spot")
    if not 0 < step_mm <= 200:
        raise UsageError(f"--step-mm {step_mm:g}: give a step above 0, 200 mm at most")
    config = load_scan_config(path)
    folder = writable(out or path.parent / "calibrations")
    made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    kept = frames or folder / f"head-frames-{made_at[:19].replace(':', '')}"
    records = read_manifest(kept) if (kept / MANIFEST).exists() else _taken(config, kept, at_mm, step_mm, console)
    taken = frames_of(kept, records)
    fit = fitted(taken, records, config, origin=origin, say=console.say)
    for line in described_head(fit):
        console.say(line)
    content = head_to_dict(fit, camera_identity=records[0].camera_identity, made_at=made_at)
    stored = store(folder, KIND, content, made_at=made_at, pictures={"frame": taken[len(taken) // 2].read()})
    console.say(f"Kept in {stored}; to lay frames together by it: pointillist calibrate mosaic --head {stored}")
    return stored


def _taken(
    config: ScanConfig, folder: Path, at_mm: tuple[float, float] | None, step_mm: float, console: Console
) -> list[FrameRecord]:
    from edge.app import connected

    camera = camera_that_follows(config)
    with connected(config, console) as connection:
        controller = connection.controller
        here = controller.status().pose if at_mm is None else StagePose(*at_mm)
        steps = (np.arange(SIDE) - SIDE // 2) * step_mm
        places = [StagePose(here.x_mm + float(x), here.y_mm + float(y)) for y in steps for x in steps]
        records = take_frames(controller, camera, places, folder, tell=console.say)
        controller.move_to(here)
    return records


def fitted(
    frames: Sequence[MosaicFrame], records: Sequence[FrameRecord], config: ScanConfig, *, origin: str, say: Say
) -> HeadFit:
    """Find markers, texture and spot in the frames, and fit.

    Raises
    ------
    UsageError
        There is no frame, or the configured lens is of another camera or size.
    SafetyStop
        Nothing certain can be had of them; one sentence with the remedy.
    """
    if not frames:
        raise UsageError("there are no frames to calibrate the head by: let the stage take some")
    first = frames[0].read()
    lens = lens_for(config.instrument, Frame(first, records[0].camera_identity, ""))
    if lens is None:
        raise UsageError(
            "the head camera's lens is not known: calibrate it with pointillist calibrate camera, and name the result "
            "in instrument.camera_calibration"
        )
    spot = _spot(frames) if origin == "spot" else None
    seen, anchors = _markers(frames, config)
    if seen.tracks.size == 0:
        say("No marker is seen: going by the object's texture")
        still = None if spot is None else (spot.x_px, spot.y_px, _SPOT_REACH * spot.radius_px)
        seen, anchors = texture_tracks(frames, still_px=still), []
    spots = (
        None
        if spot is None
        else Spots(np.array([[spot.x_px, spot.y_px]]), np.array([[spot.x_error_px, spot.y_error_px]]))
    )
    return fitted_to(seen, lens, anchors, spots, say)


def fitted_to(seen: Tracks, lens: Lens, anchors: Sequence[Anchor], spots: Spots | None, say: Say) -> HeadFit:
    """Fit by anchors and the spot together where they agree, else by the spot, which then is what was asked for.

    Raises
    ------
    SafetyStop
        They do not give one.
    """
    if seen.tracks.size == 0:
        raise SafetyStop(
            "the head cannot be calibrated: the frames show nothing in common, put a marker or a picture under the "
            "camera, light it, and move the stage in smaller steps"
        )
    fit = fit_head(seen, lens, anchors=anchors, spots=spots)
    if isinstance(fit, NoHead) and spots is not None and anchors:
        say(f"Going by the spot alone: {fit.reason}")
        fit = fit_head(seen, lens, spots=spots)
    if isinstance(fit, NoHead):
        raise SafetyStop(f"the head cannot be calibrated: {fit.reason}")
    return fit


def _markers(frames: Sequence[MosaicFrame], config: ScanConfig) -> tuple[Tracks, list[Anchor]]:
    """Corners of the configured markers in all frames; a marker counts that is seen from two places or more."""
    stated = {marker.id: marker for marker in config.instrument.fiducials.markers}
    sights: dict[int, list[tuple[tuple[float, float], NDArray[np.float64]]]] = {}
    for frame in frames:
        try:
            seen = detect_fiducials(frame.read(), config.instrument.fiducials.dictionary, stated)
        except ValueError as error:
            raise SafetyStop(f"the head cannot be calibrated: {frame.name}: {error}") from None
        for marker, corners in seen.items():
            sights.setdefault(marker, []).append((frame.place_mm, corners))
    places, points, tracks, anchors = [], [], [], []
    count = 0
    for marker, sighted in sorted(sights.items()):
        if len(sighted) < 2:
            continue
        for place, corners in sighted:
            for k in range(4):
                places.append(place)
                points.append(corners[k])
                tracks.append(count + k)
        at = stated[marker]
        own = (count, count + 1, count + 2, count + 3)
        anchors.append(Anchor(own, at.x_mm, at.y_mm, name=f"marker {marker}"))
        count += 4
    seen_at = Tracks(
        np.array(places, dtype=np.float64).reshape(-1, 2),
        np.array(points, dtype=np.float64).reshape(-1, 2),
        np.array(tracks, dtype=np.intp),
    )
    return seen_at, anchors


def _spot(frames: Sequence[MosaicFrame]) -> Spot:
    """The spot, which stands still in the picture, in the mean of all frames, where the object washes out."""
    total: NDArray[Any] | None = None
    for frame in frames:
        light = linear_light(frame.read()).astype(np.float32)
        total = light if total is None else cv2.add(total, light)
    assert total is not None
    spot = find_spot(encoded(np.asarray(total / np.float32(len(frames))), is_16_bit=True))
    if isinstance(spot, NoSpot):
        raise SafetyStop(f"the beam's place in the head camera's picture is not known: {spot.reason}")
    return spot
