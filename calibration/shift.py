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
_RIM_PX = 3
"""For the rest of a shift, below one pixel, and the filter that undoes it."""
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
    """Least squares about the nearest whole shift; moved on where that turns out not to be the nearest."""
    reach = 0.6 * np.array(ours.shape[::-1])
    at = np.array(start)
    nothing = Shift(float(at[0]), float(at[1]), -1.0, np.zeros((2, 2)), is_textured)
    for last in (False, False, True):
        if np.any(np.abs(at) > reach):
            return nothing
        common = _Common.of(ours, theirs, shown, np.round(at).astype(int))
        if common is None:
            return nothing
        rest, settled = common.refined(at - np.round(at))
        at = np.round(at) + rest
        if settled or last:
            likeness, information = common.judged(rest)
            return Shift(float(at[0]), float(at[1]), likeness, information, is_textured)
    return nothing


@dataclass(frozen=True, slots=True, eq=False)
class _Common:
    """What both pictures show once the second is put back by whole pixels."""

    ours: Floats
    theirs: Floats
    inside: Mask
    """Where both are seen, less a rim for the rest of the shift."""
    slopes: NDArray[np.float64]
    """How the first picture grows along x and y inside, shape (n, 2)."""

    @classmethod
    def of(cls, ours: Floats, theirs: Floats, shown: Mask, whole: NDArray[np.int_]) -> _Common | None:
        """None where hardly anything is common."""
        here = tuple(_cut(size, int(step)) for size, step in zip(ours.shape, whole[::-1], strict=True))
        there = tuple(_cut(size, -int(step)) for size, step in zip(ours.shape, whole[::-1], strict=True))
        mask = (shown[here] & shown[there]).astype(np.uint8)
        size = 2 * _RIM_PX + 1
        inside = cv2.erode(mask, np.ones((size, size), np.uint8), borderValue=0).astype(np.bool_)
        if inside.sum() < max(_LEAST_SHARE * shown.sum(), 16):
            return None
        first = np.ascontiguousarray(ours[here])
        across, down = (cv2.Sobel(first, cv2.CV_32F, *way, ksize=1, scale=0.5)[inside] for way in ((1, 0), (0, 1)))
        return cls(
            first, np.ascontiguousarray(theirs[there]), inside, np.column_stack([across, down]).astype(np.float64)
        )

    def refined(self, rest: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
        """The rest of the shift, and whether it stayed within the rim."""
        normal = self.slopes.T @ self.slopes
        for _ in range(_ROUNDS):
            residual = self._residual(rest)
            step = np.linalg.lstsq(normal, self.slopes.T @ residual, rcond=1e-6)[0]
            rest = rest + np.clip(step, -2, 2)
            if float(np.abs(rest).max()) > 1:
                return rest, False
            if float(np.abs(step).max()) < _SETTLED_PX:
                break
        return rest, True

    def judged(self, rest: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Likeness, and the information that the shift is known with."""
        here = self.ours[self.inside].astype(np.float64)
        residual = self._residual(rest)
        there = here - residual
        likeness = 0.0 if here.std() == 0 or there.std() == 0 else float(np.corrcoef(here, there)[0, 1])
        variance = float(np.mean(residual**2)) + 1e-6
        return likeness, np.asarray(self.slopes.T @ self.slopes / (variance * _TOGETHER))

    def _residual(self, rest: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, columns = self.theirs.shape
        way = np.array([[1.0, 0, rest[0]], [0, 1.0, rest[1]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self.theirs, way, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray((self.ours - moved)[self.inside], dtype=np.float64)


def _cut(size: int, step: int) -> slice:
    """Indices whose partner, so many further, exists too."""
    return slice(max(0, -step), min(size, size - step))
