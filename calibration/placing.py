"""One plane's picture placed on another's: where a part lies in the whole, by what both show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_MOST_FEATURES = 6_000
_DISTINCT = 0.75
"""A feature is matched when its nearest like is nearer than this part of the second nearest (D. G. Lowe 2004)."""
_LEAST_MATCHES = 24
_REACH_PX = 1.5
"""Matches that lie farther from the common motion are chance."""
_TRIALS = 4_000
_LEAST_SPREAD = 0.1
"""Of the part's diagonal: matches that all lie closer together do not tell its turn."""
_SAME_SCALE = 0.005
"""Most that the two pictures' millimetres may differ."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanePicture:
    """A picture of a plane seen straight on."""

    rgb: NDArray[Any]
    """uint8, shape (rows, columns, 3)."""
    left_mm: float
    """Plane x of the left edge of column 0."""
    upper_mm: float
    mm_per_px: float

    def plane_mm(self, points_px: Doubles) -> Doubles:
        """Plane positions of pixels (column, row), whose centres are whole numbers, shape (n, 2)."""
        return np.asarray((points_px + 0.5) * self.mm_per_px + [self.left_mm, self.upper_mm])


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where a part lies in the whole, as a rigid motion: ``whole = turn @ part + shift``."""

    turn_deg: float
    """From x towards y."""
    shift_mm: tuple[float, float]
    """Where the part's origin lies."""
    rms_mm: float
    """Of the matches' distances, per axis."""
    matches: int
    deviation_mm: float
    """Standard error of a position in the middle of the matches, per axis."""
    scale: float
    """Of the part against the whole, where that is left free: 1 but for errors of one of the two calibrations."""

    @property
    def rotation(self) -> Doubles:
        """Shape (2, 2)."""
        turn = math.radians(self.turn_deg)
        return np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])

    def whole_from_part(self, points_mm: Doubles) -> Doubles:
        """Positions in the whole's frame, shape (n, 2)."""
        return np.asarray(np.asarray(points_mm, np.float64) @ self.rotation.T + self.shift_mm)

    def part_from_whole(self, points_mm: Doubles) -> Doubles:
        """The inverse."""
        return np.asarray((np.asarray(points_mm, np.float64) - self.shift_mm) @ self.rotation)


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The part could not be placed in the whole, and why; falsy."""

    reason: str
    """One sentence: what is wrong and what to do."""

    def __bool__(self) -> bool:
        return False


def place_in_whole(part: PlanePicture, whole: PlanePicture) -> Placed | NotPlaced:
    """Find the rigid motion that takes a part's picture to where the whole shows the same.

    Features that are alike in both (D. G. Lowe, "Distinctive image features from scale-invariant keypoints", 2004) vote
    for a motion by random sampling (M. A. Fischler and R. C. Bolles 1981); those that agree fix it by least squares
    (W. Kabsch 1976). Both pictures are in millimetres, so that a scale other than 1 is an error of one of them.

    Parameters
    ----------
    part, whole
        Best at the same mm per pixel.

    Returns
    -------
    Placed, or NotPlaced (falsy) with one sentence.
    """
    ours, theirs = _matched(part, whole)
    if len(ours) < _LEAST_MATCHES:
        return _too_few(len(ours))
    reach_mm = _REACH_PX * max(part.mm_per_px, whole.mm_per_px)
    affine, agreed = cv2.estimateAffinePartial2D(
        ours, theirs, method=cv2.RANSAC, ransacReprojThreshold=reach_mm, maxIters=_TRIALS, confidence=0.999
    )
    kept = np.asarray(agreed, np.bool_).ravel()
    # None in place of a motion where nothing agrees, whatever its annotation says
    if np.ndim(affine) != 2 or kept.sum() < _LEAST_MATCHES:
        return _too_few(int(kept.sum()))
    scale = float(np.hypot(affine[0, 0], affine[1, 0]))
    if abs(scale - 1) > _SAME_SCALE:
        return NotPlaced(
            f"the photograph of the whole shows this placement {100 * (scale - 1):+.1f} % larger than its own "
            "photograph does: check the markers' stated places and size in both"
        )
    diagonal_mm = part.mm_per_px * math.hypot(*part.rgb.shape[:2])
    if np.linalg.svd(ours[kept] - ours[kept].mean(axis=0), compute_uv=False)[1] < (
        _LEAST_SPREAD / 2 * diagonal_mm * math.sqrt(kept.sum())
    ):
        return NotPlaced(
            "what this placement and the photograph of the whole have in common lies close together or on a line: let "
            "more of the object be seen in both"
        )
    return _rigid(ours[kept], theirs[kept], scale)


def _too_few(count: int) -> NotPlaced:
    return NotPlaced(
        f"{count} details of this placement's photograph are found again in that of the whole, {_LEAST_MATCHES} are "
        "needed: check that both show the same object, sharp and evenly lit"
    )


def _matched(part: PlanePicture, whole: PlanePicture) -> tuple[Doubles, Doubles]:
    """Plane positions of features that are each other's likeness, in both frames, shape (n, 2)."""
    # without the precise way, OpenCV places features a quarter of a pixel off
    detector = cv2.SIFT.create(nfeatures=_MOST_FEATURES, enable_precise_upscale=True)
    found = [detector.detectAndCompute(cv2.cvtColor(one.rgb, cv2.COLOR_RGB2GRAY), None) for one in (part, whole)]
    if any(np.ndim(descriptors) != 2 or len(descriptors) < 2 for _, descriptors in found):
        return np.zeros((0, 2)), np.zeros((0, 2))
    (ours, ours_described), (theirs, theirs_described) = found
    pairs = cv2.BFMatcher().knnMatch(ours_described, theirs_described, k=2)
    best = [first for first, second in pairs if first.distance < _DISTINCT * second.distance]
    places = np.array([(*ours[one.queryIdx].pt, *theirs[one.trainIdx].pt) for one in best]).reshape(-1, 4)
    return part.plane_mm(places[:, :2]), whole.plane_mm(places[:, 2:])


def _rigid(ours: Doubles, theirs: Doubles, scale: float) -> Placed:
    ours_middle, theirs_middle = ours.mean(axis=0), theirs.mean(axis=0)
    left, _, right = np.linalg.svd((ours - ours_middle).T @ (theirs - theirs_middle))
    flip = np.diag([1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left @ flip @ right).T
    shift = theirs_middle - rotation @ ours_middle
    residuals = theirs - (ours @ rotation.T + shift)
    rms_mm = float(np.sqrt(np.square(residuals).sum() / (2 * len(ours) - 3)))
    return Placed(
        turn_deg=math.degrees(math.atan2(rotation[1, 0], rotation[0, 0])),
        shift_mm=(float(shift[0]), float(shift[1])),
        rms_mm=rms_mm,
        matches=len(ours),
        deviation_mm=rms_mm / math.sqrt(len(ours)),
        scale=scale,
    )
