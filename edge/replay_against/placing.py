"""Where one recording's grid lies on another's: by what both say of the stage, then by their maps.

The maps' place is that at which their squared differences are least: Gauss-Newton over shift, turn and scale, all
elements together, each on its own scale, on maps that are blurred less and less (B. D. Lucas and T. Kanade, 1981).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.faults import UsageError
from edge.replay_against.reading import Reading

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

_BLURS = (6.0, 3.0, 1.5, 0.8)
"""Cells, one pass after the other."""
_STEPS = 25
_STILL = 1e-3
"""Cells: a step below that is the last."""
_LEAST_OVERLAP = 0.1
"""Of the smaller raster."""
_SAME_ASPECT = 0.05
_FARTHEST = 0.35
"""Of the raster's size: a start that far off has gone astray."""
_RIM = 0.5
"""Cells beyond the outermost centres that still belong to the outermost cells."""
_DOUBTFUL = 0.3
"""Correlation of the maps below which their place is not told by them."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The other's place on the first."""

    other_from_first: Doubles
    """Affine, from (column, row) of the first to (column, row) of the other, shape (2, 3)."""
    shift_cells: tuple[float, float]
    """How far (columns, rows) the other lies at the middle from where it was thought to."""
    shift_error_cells: tuple[float, float]
    turn_deg: float
    scale: float
    """Of the other's cells against where they were thought to lie."""
    correlation: float
    """Of the maps, mean over elements, weighted by their variation."""
    by: str
    """What told the place, in words."""


def place(first: Reading, other: Reading) -> Placed:
    """Find the other's place on the first's grid; both have the same elements in the same order.

    Raises
    ------
    UsageError
        They hardly overlap, or nothing tells how they lie.
    """
    start, said = _start(first, other)
    ours, theirs = _normalised(first), _normalised(other)
    found = start
    for blur in _BLURS:
        found = _refined(ours, theirs, first, other, found, blur)
    moved = np.abs(_corners(first.shape, found) - _corners(first.shape, start)).max()
    is_astray = not math.isfinite(moved) or moved > _FARTHEST * max(other.shape)
    correlation = 0.0 if is_astray else _correlation(ours, theirs, first, other, found)
    before = _correlation(ours, theirs, first, other, start)
    if is_astray or correlation < before:
        found, correlation, is_astray = start, before, True
    if correlation < _DOUBTFUL and first.grid is None:
        raise UsageError(
            f"{other.name} and {first.name}: their maps correlate by {correlation:.2f} however they are laid: compare "
            "recordings of one object, cropped alike"
        )
    by = f"{said} alone" if is_astray else f"their maps, starting from {said}"
    error = (math.nan, math.nan) if is_astray else _shift_error(ours, theirs, first, other, found)
    return _told(first, start, found, error, correlation, by)


def _told(
    first: Reading, start: Doubles, found: Doubles, error: tuple[float, float], correlation: float, by: str
) -> Placed:
    rows, columns = first.shape
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2, 1.0])
    shift = found @ middle - start @ middle
    relative = found[:, :2] @ np.linalg.inv(start[:, :2])
    turn = math.degrees(math.atan2(relative[1, 0] - relative[0, 1], relative[0, 0] + relative[1, 1]))
    scale = math.sqrt(abs(float(np.linalg.det(relative))))
    return Placed(found, (float(shift[0]), float(shift[1])), error, turn, scale, correlation, by)


