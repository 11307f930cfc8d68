"""Frames of a head-mounted camera in a folder, each with the place of the stage: taken, resumed, and read again."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from calibration.mosaic import MosaicFrame
from edge.calibrate.closed_stage import RUN_UP_MM, go
from edge.cameras import Camera, write_picture
from edge.cameras.picture import decode_file
from edge.faults import DeviceError, IntegrityError, SafetyStop, UsageError
from firmware_bridge.controller import Controller
from firmware_bridge.messages import Capabilities, StagePose

MANIFEST: Final = "manifest.jsonl"
_SAME_MM = 0.01


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One line of a manifest."""

    file: str
    x_mm: float
    """Where the beam met the object."""
    y_mm: float
    camera_identity: str = ""
    sha256: str = ""
    """Of the file; empty where somebody else wrote the manifest."""
    wanted_x_mm: float | None = None
    """Where the stage was sent; None: nobody says."""
    wanted_y_mm: float | None = None


def read_manifest(folder: Path) -> list[FrameRecord]:
    """Frames of a folder; a torn last line, as a power cut leaves it, is dropped.

    Raises
    ------
    UsageError
        There is no manifest, or a line of it says no file and place.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"{path}: no manifest there: write one JSON line for each frame with file, x_mm and y_mm"
        ) from None
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n") and number == len(lines) and not _is_json(line):
            break
        if line.strip():
            records.append(_record(path, number, line))
    return records


def frames_of(folder: Path, records: Sequence[FrameRecord]) -> list[MosaicFrame]:
    """The frames, each read when it is needed."""
    return [
        MosaicFrame(one.file, (one.x_mm, one.y_mm), partial(_read, folder / one.file, one.sha256)) for one in records
    ]


def take_frames(
    controller: Controller, camera: Camera, places: Sequence[StagePose], folder: Path, *, tell: Callable[[str], None]
) -> list[FrameRecord]:
    """Visit the places with the shutter closed and keep a frame of each; what the folder holds already is not repeated.

    A frame is on the disk before its line is in the manifest, and replaces no other.

    Raises
    ------
    SafetyStop
        The shutter is open, or a place is out of the stage's reach.
    DeviceError
        The stage or the camera does not do as it is told.
    UsageError
        The folder cannot be written.
    """
    require_in_reach(places, controller.capabilities)
    records = read_manifest(folder) if (folder / MANIFEST).exists() else []
    records = [one for one in records if _is_kept(folder, one)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _rewrite(folder, records)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}): give a folder of your own") from None
    if short := sum(_run_up_from(controller, place) != _before(place) for place in places):
        tell(
            f"{short} of {len(places)} places lie within {RUN_UP_MM:g} mm of where the stage's travel begins: what "
            "backlash it has is not the same there"
        )
    for number, place in enumerate(places, start=1):
        if any(_is_of(one, place) for one in records):
            continue
        pose = _go(controller, place)
        frame = camera.capture()
        if records and records[0].camera_identity not in ("", frame.identity):
            raise DeviceError(
                f"the camera changed from {records[0].camera_identity} to {frame.identity} between two frames: use "
                "one camera, with another folder for another one"
            )
        name = _free_name(folder, number)
        write_picture(folder / name, frame.image)
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        record = FrameRecord(name, pose.x_mm, pose.y_mm, frame.identity, digest, place.x_mm, place.y_mm)
        _append(folder, record)
        records.append(record)
        tell(f"Frame {number} of {len(places)} at ({pose.x_mm:.1f}, {pose.y_mm:.1f}) mm")
    return [next(one for one in records if _is_of(one, place)) for place in places]


def require_in_reach(places: Sequence[StagePose], capabilities: Capabilities) -> None:
    """Every place lies within the stage's travel.

    Raises
    ------
    SafetyStop
        One does not; the text says how far the stage would have to go.
    """
    for axis, limits in (("x", capabilities.x_limits_mm), ("y", capabilities.y_limits_mm)):
        along = [place.x_mm if axis == "x" else place.y_mm for place in places]
        low, high = min(along), max(along)
        if low < limits[0] or high > limits[1]:
            raise SafetyStop(
                f"the head camera would need the stage at {axis} from {low:.1f} to {high:.1f} mm, which travels from "
                f"{limits[0]:g} to {limits[1]:g} mm: shrink or move the area"
            )


def _before(place: StagePose) -> StagePose:
    return StagePose(place.x_mm - RUN_UP_MM, place.y_mm - RUN_UP_MM)


def _run_up_from(controller: Controller, place: StagePose) -> StagePose:
    limits, before = controller.capabilities, _before(place)
    return StagePose(max(before.x_mm, limits.x_limits_mm[0]), max(before.y_mm, limits.y_limits_mm[0]))


def _go(controller: Controller, place: StagePose) -> StagePose:
    """By way of the run-up, every place from the same side, as far as the travel has room there."""
    go(controller, _run_up_from(controller, place))
    return go(controller, place)


def _free_name(folder: Path, number: int) -> str:
    """Of a file that is not there yet: frames of another pattern keep theirs."""
    names = (f"frame-{each:04d}.png" for each in itertools.count(number))
    return next(name for name in names if not (folder / name).exists())


def _is_of(record: FrameRecord, place: StagePose) -> bool:
    x_mm = record.x_mm if record.wanted_x_mm is None else record.wanted_x_mm
    y_mm = record.y_mm if record.wanted_y_mm is None else record.wanted_y_mm
    return math.dist((x_mm, y_mm), (place.x_mm, place.y_mm)) < _SAME_MM


def _is_kept(folder: Path, record: FrameRecord) -> bool:
    path = folder / record.file
    return path.is_file() and record.sha256 in ("", hashlib.sha256(path.read_bytes()).hexdigest())


def _read(path: Path, sha256: str) -> NDArray[Any]:
    picture = decode_file(path) if path.is_file() else None
    if picture is None:
        raise IntegrityError(f"{path}: no whole picture there: restore it, or take the frames again")
    if sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise IntegrityError(f"{path}: changed since it was taken: restore it, or take the frames again")
    return picture.image


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _record(path: Path, number: int, line: str) -> FrameRecord:
    try:
        said = json.loads(line)
        known = {key: said[key] for key in FrameRecord.__dataclass_fields__ if key in said}
        record = FrameRecord(**known)
        is_named = bool(record.file) and record.file == Path(record.file).name
        wanted = [value for value in (record.wanted_x_mm, record.wanted_y_mm) if value is not None]
        is_placed = all(math.isfinite(value) for value in (record.x_mm, record.y_mm, *wanted))
        is_good = (
            is_named and is_placed and all(isinstance(said.get(key, ""), str) for key in ("camera_identity", "sha256"))
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        is_good = False
    if not is_good:
        raise UsageError(f"{path}, line {number}: no frame: give a JSON object with file (a name), x_mm and y_mm")
    return record


def _lines(records: Sequence[FrameRecord]) -> Iterator[str]:
    for one in records:
        said = {key: getattr(one, key) for key in FrameRecord.__dataclass_fields__}
        yield json.dumps({key: value for key, value in said.items() if value not in (None, "")}) + "\n"


def _rewrite(folder: Path, records: Sequence[FrameRecord]) -> None:
    part = folder / f".{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as file:
        file.writelines(_lines(records))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / MANIFEST)


def _append(folder: Path, record: FrameRecord) -> None:
    with (folder / MANIFEST).open("a", encoding="utf-8") as file:
        file.writelines(_lines([record]))
        file.flush()
        os.fsync(file.fileno())
