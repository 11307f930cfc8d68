"""The map from undistorted pixels to the stage, from pairs of points: robust, with its error, and with backlash."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from calibration.homography import agreeing_points, homography_dlt
from calibration.lens import Lens, without_distortion
from calibration.map_error import GroupError, Spread, covariance_of, sensitivity
from calibration.projection import apply_homography

Doubles = NDArray[np.float64]

LEAST_PLACES = 4
PERSPECTIVE_FROM = 5
"""With fewer places a homography would pass through all of them and leave nothing to tell its error by."""
_SMALL_FIELD = 0.2
"""Share of the picture's diagonal below which perspective is told from noise only where it is significant."""
_SIGNIFICANT = 0.05
_THIN = 0.02
_STEPS = 40
_HUBER = 1.345
"""Huber's constant for 95 % efficiency on normal errors (Huber 1981)."""
_FAR = 6.0


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
class StageFit:
    """A fitted map and everything that is known of its error."""

    stage_from_camera: Doubles
    """Undistorted pixels to stage mm, shape (3, 3), last element 1."""
    covariance: Doubles
    """Of its first eight elements, row by row, shape (8, 8); those that an affine map fixes at 0 are certain."""
    kind: MapKind
    kind_because: str
    """Why it is only affine; empty for a homography."""
    residuals_mm: Doubles
    """Seen less stated, shape (n, 2), of the pairs in use."""
    held_out_mm: Doubles
    """The same under fits without the pair's own group."""
    used: NDArray[np.bool_]
    """Which of the given pairs were used."""
    spread: Spread
    backlash_mm: tuple[float, float] | None
    """Along x and y: how far places reached with growing coordinate stay behind those reached with falling one.

    None where not every axis was approached from both sides.
    """
    backlash_error_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class NotFitted:
    """A map that could not be had, and why; falsy."""

    reason: str

    def __bool__(self) -> bool:
        return False


def fit_stage(
    pairs: PointPairs, lens: Lens | None, *, width_px: int, height_px: int, prior: GroupError | None = None
) -> StageFit | NotFitted:
    """Fit the map from pairs of points.

    Gross errors are left out by the least median of squares (Rousseeuw 1984), the rest is fitted to the least sum of
    Huber's loss of the distances on the stage, in mm. Where pairs were reached from both sides, half the backlash each
    way is fitted beside the map, which is then the map of the mean of both.

    Parameters
    ----------
    pairs : PointPairs
    lens : Lens or None
        None: pixels are taken as free of distortion.
    prior : GroupError or None
        What is known of the places' own errors, where few places cannot tell.

    Returns
    -------
    StageFit, or NotFitted (falsy) with one sentence that says what is wrong and what to do.
    """
    refusal = _refuse(pairs)
    if refusal is not None:
        return refusal
    known = lens or without_distortion(width_px, height_px)
    keep = agreeing_points(pairs.points_mm, pairs.points_px, pairs.group_of, known)
    undistorted = known.undistort_points(pairs.points_px)
    fit = None
    for _ in range(4):
        used = pairs.only(keep)
        refusal = _refuse(used, outliers=int((~keep).sum()))
        if refusal is not None:
            return refusal
        kind, because = _kind(used, undistorted[keep], np.hypot(width_px, height_px))
        fit = _solve(used, undistorted[keep], kind)
        if fit is None:
            return NotFitted("the points do not determine a map: take points on all sides of the object")
        off = np.linalg.norm(_misfit(fit, pairs, undistorted), axis=1)
        scale = 1.4826 * float(np.median(off[keep]))
        again = off <= max(_FAR * scale, 1e-6)
        if bool((again == keep).all()):
            break
        keep = again
    assert fit is not None
    used = pairs.only(keep)
    return _described(fit, used, undistorted[keep], keep, because, prior)


@dataclass(frozen=True, slots=True, eq=False)
class _Solution:
    map: Doubles
    backlash_mm: Doubles
    kind: MapKind
    with_backlash: bool


def _refuse(pairs: PointPairs, outliers: int = 0) -> NotFitted | None:
    places = np.unique(pairs.group_of)
    left = f" agree, {outliers} lie elsewhere" if outliers else ""
    if places.size < LEAST_PLACES:
        return NotFitted(
            f"only {places.size} places{left}, at least {LEAST_PLACES} are needed to tell the map's error, better 9 or "
            "more: add places on all sides of the object, and check those stated"
        )
    if not (np.isfinite(pairs.points_mm).all() and np.isfinite(pairs.points_px).all()):
        return NotFitted("a point's coordinates are not finite numbers: correct that point")
    for points, where in ((pairs.points_mm, "on the stage"), (pairs.points_px, "in the picture")):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] < _THIN * spread[0] or spread[0] == 0:
            return NotFitted(f"the points lie on a line {where}: take points on all sides of the object")
    return None


def _kind(pairs: PointPairs, undistorted: Doubles, diagonal_px: float) -> tuple[MapKind, str]:
    places = np.unique(pairs.group_of).size
    if places < PERSPECTIVE_FROM:
        return MapKind.AFFINE, f"{places} places are too few to tell perspective and its error: take 9 or more"
    extent = float(np.hypot(*np.ptp(pairs.points_px, axis=0)))
    if extent >= _SMALL_FIELD * diagonal_px:
        return MapKind.HOMOGRAPHY, ""
    chance = _chance_of_affine(pairs, undistorted)
    if chance < _SIGNIFICANT:
        return MapKind.HOMOGRAPHY, ""
    return MapKind.AFFINE, (
        f"the points span {extent / diagonal_px:.0%} of the picture, too small a field to tell perspective from noise: "
        "spread them over the area to scan"
    )


