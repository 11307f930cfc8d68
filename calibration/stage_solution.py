"""The least squares behind `calibration.stage_fit.fit_stage`: a map of one kind, and the backlash beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.homography import homography_dlt
from calibration.map_error import sensitivity
from calibration.projection import apply_homography

Doubles = NDArray[np.float64]

HUBER: Final = 1.345
"""Huber's constant for 95 % efficiency on normal errors (Huber 1981)."""
LEAST_SQUARES: Final = float("inf")
"""In place of Huber's constant, where too few places tell how far is far."""
_STEPS = 40


class MapKind(StrEnum):
    """What the map can follow."""

    HOMOGRAPHY = "homography"
    AFFINE = "affine"


@dataclass(frozen=True, slots=True, eq=False)
class PointPairs:
    """Pixels as seen and the places on the stage that they show."""

    points_px: Doubles
    """Shape (n, 2), column and row."""
    points_mm: Doubles
    """Shape (n, 2), x and y."""
    group_of: NDArray[np.intp]
    """Which place each pair belongs to, shape (n,): pairs of one place err together."""
    approach: Doubles
    """-1, 0 or 1 along x and y, shape (n, 2): which way the stage moved last; 0 where that is unknown."""

    def only(self, keep: NDArray[np.bool_]) -> PointPairs:
        return PointPairs(self.points_px[keep], self.points_mm[keep], self.group_of[keep], self.approach[keep])


@dataclass(frozen=True, slots=True, eq=False)
class StageSolution:
    """What the least squares ended with."""

    map: Doubles
    """Undistorted pixels to stage mm, shape (3, 3), last element 1."""
    backlash_mm: Doubles
    """Along x and y, shape (2,); zero where not every axis was approached from both sides."""
    kind: MapKind
    with_backlash: bool


def solved(pairs: PointPairs, undistorted: Doubles, kind: MapKind, tuning: float = HUBER) -> StageSolution | None:
    """Huber's estimate by reweighted Gauss-Newton steps, in coordinates centred and scaled to one.

    Parameters
    ----------
    undistorted : pixels of the pairs, shape (n, 2)
    tuning : `HUBER`, or `LEAST_SQUARES`

    Returns
    -------
    StageSolution, or None where the points do not determine it.
    """
    into, out = _normal(undistorted), _normal(pairs.points_mm)
    source, target = apply_homography(into, undistorted), apply_homography(out, pairs.points_mm)
    with_backlash = _both_ways(pairs.approach)
    approach = pairs.approach / 2 * out[0, 0]
    try:
        start = homography_dlt(source, target) if kind is MapKind.HOMOGRAPHY else _affine(source, target)
    except ValueError:
        return None
    columns = free_elements(kind)
    values = np.append(start.ravel()[:8], [0.0, 0.0])
    for _ in range(_STEPS):
        current = np.append(values[:8], 1.0).reshape(3, 3)
        misfit = apply_homography(current, source) - target + approach * values[8:]
        design = design_of(current, source, approach, columns, with_backlash=with_backlash)
        weight = np.sqrt(_huber(misfit, tuning))[:, None]
        step = np.linalg.lstsq(
            (design * weight[..., None]).reshape(-1, design.shape[2]), -(misfit * weight).ravel(), rcond=None
        )[0]
        values[columns] += step[: columns.size]
        if with_backlash:
            values[8:] += step[columns.size :]
        if not np.isfinite(values).all():
            return None
        if float(np.abs(step).max()) < 1e-12:
            break
    natural = np.linalg.inv(out) @ np.append(values[:8], 1.0).reshape(3, 3) @ into
    if abs(natural[2, 2]) < 1e-12 * np.abs(natural).max():
        return None
    return StageSolution(natural / natural[2, 2], values[8:].copy(), kind, with_backlash)


def design_of(
    current: Doubles, source: Doubles, approach: Doubles, columns: NDArray[np.intp], *, with_backlash: bool
) -> Doubles:
    """Derivatives of the misfit by the free elements and, where it is looked at, by the backlash along x and y."""
    design = sensitivity(current, source)[:, :, columns]
    if not with_backlash:
        return design
    extra = np.zeros((len(source), 2, 2))
    extra[:, 0, 0], extra[:, 1, 1] = approach[:, 0], approach[:, 1]
    return np.concatenate([design, extra], axis=2)


def _both_ways(approach: Doubles) -> bool:
    return all({-1.0, 1.0} <= set(along.tolist()) for along in approach.T)


def free_elements(kind: MapKind) -> NDArray[np.intp]:
    """Which of the map's first eight elements are free."""
    return np.arange(8 if kind is MapKind.HOMOGRAPHY else 6)


def _huber(misfit: Doubles, tuning: float) -> Doubles:
    distance = np.linalg.norm(misfit, axis=1)
    # The median distance of a normal error in the plane is 1.1774 deviations.
    scale = float(np.median(distance)) / 1.1774
    limit = 2 * tuning * max(scale, 1e-12)
    return np.asarray(np.minimum(1.0, limit / np.maximum(distance, 1e-300)))


def misfit_mm(fit: StageSolution, pairs: PointPairs, undistorted: Doubles) -> Doubles:
    """Seen less stated, backlash taken out, shape (n, 2)."""
    seen = apply_homography(fit.map, undistorted)
    return np.asarray(seen - pairs.points_mm + pairs.approach / 2 * fit.backlash_mm)


def _affine(source: Doubles, target: Doubles) -> Doubles:
    terms = np.column_stack([source, np.ones(len(source))])
    return np.vstack([np.linalg.lstsq(terms, target, rcond=None)[0].T, [0.0, 0.0, 1.0]])


def _normal(points: Doubles) -> Doubles:
    centre = points.mean(axis=0)
    scale = 1 / max(float(np.abs(points - centre).max()), 1e-12)
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
