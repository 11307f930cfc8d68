"""How far two pictures of one plane are shifted against each other, to a few hundredths of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_CONTRAST = 3.0
"""Grey levels of 255 that a detail must stand out by to count as much as others: a camera's noise stays below."""
_LIGHT_SHARE = 10
"""Light that varies over more than the shorter side's such part is light, not paint."""
_LEAST_TEXTURE = 0.4
"""Standard deviation of the detail, which is 1 where a picture is full of it and near 0 where noise is all there is."""
_ROUNDS = 12
_SETTLED_PX = 2e-3
_LEAST_SHARE = 0.2
"""Of the window that must be common to both pictures once they are shifted."""
_TOGETHER = 6.0
"""Neighbouring pixels whose residuals err together: resampled, blurred, and of one brush stroke."""


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """What is at a pixel of the first picture is ``(x_px, y_px)`` further in the second."""

    x_px: float
    y_px: float
    likeness: float
    """Correlation of the pictures' detail once the shift is undone, 1 for identical ones."""
    information: NDArray[np.float64]
    """Inverse of the shift's covariance, per px squared, shape (2, 2): small along a stripe."""
    is_textured: bool
    """Whether both pictures show enough for the likeness to mean anything."""


def shift_between(first: Floats, second: Floats, mask: Mask | None = None) -> Shift:
    """Shift by phase correlation, refined by least squares on the detail of both pictures.

    Slow changes of light and differences of exposure are taken out first. The start is the peak of the phase
    correlation (C. D. Kuglin and D. C. Hines 1975) or none, whichever leads to the greater likeness; the refinement is
    that of B. D. Lucas and T. Kanade (1981) for a shift alone.

    Parameters
    ----------
    first, second : shape (rows, columns), grey levels of 255
    mask
        Where both pictures show the plane; None: everywhere.
    """
    shown = np.ones(first.shape, np.bool_) if mask is None else mask
    ours, theirs = (detail(one) * shown for one in (first, second))
    is_textured = min(_deviation(ours, shown), _deviation(theirs, shown)) > _LEAST_TEXTURE
    best = Shift(0.0, 0.0, -1.0, np.zeros((2, 2)), is_textured)
    for start in _starts(ours, theirs):
        found = _refined(ours, theirs, shown, start, is_textured)
        if found.likeness > best.likeness:
            best = found
        if best.likeness > 0.95:
            break
    return best


def detail(grey: Floats) -> Floats:
    """What stands out from its surroundings, over how much things stand out there."""
    sigma = max(2.0, min(grey.shape) / _LIGHT_SHARE)
    slow = _smooth(grey, sigma)
    raised = grey - slow
    contrast = np.sqrt(np.maximum(_smooth(raised * raised, sigma), 0))
    return np.asarray(raised / (contrast + np.float32(LEAST_CONTRAST)), dtype=np.float32)


def _smooth(picture: Floats, sigma: float) -> Floats:
    """Three box filters, which come near a Gaussian at any width for the same price."""
    size = 2 * round(sigma) + 1
    for _ in range(3):
        picture = np.asarray(cv2.blur(picture, (size, size), borderType=cv2.BORDER_REFLECT), dtype=np.float32)
    return picture


def _deviation(picture: Floats, shown: Mask) -> float:
    return float(picture[shown].std()) if shown.any() else 0.0


def _starts(ours: Floats, theirs: Floats) -> list[tuple[float, float]]:
    rows, columns = ours.shape
    (x_px, y_px), _ = cv2.phaseCorrelate(ours, theirs, cv2.createHanningWindow((columns, rows), cv2.CV_32F))
    return [(float(x_px), float(y_px)), (0.0, 0.0)]


def _refined(ours: Floats, theirs: Floats, shown: Mask, start: tuple[float, float], is_textured: bool) -> Shift:
    at = np.array(start)
    reach = 0.6 * np.array(ours.shape[::-1])
    for _ in range(_ROUNDS):
        if np.any(np.abs(at) > reach):
            break
        residual, slopes = _compared(ours, theirs, shown, at)
        if residual.size == 0:
            break
        normal = slopes.T @ slopes
        step = np.linalg.lstsq(normal, slopes.T @ residual, rcond=1e-6)[0]
        at = at + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < _SETTLED_PX:
            break
    return _judged(ours, theirs, shown, at, is_textured)


def _moved_back(theirs: Floats, shown: Mask, at: NDArray[np.float64]) -> tuple[Floats, Mask]:
    """The second picture with the shift undone, and where both are to be seen then."""
    rows, columns = theirs.shape
    way = np.array([[1.0, 0, at[0]], [0, 1.0, at[1]]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(theirs, way, (columns, rows), flags=flags), dtype=np.float32)
    seen = cv2.warpAffine(shown.astype(np.float32), way, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    common = cv2.erode(((seen > 0.999) & shown).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    return moved, common.astype(np.bool_)


def _compared(
    ours: Floats, theirs: Floats, shown: Mask, at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differences, and how the second picture grows along x and y, where both are seen."""
    moved, common = _moved_back(theirs, shown, at)
    if common.sum() < _LEAST_SHARE * shown.sum():
        return np.zeros(0), np.zeros((0, 2))
    across = (np.roll(moved, -1, axis=1) - np.roll(moved, 1, axis=1)) / 2
    down = (np.roll(moved, -1, axis=0) - np.roll(moved, 1, axis=0)) / 2
    slopes = np.column_stack([across[common], down[common]]).astype(np.float64)
    return (ours - moved)[common].astype(np.float64), slopes


def _judged(ours: Floats, theirs: Floats, shown: Mask, at: NDArray[np.float64], is_textured: bool) -> Shift:
    moved, common = _moved_back(theirs, shown, at)
    if common.sum() < max(_LEAST_SHARE * shown.sum(), 16):
        return Shift(float(at[0]), float(at[1]), -1.0, np.zeros((2, 2)), is_textured)
    here, there = ours[common], moved[common]
    likeness = 0.0 if here.std() == 0 or there.std() == 0 else float(np.corrcoef(here, there)[0, 1])
    residual, slopes = _compared(ours, theirs, shown, at)
    variance = float(np.mean(residual**2)) + 1e-6
    information = slopes.T @ slopes / (variance * _TOGETHER)
    return Shift(float(at[0]), float(at[1]), likeness, information, is_textured)
