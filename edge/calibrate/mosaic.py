"""`pointillist calibrate mosaic`: the stage visits a grid of places, and the frames become one placed picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.head_calibration import KIND as HEAD_KIND
from calibration.head_calibration import HeadCalibration, head_from_dict
from calibration.mosaic import HeadView, Mosaic, MosaicRequest, NoMosaic, build_mosaic
from calibration.mosaic.record import COVERED, KIND, PICTURE, MosaicPlace, mosaic_to_dict, place_from_dict, why_bare
from calibration.srgb import linear_light
from calibration.stored import DamagedCalibration, StoredCalibration, read_stored, store
from edge.calibrate.age import age_of_head
from edge.calibrate.before_visits import camera_that_follows, writable
from edge.calibrate.head_frames import FrameRecord, frames_of, read_manifest, take_frames
from edge.cameras import read_picture
from edge.configuration.area import AreaConfig
from edge.configuration.config import ScanConfig, load_scan_config
from edge.console import Console
from edge.faults import SafetyStop, UsageError
from edge.readiness.doctor import require
from firmware_bridge.messages import StagePose

Say = Callable[[str], None]
MOST_FRAMES = 400
_MARGIN_MM = 1.0
"""By which the mosaic reaches beyond the scan's area, for what the head and the stage are wrong by."""
_WORST = 5


@dataclass(frozen=True, slots=True)
class MosaicWish:
    """What the operator asks for."""

    overlap: float = 0.25
    """Share of a frame that it has in common with its neighbour, along either axis."""
    mm_per_px: float | None = None
    stage_error_mm: float = 0.1
    card: Path | None = None
    """Picture of an even card, taken with the head's camera and lamp."""


def calibrate_mosaic(
    path: Path | None, *, head: Path, frames: Path | None, wish: MosaicWish, out: Path | None, console: Console
) -> Path:
    """Take frames over the scan's area, lay them together, and keep the mosaic; gives the stored file.

    Parameters
    ----------
    path
        Configuration whose camera is the head's; None: nothing is moved, the frames are all there.
    head
        Stored calibration of the head.
    frames
        Folder of frames: those that it lacks are taken. None: a new one beside the stored calibrations.

    Raises
    ------
    EdgeError, BridgeError
        With one sentence and the remedy.
    """
    _refuse(path, frames, wish)
    stored_head, calibration = read_head(head)
    folder = writable(out or (path.parent if path is not None else Path()) / "calibrations")
    made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    kept = frames or folder / f"mosaic-frames-{made_at[:19].replace(':', '')}"
    config = None if path is None else load_scan_config(path)
    if config is not None:
        require([age_of_head(calibration.made_at, config)])
    records = read_manifest(kept) if config is None else _taken(config, calibration, kept, wish, console)
    mosaic = laid_together(kept, records, calibration, wish)
    for line in described(mosaic):
        console.say(line)
    content = mosaic_to_dict(
        mosaic,
        camera_identity=records[0].camera_identity,
        head_digest=stored_head.digest,
        offset_error_mm=_offset_error_mm(stored_head),
        made_at=made_at,
    )
    if config is not None and (bare := bare_in(config.area, place_from_dict(content), mosaic.covered)):
        console.warn(bare)
    pictures = {PICTURE: mosaic.picture, COVERED: mosaic.covered.astype(np.uint8) * np.uint8(255)}
    stored = store(folder, KIND, content, made_at=made_at, pictures=pictures)
    console.say(f"Kept in {stored}; to scan by it: instrument.camera: {{kind: mosaic, path: {stored}}}")
    return stored


def read_head(path: Path) -> tuple[StoredCalibration, HeadCalibration]:
    """A stored calibration of the head.

    Raises
    ------
    UsageError
        It is missing, damaged, or of another kind; one sentence with the remedy.
    """
    try:
        stored = read_stored(path, [HEAD_KIND])
        return stored, head_from_dict(stored.content)
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None


def laid_together(folder: Path, records: list[FrameRecord], calibration: HeadCalibration, wish: MosaicWish) -> Mosaic:
    """Build the mosaic of a folder's frames.

    Raises
    ------
    UsageError
        The frames are of another camera than the calibration, or there are none.
    SafetyStop
        They make no mosaic.
    """
    if not records:
        raise UsageError(f"{folder}: the manifest names no frame: take some first")
    others = {one.camera_identity for one in records} - {"", calibration.camera_identity}
    if others and calibration.camera_identity:
        raise UsageError(
            f"{folder}: frames of {sorted(others)[0]}, but the head's calibration is of {calibration.camera_identity}: "
            "calibrate the head with that camera"
        )
    request = MosaicRequest(
        frames=frames_of(folder, records),
        view=calibration.view,
        mm_per_px=wish.mm_per_px,
        stage_error_mm=wish.stage_error_mm,
        strain_error=max(calibration.strain_error, 1e-5),
        card=None if wish.card is None else linear_light(read_picture(wish.card)),
    )
    mosaic = build_mosaic(request)
    if isinstance(mosaic, NoMosaic):
        raise SafetyStop(f"the frames make no mosaic: {mosaic.reason}")
    return mosaic


