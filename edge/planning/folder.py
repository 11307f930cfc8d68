"""A plan on the disk: its text, and beside it the photograph that it was made from and where that lay on the stage."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.projection import pixels_from_stage
from calibration.registration import Registration
from calibration.registration_record import registration_from_dict, registration_to_dict
from edge.cameras import Frame, write_picture
from edge.cameras.picture import recorded_picture
from edge.configuration.config import ScanConfig
from edge.faults import IntegrityError, UsageError
from edge.planning.plan import ScanPlan, plan_from_json, plan_to_json
from edge.prepare import Sighting, frame_digest, grid_of, place
from edge.record.durable import sync_folder_if_known_how, write_durably
from edge.record.folder import RecordingPaths, open_recording
from edge.record.own_files import read_note
from edge.results import read_planned

PLAN_NAME: Final = "plan.json"
PICTURE_NAME: Final = "photograph.png"
PLACE_NAME: Final = "photograph.json"
FORMAT: Final = "pointillist-plan-photograph"
VERSION: Final = 1
_MOST_BYTES = 2_000_000_000
"""A plan of 20 million exposures is smaller."""
_AGAIN = "plan again with pointillist plan"


@dataclass(frozen=True, slots=True, eq=False)
class ReviewedPlan:
    """A plan that somebody has looked at, with what it was made from."""

    plan: ScanPlan
    sighting: Sighting
    is_given: bool
    """Whether the photograph was a file in the camera's place, which need not say which camera took it."""


def refuse_in_use(folder: Path) -> None:
    """Refuse a folder for results that holds something, or a file in its place.

    Raises
    ------
    UsageError
        Names it.
    """
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise UsageError(f"{folder}: the folder holds something already: give a new one with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file is in the way: give a new folder with --out")


def write_plan_folder(folder: Path, made: ReviewedPlan) -> Path:
    """Leave a plan with its photograph in a folder that is there; gives the plan's file.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    plan, sighting, frame = made.plan, made.sighting, made.sighting.frame
    write_picture(folder / PICTURE_NAME, frame.image, frame.profile)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "plan": plan.digest,
        "given": made.is_given,
        "camera_identity": frame.identity,
        "taken_at": frame.taken_at,
        "frame_sha256": sighting.frame_sha256,
        "registration": registration_to_dict(sighting.registration),
    }
    for name, text in ((PLACE_NAME, json.dumps(record, indent=1) + "\n"), (PLAN_NAME, plan_to_json(plan))):
        write_durably(folder / name, text.encode(), sync_entries=sync_folder_if_known_how)
    sync_folder_if_known_how(folder.parent)
    return folder / PLAN_NAME


def read_plan(path: Path) -> ScanPlan:
    """The plan in a file, in a folder that `pointillist plan` left, or of a recording.

    Raises
    ------
    UsageError
        There is nothing there, or a recording that ended before it was planned.
    IntegrityError
        It is no plan, is too new, or was changed.
    """
    if is_recording(path):
        with open_recording(path) as recording:
            if not recording.history.plan_json:
                raise UsageError(f"{path}: this scan ended before it was planned: give another recording, or a plan")
            return plan_from_json(recording.history.plan_json)
    file = _file_of(path)
    if not file.is_file():
        where = f"the folder holds no {PLAN_NAME}" if path.is_dir() else "no such file"
        raise UsageError(f"{path}: {where}: give the {PLAN_NAME} that pointillist plan left, or a recording's folder")
    if file.stat().st_size > _MOST_BYTES:
        raise IntegrityError(f"{file}: is larger than any plan: {_AGAIN}")
    try:
        return plan_from_json(file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise IntegrityError(f"{file}: is no text, and so no plan: {_AGAIN}") from None
    except IntegrityError as error:
        raise IntegrityError(f"{file}: {error}") from None


def read_reviewed(path: Path, config: ScanConfig) -> ReviewedPlan:
    """A plan with the photograph that lies beside it, placed as it was then.

    Parameters
    ----------
    path
        The plan's file, the folder that `pointillist plan` left, or a recording's: then its whole plan as it was last.
    config
        Of the scan; says how colours are read, and which grid is scanned.

    Raises
    ------
    UsageError
        There is no plan, or one of another grid than the configuration's; or no photograph beside it.
    IntegrityError
        Something is damaged, too new, or belongs to another plan.
    """
    if is_recording(path):
        return _of_recording(path, config)
    plan = read_plan(path)
    home = _file_of(path).parent
    if not (home / PLACE_NAME).is_file():
        raise UsageError(
            f"{path}: the photograph that the plan was made from does not lie beside it ({PLACE_NAME} and "
            f"{PICTURE_NAME}), so that nobody can tell whether the object has moved: give the plan in the folder that "
            "pointillist plan left"
        )
    frame, registration, is_given = _beside(home, plan)
    return _on_its_grid(ReviewedPlan(plan, place(frame, config, registration), is_given), path)


def reviewed_in(folder: Path) -> ScanPlan:
    """The plan in a folder that `pointillist plan` left, or a scan kept; its photograph belongs to it.

    Raises
    ------
    UsageError, IntegrityError
        Something is missing, damaged, too new, or belongs to another plan.
    """
    plan = read_plan(folder)
    _beside(folder, plan)
    return plan


def picture_on_grid(path: Path, plan: ScanPlan) -> NDArray[np.uint8] | None:
    """What a plan was made from, one pixel a cell, shape (rows, columns, 3); None where that is not there.

    Raises
    ------
    IntegrityError
        It is there and damaged, or belongs to another plan.
    """
    if is_recording(path):
        with open_recording(path) as recording:
            return read_planned(recording).sighting.display
    home = _file_of(path).parent
    if not (home / PLACE_NAME).is_file():
        return None
    frame, registration, _ = _beside(home, plan)
    grid = plan.grid
    rows, columns = np.divmod(np.arange(grid.rows * grid.columns), grid.columns)
    pixels = np.rint(pixels_from_stage(registration, grid.centres_mm(rows, columns))).astype(np.intp)
    height, width = frame.image.shape[:2]
    seen = frame.image[np.clip(pixels[:, 1], 0, height - 1), np.clip(pixels[:, 0], 0, width - 1)]
    eight_bits = seen if seen.dtype == np.uint8 else np.rint(seen / 257)
    return np.asarray(eight_bits.reshape(*grid.shape, 3), dtype=np.uint8)


def _beside(home: Path, plan: ScanPlan) -> tuple[Frame, Registration, bool]:
    """The photograph in a plan's folder, where it lies on the stage, and whether it was given as a file."""
    record = _read_place(home / PLACE_NAME)
    if record["plan"] != plan.digest:
        raise IntegrityError(f"{home / PLACE_NAME}: belongs to another plan than the one beside it: {_AGAIN}")
    try:
        registration = registration_from_dict(record["registration"])
    except ValueError as error:
        raise IntegrityError(f"{home / PLACE_NAME}: {error}") from None
    picture = recorded_picture(home / PICTURE_NAME)
    if frame_digest(picture.image) != record["frame_sha256"]:
        raise IntegrityError(f"{home / PICTURE_NAME}: is not the photograph that the plan was made from: {_AGAIN}")
    frame = Frame(picture.image, record["camera_identity"], record["taken_at"], picture.profile)
    return frame, registration, bool(record["given"])


