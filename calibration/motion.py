"""Whether an object lies where it lay: the motion between two photographs of one plane, light aside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_TEXTURE = 2.0
"""Standard deviation of the grey levels, of 255, below which a picture shows nothing to compare."""
_LEAST_CONTRAST = 4.0
"""Grey levels that a detail must stand out by to count as much as others: noise of a camera stays below."""
_LEAST_LIKENESS = 0.8
"""Correlation of two photographs of one object, in place and light aside, below which it is another one, or covered."""
_LONGEST_SIDE = 768
_LIGHT_SHARE = 12
"""Light that varies over more than the shorter side's such part is taken as light and not as paint."""
_REFINED_FROM = 24
"""Cells along the shorter side from which a turn can be told."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How an object moved in its plane, as a rigid body."""

    x_mm: float
    """Of the area's centre, along growing columns."""
    y_mm: float
    turn_deg: float
    largest_mm: float
    """The longest way of any corner of the area."""
    likeness: float
    """Correlation of the pictures once the motion is undone, 1 for identical ones."""


@dataclass(frozen=True, slots=True)
class NothingToCompare:
    """Both pictures are blank; falsy."""

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class NotAlike:
    """The pictures are not of the same object, or it is covered; falsy."""

    likeness: float
    wanted: float = _LEAST_LIKENESS

    def __bool__(self) -> bool:
        return False


def motion_between(before: NDArray[Any], now: NDArray[Any], pitch_mm: float) -> Motion | NothingToCompare | NotAlike:
    """Rigid motion between two photographs of the same grid.

    Light that changed slowly over the area, by a lamp or a window, is taken out first: each picture is its detail over
    its local contrast. A shift by phase correlation (Kuglin and Hines 1975) is refined to shift and turn by the
    enhanced correlation coefficient (Evangelidis and Psarakis 2008, forward additive).

    Parameters
    ----------
    before, now : uint8 or uint16, shape (rows, columns, 3)
    pitch_mm : float
        Distance of neighbouring cells.

    Returns
    -------
    Motion, or, falsy, NothingToCompare or NotAlike.
    """
    grey = [_grey(picture) for picture in (before, now)]
    blank = [picture.std() < _LEAST_TEXTURE for picture in grey]
    if all(blank):
        return NothingToCompare()
    if any(blank):
        return NotAlike(0.0)
    rows, columns = grey[0].shape
    shrink = min(1.0, _LONGEST_SIDE / max(rows, columns))
    size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
    details = [_detail(cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32)) for each in grey]
    step_mm = pitch_mm * columns / size[0]
    likeness, now_from_before = _aligned(details[0], details[1])
    if not likeness >= _LEAST_LIKENESS:
        return NotAlike(likeness)
    return _motion(now_from_before, size, step_mm, likeness)


def _grey(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Grey levels of 255."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey * np.float32(255 / np.iinfo(picture.dtype).max))


def _detail(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands out from its surroundings, over how much things stand out there."""
    sigma = max(2.0, min(grey.shape) / _LIGHT_SHARE)
    detail = grey - _smooth(grey, sigma)
    contrast = np.sqrt(_smooth(detail * detail, sigma))
    return np.asarray(detail / (contrast + np.float32(_LEAST_CONTRAST)), dtype=np.float32)


def _smooth(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _aligned(before: NDArray[np.float32], now: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
    """Likeness, and the affine matrix, shape (2, 3), that takes places of the one picture to those of the other."""
    rows, columns = before.shape
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F) if min(rows, columns) > 2 else None
    (dx, dy), _ = cv2.phaseCorrelate(before, now, window)
    shifted = np.array([[1.0, 0, dx], [0, 1.0, dy]])
    still = np.eye(2, 3)
    found = [(_likeness(before, now, each), each) for each in (shifted, still)]
    if min(rows, columns) >= _REFINED_FROM:
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
        for first in (shifted, still):
            try:
                start = first.astype(np.float32)
                _, refined = cv2.findTransformECC(before, now, start, cv2.MOTION_EUCLIDEAN, criteria)
            except cv2.error:
                continue
            turned = np.asarray(refined, dtype=np.float64)
            likeness = _likeness(before, now, turned)
            if likeness >= _LEAST_LIKENESS:
                return likeness, turned
            found.append((likeness, turned))
    return max(found, key=lambda each: each[0])


def _likeness(before: NDArray[np.float32], now: NDArray[np.float32], now_from_before: NDArray[np.float64]) -> float:
    """Correlation over what both pictures show, once the motion is undone."""
    size = (before.shape[1], before.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    undone = cv2.warpAffine(now, now_from_before, size, flags=flags)
    shown = cv2.warpAffine(np.ones_like(now), now_from_before, size, flags=flags) > 0.999
    if shown.sum() < 0.25 * shown.size or before[shown].std() == 0 or undone[shown].std() == 0:
        return 0.0
    return float(np.corrcoef(before[shown], undone[shown])[0, 1])


def _motion(now_from_before: NDArray[np.float64], size: tuple[int, int], step_mm: float, likeness: float) -> Motion:
    columns, rows = size
    corners = np.array([[0, 0, 1], [columns - 1, 0, 1], [columns - 1, rows - 1, 1], [0, rows - 1, 1]], dtype=np.float64)
    moved = corners @ now_from_before.T - corners[:, :2]
    centre = moved.mean(axis=0) * step_mm
    turn_deg = math.degrees(math.atan2(now_from_before[1, 0], now_from_before[0, 0]))
    largest_mm = float(np.linalg.norm(moved, axis=1).max()) * step_mm
    return Motion(float(centre[0]), float(centre[1]), turn_deg, largest_mm, likeness)