def _start(first: Reading, other: Reading) -> tuple[Doubles, str]:
    if first.grid is not None and other.grid is not None:
        ours, theirs = first.grid, other.grid
        zoom = ours.pitch_mm / theirs.pitch_mm
        x = (ours.origin_x_mm - theirs.origin_x_mm) / theirs.pitch_mm + zoom / 2 - 0.5
        y = (ours.origin_y_mm - theirs.origin_y_mm) / theirs.pitch_mm + zoom / 2 - 0.5
        start = np.array([[zoom, 0, x], [0, zoom, y]])
        row, column = np.mgrid[: ours.rows, : ours.columns]
        at = np.stack([column.ravel(), row.ravel(), np.ones(row.size)])
        inside = ((start @ at >= -0.5) & (start @ at <= [[theirs.columns - 0.5], [theirs.rows - 0.5]])).all(axis=0)
        smaller = min(ours.rows * ours.columns, theirs.rows * theirs.columns / zoom**2)
        if inside.sum() < _LEAST_OVERLAP * smaller:
            raise UsageError(
                f"{other.name} lies at {theirs.words} and {first.name} at {ours.words}: they hardly overlap: compare "
                "recordings of the same place"
            )
        return start, "where the stage was"
    (rows, columns), (other_rows, other_columns) = first.shape, other.shape
    down, across = other_rows / rows, other_columns / columns
    if abs(across / down - 1) > _SAME_ASPECT:
        raise UsageError(
            f"{first.name} has {rows} x {columns} cells and {other.name} {other_rows} x {other_columns}, and not both "
            "say where they lie: crop them alike"
        )
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]]), "frames that show the same"


def _normalised(reading: Reading) -> Floats:
    """Maps with mean 0 and deviation 1 over known cells, less of it the noisier: shape (rows, columns, elements)."""
    values = reading.maps[reading.known].astype(np.float64)
    noise = reading.variance[reading.known].astype(np.float64).mean(axis=0)
    mean, spread = values.mean(axis=0), values.var(axis=0)
    signal = np.clip(1 - noise / np.maximum(spread, 1e-30), 0.02, 1)
    scaled = (reading.maps - mean) * np.where(spread > 0, signal / np.sqrt(np.maximum(spread, 1e-30)), 0)
    return np.where(reading.known[..., None], scaled, 0).astype(np.float32)


def neighbours(
    other_from_first: Doubles, shape: tuple[int, int], other_shape: tuple[int, int]
) -> Iterator[tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Doubles]]:
    """The four cells of the other around each cell of the first, and their bilinear weights, shape (rows, columns).

    Beyond the other's outermost cells all weights are 0.
    """
    rows, columns = shape
    row, column = np.mgrid[:rows, :columns]
    x, y = np.tensordot(other_from_first, np.stack([column, row, np.ones_like(row)]), axes=1)
    bottom, right_end = other_shape[0] - 1, other_shape[1] - 1
    inside = (x > -_RIM) & (y > -_RIM) & (x < right_end + _RIM) & (y < bottom + _RIM)
    left = np.clip(np.floor(x), 0, max(right_end - 1, 0)).astype(np.intp)
    upper = np.clip(np.floor(y), 0, max(bottom - 1, 0)).astype(np.intp)
    across, down = np.clip(x - left, 0, 1), np.clip(y - upper, 0, 1)
    for right, lower in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = (across if right else 1 - across) * (down if lower else 1 - down) * inside
        yield (np.minimum(upper + lower, bottom), np.minimum(left + right, right_end)), weight


def warped(values: Floats, other_from_first: Doubles, shape: tuple[int, int]) -> Floats:
    """Values of the other's grid at the first's cells, bilinear, shape (rows, columns, ...); 0 beyond."""
    total = np.zeros((*shape, *values.shape[2:]))
    for at, weight in neighbours(other_from_first, shape, values.shape[:2]):
        total += weight.reshape(*shape, *([1] * (values.ndim - 2))) * values[at]
    return total.astype(np.float32)


def overlap(first: Reading, other: Reading, other_from_first: Doubles) -> NDArray[np.bool_]:
    """Cells of the first where both are known, shape (rows, columns)."""
    there = warped(other.known.astype(np.float32), other_from_first, first.shape)
    both: NDArray[np.bool_] = first.known & (there > 0.999)
    return both