def grid_over(area: AreaConfig, view: HeadView, overlap: float) -> list[StagePose]:
    """Where the beam has to be for the frames to cover the area, row by row, each row in the same direction."""
    size = np.array(view.inner_mm)
    low = np.array([area.x_mm, area.y_mm]) - _MARGIN_MM
    high = np.array([area.x_mm + area.width_mm, area.y_mm + area.height_mm]) + _MARGIN_MM
    along = []
    for axis in range(2):
        rest = max(0.0, float(high[axis] - low[axis] - size[axis]))
        count = 1 + int(np.ceil(rest / (size[axis] * (1 - overlap)) - 1e-9))
        middle = float(low[axis] + high[axis]) / 2 - float(view.centre_mm[axis])
        along.append(middle + np.linspace(-rest / 2, rest / 2, count) if count > 1 else np.array([middle]))
    return [StagePose(float(x), float(y)) for y in along[1] for x in along[0]]


def described(mosaic: Mosaic) -> list[str]:
    """A mosaic's figures, line by line."""
    rows, columns = mosaic.picture.shape[:2]
    lines = [
        f"{len(mosaic.used)} frames, {columns} x {rows} pixels of {mosaic.mm_per_px:.4f} mm, "
        f"{mosaic.covered_share:.1%} of them covered",
        f"neighbours differ by {mosaic.rms_before_mm:.3f} mm rms as the stage placed them, by "
        f"{mosaic.rms_after_mm:.3f} mm once adjusted ({len(mosaic.neighbours)} overlaps)",
    ]
    worst = sorted(mosaic.neighbours, key=lambda one: -one.after_mm)[:_WORST]
    lines.append(f"{'neighbours':<40} {'before mm':>9} {'after mm':>9} {'likeness':>8} {'weight':>6}")
    lines += [
        f"{one.first + ', ' + one.second:<40} {one.before_mm:>9.3f} {one.after_mm:>9.3f} {one.likeness:>8.2f} "
        f"{one.weight:>6.2f}"
        for one in worst
    ]
    return lines + list(mosaic.notes)


def bare_in(area: AreaConfig, place: MosaicPlace, covered: NDArray[np.bool_]) -> str:
    """A sentence where the mosaic leaves part of the scan's area bare; empty otherwise."""
    return why_bare(place, covered, (area.x_mm, area.y_mm, area.x_mm + area.width_mm, area.y_mm + area.height_mm))


def _refuse(path: Path | None, frames: Path | None, wish: MosaicWish) -> None:
    if path is None and frames is None:
        raise UsageError("calibrate mosaic needs a configuration to take frames by, or --frames FOLDER with frames")
    if not 0.1 <= wish.overlap <= 0.8:
        raise UsageError(f"--overlap {wish.overlap:g}: neighbours have to share 0.1 to 0.8 of a frame")
    if wish.mm_per_px is not None and not wish.mm_per_px > 0:
        raise UsageError(f"--mm-per-px {wish.mm_per_px:g}: give a size above 0")
    if not wish.stage_error_mm > 0:
        raise UsageError(f"--stage-error-mm {wish.stage_error_mm:g}: give a standard deviation above 0")


def _taken(
    config: ScanConfig, calibration: HeadCalibration, folder: Path, wish: MosaicWish, console: Console
) -> list[FrameRecord]:
    from edge.app import connected

    places = grid_over(config.area, calibration.view, wish.overlap)
    if len(places) > MOST_FRAMES:
        raise UsageError(f"{len(places)} frames are needed, more than {MOST_FRAMES}: shrink the area or the overlap")
    if len(places) < 2:
        raise UsageError("one frame shows the whole area: calibrate the stage with pointillist calibrate stage instead")
    camera = camera_that_follows(config)
    with connected(config, console) as connection:
        return take_frames(connection.controller, camera, places, folder, tell=console.say)


def _offset_error_mm(stored: StoredCalibration) -> float:
    """Along the worse axis."""
    try:
        return max(float(stored.content[key]["error"]) for key in ("offset_x_mm", "offset_y_mm"))
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{stored.path}: states no error of the camera's offset: calibrate the head again") from None
