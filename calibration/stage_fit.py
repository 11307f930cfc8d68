"""The map from undistorted pixels to the stage, from pairs of points: robust, with its error, and with backlash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.homography import agreeing_points
from calibration.lens import Lens, without_distortion
from calibration.map_error import GroupError, Spread, covariance_of
from calibration.map_outliers import places_elsewhere
from calibration.stage_solution import (
    HUBER,
    LEAST_SQUARES,
    MapKind,
    PointPairs,
    StageSolution,
    design_of,
    free_elements,
    misfit_mm,
    solved,
)

Doubles = NDArray[np.float64]

__all__ = ["LEAST_PLACES", "MapKind", "NotFitted", "PointPairs", "StageFit", "fit_stage"]

LEAST_PLACES = 4
PERSPECTIVE_FROM = 5
"""With fewer places a homography would pass through all of them and leave nothing to tell its error by."""
VOTE_FROM = 12
"""With fewer places, half of them is hardly more than the four that some map passes through whatever they say."""
_SMALL_FIELD = 0.2
"""Share of the picture's diagonal below which perspective is told from noise only where it is significant."""
_SIGNIFICANT = 0.05
_THIN = 0.02
_FAR = 6.0


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
    Huber's loss of the distances on the stage, in mm. Fewer than twelve places are fitted by least squares, less those
    that an F test tells from the rest. Where pairs were reached from both sides, half the backlash each
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
    undistorted = known.undistort_points(pairs.points_px)
    diagonal_px = float(np.hypot(width_px, height_px))
    are_few = np.unique(pairs.group_of).size < VOTE_FROM
    if are_few:
        keep = _tested(pairs, undistorted, diagonal_px)
    else:
        start = agreeing_points(pairs.points_mm, pairs.points_px, pairs.group_of, known)
        keep = _voted(pairs, undistorted, diagonal_px, start)
    used = pairs.only(keep)
    refusal = _refuse(used, outliers=int((~keep).sum())) or (_refuse_bent(pairs, keep) if lens is None else None)
    if refusal is not None:
        return refusal
    kind, because = _kind(used, undistorted[keep], diagonal_px)
    fit = solved(used, undistorted[keep], kind, LEAST_SQUARES if are_few else HUBER)
    if fit is None:
        return NotFitted("the points do not determine a map: take points on all sides of the object")
    return _described(fit, used, undistorted[keep], keep, because, prior)


def _voted(pairs: PointPairs, undistorted: Doubles, diagonal_px: float, start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pairs lie within so many robust deviations of a fit to themselves, shape (n,)."""
    keep = start
    for _ in range(4):
        used = pairs.only(keep)
        if _refuse(used) is not None:
            break
        fit = solved(used, undistorted[keep], _kind(used, undistorted[keep], diagonal_px)[0])
        if fit is None:
            break
        off = np.linalg.norm(misfit_mm(fit, pairs, undistorted), axis=1)
        again = off <= max(_FAR * 1.4826 * float(np.median(off[keep])), 1e-6)
        if bool((again == keep).all()):
            break
        keep = again
    return keep


def _tested(pairs: PointPairs, undistorted: Doubles, diagonal_px: float) -> NDArray[np.bool_]:
    """Which pairs are of places that agree with the rest, shape (n,), by the means of each place's visits."""
    keep = np.ones(len(pairs.points_mm), dtype=bool)
    while True:
        used, seen = pairs.only(keep), undistorted[keep]
        if _refuse(used) is not None:
            return keep
        kind, _ = _kind(used, seen, diagonal_px)
        whole = solved(used, seen, kind, LEAST_SQUARES)
        if whole is None:
            return keep
        # Whatever backlash a place that was reached from one side alone has, it is no reason to leave that place out.
        mean, mean_px = _means(used, seen, used.points_mm - used.approach / 2 * whole.backlash_mm)
        fit = solved(mean, mean_px, kind, LEAST_SQUARES)
        if fit is None:
            return keep
        columns = free_elements(kind)
        design = design_of(fit.map, mean_px, mean.approach, columns, with_backlash=False)
        elsewhere = places_elsewhere(design, misfit_mm(fit, mean, mean_px))
        if elsewhere.size == 0:
            return keep
        keep &= ~np.isin(pairs.group_of, mean.group_of[elsewhere])


def _means(pairs: PointPairs, undistorted: Doubles, points_mm: Doubles) -> tuple[PointPairs, Doubles]:
    """One pair for each place, and its undistorted pixels."""
    places, which = np.unique(pairs.group_of, return_inverse=True)
    counts = np.bincount(which)

    def mean(values: Doubles) -> Doubles:
        return np.stack([np.bincount(which, weights=along) / counts for along in values.T], axis=1)

    return PointPairs(mean(pairs.points_px), mean(points_mm), places, np.zeros((len(places), 2))), mean(undistorted)


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


def _refuse_bent(pairs: PointPairs, keep: NDArray[np.bool_]) -> NotFitted | None:
    """Without a lens many places that disagree are its bending rather than mistakes."""
    places = np.unique(pairs.group_of).size
    lost = places - np.unique(pairs.group_of[keep]).size
    if lost <= max(1, places // 6):
        return None
    return NotFitted(
        f"{lost} of {places} places disagree with the rest, and without a calibrated lens its bending is not told from "
        "wrong places: calibrate the lens with pointillist calibrate camera, or check the places stated"
    )


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

    plain = solved(pairs, undistorted, MapKind.AFFINE)
    full = solved(pairs, undistorted, MapKind.HOMOGRAPHY)
    if plain is None or full is None:
        return 1.0
    losses = [float((misfit_mm(each, pairs, undistorted) ** 2).sum()) for each in (plain, full)]
    free = 2 * np.unique(pairs.group_of).size - 8
    if losses[1] <= 0:
        return 0.0 if losses[0] > 0 else 1.0
    return float(f.sf(max(losses[0] - losses[1], 0) / 2 / (losses[1] / free), 2, free))


def _described(
    fit: StageSolution,
    used: PointPairs,
    undistorted: Doubles,
    keep: NDArray[np.bool_],
    because: str,
    prior: GroupError | None,
) -> StageFit | NotFitted:
    columns = free_elements(fit.kind)
    design = design_of(fit.map, undistorted, used.approach / 2, columns, with_backlash=fit.with_backlash)
    residuals = misfit_mm(fit, used, undistorted)
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