def _refined(ours: Floats, theirs: Floats, first: Reading, other: Reading, start: Doubles, blur: float) -> Doubles:
    """Gauss-Newton steps at one blur."""
    a, b = _blurred(ours, first.known, blur), _blurred(theirs, other.known, blur)
    gradients = _gradients(b)
    found = start
    for _ in range(_STEPS):
        weight = overlap(first, other, found)
        if weight.sum() < 64:
            return start
        design, residual = _linear(a, b, gradients, found, weight)
        step = _as_affine(np.linalg.lstsq(design.T @ design, design.T @ residual, rcond=None)[0])
        found = np.asarray(found + step, np.float64)
        if float(np.abs(_corners(first.shape, step)).max()) < _STILL:
            break
    return found


def _gradients(values: Floats) -> tuple[Floats, Floats]:
    """Derivatives by column and by row."""
    down, across = (np.asarray(one, np.float32) for one in np.gradient(values, axis=(0, 1)))
    return across, down


def _linear(
    a: Floats, b: Floats, gradients: Sequence[Floats], found: Doubles, weight: NDArray[np.bool_]
) -> tuple[Doubles, Doubles]:
    """Derivatives of the warped maps by shift, scale and turn, and what they have to make up, over cells x elements."""
    shape = weight.shape
    rows, columns = np.nonzero(weight)
    x, y = columns[:, None].astype(np.float64), rows[:, None].astype(np.float64)
    across, down = (warped(one, found, shape)[weight].astype(np.float64) for one in gradients)
    target, moved = a[weight].astype(np.float64), warped(b, found, shape)[weight].astype(np.float64)
    factor = (target * moved).sum(axis=0) / np.maximum((moved * moved).sum(axis=0), 1e-12)
    parts = [across, down, across * x + down * y, down * x - across * y]
    design = np.stack([(part * factor).ravel() for part in parts], axis=1)
    return design, (target - factor * moved).ravel()


def _as_affine(step: NDArray[np.floating]) -> Doubles:
    x, y, scale, turn = step
    return np.array([[scale, -turn, x], [turn, scale, y]])


def _shift_error(ours: Floats, theirs: Floats, first: Reading, other: Reading, found: Doubles) -> tuple[float, float]:
    """Standard error of the shift at the middle: of the least-squares fit, residuals alike within a blur's reach."""
    blur = _BLURS[-1]
    a, b = _blurred(ours, first.known, blur), _blurred(theirs, other.known, blur)
    weight = overlap(first, other, found)
    design, residual = _linear(a, b, _gradients(b), found, weight)
    rows, columns = first.shape
    middle = np.array([[1, 0, (columns - 1) / 2, -(rows - 1) / 2], [0, 1, (rows - 1) / 2, (columns - 1) / 2]])
    alike = 4 * math.pi * blur**2
    covariance = np.linalg.pinv(design.T @ design) * float(residual @ residual) / max(len(residual) - 4, 1) * alike
    x, y = np.sqrt(np.maximum(np.diag(middle @ covariance @ middle.T), 0))
    return float(x), float(y)


def _blurred(values: Floats, known: NDArray[np.bool_], blur: float) -> Floats:
    """Blurred over known cells."""
    import cv2

    weight = np.asarray(cv2.GaussianBlur(known.astype(np.float32), (0, 0), blur), np.float32)
    planes = [cv2.GaussianBlur(np.ascontiguousarray(values[..., k]), (0, 0), blur) for k in range(values.shape[2])]
    blurred = np.stack([np.asarray(one, np.float32) for one in planes], axis=2)
    return np.asarray(blurred / np.maximum(weight, 1e-3)[..., None], np.float32)


def _correlation(ours: Floats, theirs: Floats, first: Reading, other: Reading, found: Doubles) -> float:
    weight = overlap(first, other, found)
    if weight.sum() < 64:
        return 0.0
    blur = _BLURS[-1]
    a = _blurred(ours, first.known, blur)[weight].astype(np.float64)
    b = warped(_blurred(theirs, other.known, blur), found, first.shape)[weight].astype(np.float64)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float((a * b).sum() / max(math.sqrt(float((a * a).sum()) * float((b * b).sum())), 1e-12))


def _corners(shape: tuple[int, int], affine: Doubles) -> Doubles:
    rows, columns = shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]], dtype=np.float64)
    return corners @ affine.T
