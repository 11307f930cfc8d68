"""A stored calibration in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibration.stored import DamagedCalibration, StoredCalibration, read_stored
from edge.faults import UsageError

_LONGEST_LIST = 12


def described(path: Path) -> list[str]:
    """Lines that say what a calibration's file holds.

    Raises
    ------
    UsageError
        It is missing, damaged, or no calibration.
    """
    try:
        stored = read_stored(path, [])
    except DamagedCalibration as error:
        raise UsageError(str(error)) from None
    lines = [f"{stored.kind} calibration of {stored.made_at}, digest {stored.digest[:12]}", *_lines(stored)]
    return lines + [f"picture {name}: {place}" for name, (place, _) in stored.pictures.items()]


def _lines(stored: StoredCalibration) -> Iterator[str]:
    yield from _tree(stored.content, "  ")


def _tree(value: Any, indent: str) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield f"{indent}{key}:"
            yield from _tree(inner, indent + "  ")
        elif isinstance(inner, list) and len(inner) > _LONGEST_LIST:
            yield f"{indent}{key}: {len(inner)} entries"
        else:
            yield f"{indent}{key}: {_short(inner)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    return str(value)
