"""Pairs of pixels and stage positions that the operator names, in a CSV or YAML file."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from calibration.stage_fit import PointPairs
from edge.faults import UsageError

COLUMNS: Final = ("column_px", "row_px", "x_mm", "y_mm")
_MOST_BYTES: Final = 1_000_000


def read_points(path: Path, *, width_px: int, height_px: int) -> PointPairs:
    """Read pairs: rows of `COLUMNS` in CSV, with or without their names, or a YAML list of mappings with these keys.

    Raises
    ------
    UsageError
        The file is missing or no such list, a point lies outside the picture, or two are the same.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: too long for a list of points: give rows of {', '.join(COLUMNS)}")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: cannot be read: give a CSV or YAML file with {', '.join(COLUMNS)}") from None
    rows = _yaml_rows(path, text) if path.suffix.lower() in (".yaml", ".yml") else _csv_rows(path, text)
    points = np.array(rows, dtype=np.float64).reshape(-1, 4)
    if not np.isfinite(points).all():
        raise UsageError(f"{path}: a coordinate is not a finite number: correct it")
    for number, (column, row) in enumerate(points[:, :2].tolist(), start=1):
        if not (-0.5 <= column <= width_px - 0.5 and -0.5 <= row <= height_px - 0.5):
            raise UsageError(
                f"{path}: point {number} at ({column:g}, {row:g}) px lies outside the picture of {width_px} x "
                f"{height_px} pixels: name points of this camera's picture"
            )
    for part, what in ((points[:, :2], "pixel"), (points[:, 2:], "stage position")):
        if len(np.unique(part, axis=0)) < len(part):
            raise UsageError(f"{path}: two points name the same {what}: remove or correct one of them")
    count = len(points)
    return PointPairs(points[:, :2], points[:, 2:], np.arange(count), np.zeros((count, 2)))


def _csv_rows(path: Path, text: str) -> list[list[float]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows: list[list[float]] = []
    try:
        split = list(csv.reader(lines))
    except csv.Error:
        raise UsageError(
            f"{path}: not CSV: write {', '.join(COLUMNS)}, four numbers with commas in each line"
        ) from None
    for number, fields in enumerate(split, start=1):
        names = [field.strip() for field in fields]
        if number == 1 and names == list(COLUMNS):
            continue
        try:
            values = [float(field) for field in names]
        except ValueError:
            values = []
        if len(values) != len(COLUMNS):
            raise UsageError(f"{path}: line {number} is not {', '.join(COLUMNS)}: write four numbers with commas")
        rows.append(values)
    return rows


def _yaml_rows(path: Path, text: str) -> list[list[float]]:
    try:
        entries: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        # dates that are none, and lists in lists without end, are no YAMLError
        raise UsageError(f"{path}: not YAML: write a list of mappings with {', '.join(COLUMNS)}") from None
    if not isinstance(entries, list):
        raise UsageError(f"{path}: not a list: write a list of mappings with {', '.join(COLUMNS)}")
    rows: list[list[float]] = []
    for number, entry in enumerate(entries, start=1):
        is_whole = isinstance(entry, dict) and set(entry) == set(COLUMNS)
        if not is_whole or any(isinstance(v, bool) or not isinstance(v, int | float) for v in entry.values()):
            raise UsageError(f"{path}: point {number} is not a mapping of {', '.join(COLUMNS)} to numbers: correct it")
        rows.append([_float(entry[key]) for key in COLUMNS])
    return rows


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
