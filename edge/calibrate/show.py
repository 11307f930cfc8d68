"""A stored calibration in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibration.camera_calibration import KIND, calibration_from_dict
from calibration.stored import DamagedCalibration, StoredCalibration, read_stored, stored_picture
from edge.calibrate.camera import table
from edge.faults import UsageError

_LONGEST_LIST = 12
_LONGEST_LINE = 100


def described(path: Path) -> list[str]:
    """Lines that say what a calibration's file holds.

    Raises
    ------
    UsageError
        It is missing, damaged, or no calibration.
    """
    try:
        stored = read_stored(path, [])
        lines = [f"{stored.kind} calibration of {stored.made_at}, digest {stored.digest[:12]}", *_lines(stored)]
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None
    return lines + [_picture(stored, name) for name in stored.pictures]


def _lines(stored: StoredCalibration) -> list[str]:
    if stored.kind != KIND:
        return list(_tree(stored.content, "  "))
    calibration = calibration_from_dict(stored.content)
    camera = calibration.camera_identity or "not named"
    return [f"camera: {camera}", f"board: {calibration.board}", *table(calibration)]


def _picture(stored: StoredCalibration, name: str) -> str:
    try:
        stored_picture(stored, name)
    except DamagedCalibration as error:
        return f"picture {name}: {error}"
    return f"picture {name}: {stored.pictures[name][0]}"


def _tree(value: Any, indent: str) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield f"{indent}{key}:"
            yield from _tree(inner, indent + "  ")
        elif isinstance(inner, list) and len(inner) > _LONGEST_LIST:
            yield f"{indent}{key}: {len(inner)} entries"
        elif isinstance(inner, list) and len(_short(inner)) > _LONGEST_LINE:
            yield f"{indent}{key}: {len(inner)} rows"
        else:
            yield f"{indent}{key}: {_short(inner)}"


def _short(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    return str(value)
