"""Frames that show the same part of the object, two by two, and how they are shifted against each other there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.mosaic.frames import BLOCK, Glance
from calibration.mosaic.view import Patch
from calibration.shift import Shift, shift_between

LEAST_LIKENESS = 0.6
"""Correlation of detail below which two frames do not show the same: neighbours taken with a camera reach 0.9."""
_LEAST_CELLS = 24
"""Along an overlap's shorter side."""
_LEAST_SHARE = 0.03
"""Of a frame's area."""
_FAR = 0.06
"""Of an overlap's shorter side: shifted by more, the overlap is cut out anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Two frames' common part."""

    first: int
    second: int
    """Numbers of the frames."""
    shift_mm: NDArray[np.float64]
    """How much further in the second frame, placed by the stage, the same detail lies, shape (2,)."""
    information: NDArray[np.float64]
    """Inverse of that shift's covariance, per mm squared, shape (2, 2)."""
    likeness: float
    is_textured: bool
    sharpness_ratio: float
    """Finest detail of the first frame over the second's, as amplitudes."""

    @property
    def is_alike(self) -> bool:
        return self.likeness >= LEAST_LIKENESS


@dataclass(frozen=True, slots=True)
class Common:
    """Cells that two patches share."""

    first: tuple[slice, slice]
    second: tuple[slice, slice]
    """Rows and columns within each."""


def common_cells(one: Patch, other: Patch, unit: int = 1) -> Common | None:
    """What two patches share, in units of so many cells; None for nothing."""

    def along(a: int, a_count: int, b: int, b_count: int) -> tuple[slice, slice] | None:
        offset = (b - a) // unit
        start, stop = max(0, offset), min(a_count // unit, offset + b_count // unit)
        return None if stop <= start else (slice(start, stop), slice(start - offset, stop - offset))

    rows = along(one.upper_cell, one.rows, other.upper_cell, other.rows)
    columns = along(one.left_cell, one.columns, other.left_cell, other.columns)
    if rows is None or columns is None:
        return None
    return Common((rows[0], columns[0]), (rows[1], columns[1]))


def overlaps_of(seen: Sequence[Glance]) -> list[Overlap]:
    """Every pair of frames that overlap enough where the stage says that they lie, with its measured shift."""
    found = []
    for i, one in enumerate(seen):
        for j in range(i + 1, len(seen)):
            common = common_cells(one.patch, seen[j].patch)
            if common is None:
                continue
            rows, columns = (part.stop - part.start for part in common.first)
            enough = rows * columns >= _LEAST_SHARE * one.grey.size and min(rows, columns) >= _LEAST_CELLS
            if enough and (overlap := _overlap(i, j, one, seen[j], common)) is not None:
                found.append(overlap)
    return found


def _overlap(i: int, j: int, one: Glance, other: Glance, common: Common) -> Overlap | None:
    mask = one.seen[common.first] & other.seen[common.second]
    if mask.sum() < 0.4 * mask.size:
        return None
    cell_mm = one.patch.cell_mm
    ours, theirs = one.grey[common.first], other.grey[common.second]
    shift = shift_between(ours.astype(np.float32), theirs.astype(np.float32), mask)
    if shift.likeness >= LEAST_LIKENESS and max(abs(shift.x_px), abs(shift.y_px)) > _FAR * min(mask.shape):
        shift = _again(one, other, shift)
    return Overlap(
        first=i,
        second=j,
        shift_mm=np.array([shift.x_px, shift.y_px]) * cell_mm,
        information=shift.information / cell_mm**2,
        likeness=shift.likeness,
        is_textured=shift.is_textured,
        sharpness_ratio=_sharpness_ratio(one, other),
    )


def _again(one: Glance, other: Glance, shift: Shift) -> Shift:
    """The shift measured where the frames truly overlap: the second one put back by whole cells first."""
    x, y = round(shift.x_px), round(shift.y_px)
    moved = replace(other.patch, left_cell=other.patch.left_cell - x, upper_cell=other.patch.upper_cell - y)
    common = common_cells(one.patch, moved)
    if common is None:
        return shift
    mask = one.seen[common.first] & other.seen[common.second]
    if min(mask.shape) < _LEAST_CELLS or mask.sum() < 0.2 * mask.size:
        return shift
    ours, theirs = one.grey[common.first], other.grey[common.second]
    rest = shift_between(ours.astype(np.float32), theirs.astype(np.float32), mask)
    if rest.likeness < shift.likeness - 0.1:
        return shift
    return replace(rest, x_px=rest.x_px + x, y_px=rest.y_px + y)


def _sharpness_ratio(one: Glance, other: Glance) -> float:
    common = common_cells(one.patch, other.patch, BLOCK)
    if common is None:
        return 1.0
    ours, theirs = (float(np.median(e.sharpness[part])) for e, part in ((one, common.first), (other, common.second)))
    return float(np.sqrt((ours + 1e-9) / (theirs + 1e-9)))