def _of_recording(path: Path, config: ScanConfig) -> ReviewedPlan:
    with open_recording(path) as recording:
        planned = read_planned(recording)
    sighting = replace(planned.sighting, grid=grid_of(config.area))
    return _on_its_grid(ReviewedPlan(planned.plan, sighting, is_given=False), path)


def _on_its_grid(reviewed: ReviewedPlan, path: Path) -> ReviewedPlan:
    """Refuse a plan on another grid than the configuration's."""
    planned, asked = reviewed.plan.grid, reviewed.sighting.grid
    if planned != asked:
        raise UsageError(
            f"{path}: the plan is of {planned.words}, the configuration's area of {asked.words}: plan again, or give "
            "the configuration that the plan was made from"
        )
    return reviewed


def is_recording(path: Path) -> bool:
    """Whether a path is a recording's folder."""
    return path.is_dir() and RecordingPaths(path).journal.is_file()


def _file_of(path: Path) -> Path:
    return path / PLAN_NAME if path.is_dir() else path


def _read_place(path: Path) -> dict[str, Any]:
    """What lies beside a plan, its parts of the right kinds."""
    kinds = {
        "plan": str,
        "given": bool,
        "camera_identity": str,
        "taken_at": str,
        "frame_sha256": str,
        "registration": dict,
    }
    try:
        record = json.loads(read_note(path))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError):
        raise IntegrityError(f"{path}: is damaged, no JSON: {_AGAIN}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise IntegrityError(f"{path}: is not what pointillist plan leaves beside a plan: {_AGAIN}")
    version = record.get("version")
    if isinstance(version, int) and version > VERSION:
        raise IntegrityError(f"{path}: was written by a later version of the program: update it, or {_AGAIN}")
    for name, kind in kinds.items():
        if not isinstance(record.get(name), kind):
            raise IntegrityError(f"{path}: is damaged ({name}): {_AGAIN}")
    return record