def _chance_of_affine(pairs: PointPairs, undistorted: Doubles) -> float:
    """Chance that an affine map would leave such residuals beside a homography's (F test)."""
    from scipy.stats import f

    plain = _solve(pairs, undistorted, MapKind.AFFINE)
    full = _solve(pairs, undistorted, MapKind.HOMOGRAPHY)
    if plain is None or full is None:
        return 1.0
    losses = [float((_misfit(each, pairs, undistorted) ** 2).sum()) for each in (plain, full)]
    free = 2 * np.unique(pairs.group_of).size - 8
    if losses[1] <= 0:
        return 0.0 if losses[0] > 0 else 1.0
    return float(f.sf(max(losses[0] - losses[1], 0) / 2 / (losses[1] / free), 2, free))


def _solve(pairs: PointPairs, undistorted: Doubles, kind: MapKind) -> _Solution | None:
    """Huber's estimate by reweighted Gauss-Newton steps, in coordinates centred and scaled to one."""
    into, out = _normal(undistorted), _normal(pairs.points_mm)
    source, target = apply_homography(into, undistorted), apply_homography(out, pairs.points_mm)
    with_backlash = _both_ways(pairs.approach)
    approach = pairs.approach / 2 * out[0, 0]
    try:
        start = homography_dlt(source, target) if kind is MapKind.HOMOGRAPHY else _affine(source, target)
    except ValueError:
        return None
    columns = np.r_[0:8] if kind is MapKind.HOMOGRAPHY else np.r_[0:6]
    values = np.append(start.ravel()[:8], [0.0, 0.0])
    for _ in range(_STEPS):
        current = np.append(values[:8], 1.0).reshape(3, 3)
        misfit = apply_homography(current, source) - target + approach * values[8:]
        design = _design(current, source, approach, columns, with_backlash=with_backlash)
        weight = np.sqrt(_huber(misfit))[:, None]
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
    return _Solution(natural / natural[2, 2], values[8:].copy(), kind, with_backlash)


def _design(
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


def _huber(misfit: Doubles) -> Doubles:
    distance = np.linalg.norm(misfit, axis=1)
    # The median distance of a normal error in the plane is 1.1774 deviations.
    scale = float(np.median(distance)) / 1.1774
    limit = 2 * _HUBER * max(scale, 1e-12)
    return np.asarray(np.minimum(1.0, limit / np.maximum(distance, 1e-300)))


def _misfit(fit: _Solution, pairs: PointPairs, undistorted: Doubles) -> Doubles:
    seen = apply_homography(fit.map, undistorted)
    return np.asarray(seen - pairs.points_mm + pairs.approach / 2 * fit.backlash_mm)


def _affine(source: Doubles, target: Doubles) -> Doubles:
    terms = np.column_stack([source, np.ones(len(source))])
    return np.vstack([np.linalg.lstsq(terms, target, rcond=None)[0].T, [0.0, 0.0, 1.0]])


def _normal(points: Doubles) -> Doubles:
    centre = points.mean(axis=0)
    scale = 1 / max(float(np.abs(points - centre).max()), 1e-12)
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def _described(
    fit: _Solution,
    used: PointPairs,
    undistorted: Doubles,
    keep: NDArray[np.bool_],
    because: str,
    prior: GroupError | None,
) -> StageFit | NotFitted:
    columns = np.r_[0:8] if fit.kind is MapKind.HOMOGRAPHY else np.r_[0:6]
    design = _design(fit.map, undistorted, used.approach / 2, columns, with_backlash=fit.with_backlash)
    residuals = _misfit(fit, used, undistorted)
    try:
        whole, spread = covariance_of(design, residuals, used.group_of, prior)
    except ValueError as error:
        return NotFitted(f"{error}: take more points, on all sides of the object")
    covariance = np.zeros((8, 8))
    covariance[np.ix_(columns, columns)] = whole[: columns.size, : columns.size]
    errors = np.sqrt(np.diag(whole)[columns.size :])
    return StageFit(
        stage_from_camera=fit.map,
        covariance=covariance,
        kind=fit.kind,
        kind_because=because,
        residuals_mm=residuals,
        held_out_mm=_held_out(design, residuals, used.group_of),
        used=keep,
        spread=spread,
        backlash_mm=(float(fit.backlash_mm[0]), float(fit.backlash_mm[1])) if fit.with_backlash else None,
        backlash_error_mm=(float(errors[0]), float(errors[1])) if fit.with_backlash else None,
    )


def _held_out(design: Doubles, residuals_mm: Doubles, group_of: NDArray[np.intp]) -> Doubles:
    """Residuals of each group under the fit without it, to first order (Cook 1977: (I - H)^-1 r, H its leverage)."""
    rows = design.reshape(-1, design.shape[2])
    basis, _ = np.linalg.qr(rows / np.linalg.norm(rows, axis=0))
    held_out = np.empty_like(residuals_mm)
    for group in np.unique(group_of):
        own = np.flatnonzero(group_of == group)
        part = basis.reshape(len(residuals_mm), 2, -1)[own].reshape(2 * own.size, -1)
        left = np.eye(2 * own.size) - part @ part.T
        held_out[own] = np.linalg.lstsq(left, residuals_mm[own].ravel(), rcond=1e-9)[0].reshape(-1, 2)
    return held_out
