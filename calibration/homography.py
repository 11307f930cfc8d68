"""Planar homographies between stage and picture: linear estimate, robust refinement, and choice of inliers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens, distort_points, undistort_points
from calibration.projection import apply_homography

_SUBSETS = 150
_NOISE_FLOOR_PX = 0.3
_STEPS = 60


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFit:
    """A plane seen through a lens: stage mm to undistorted pixels, and the lens that undistorts."""

    camera_from_stage: NDArray[np.float64]
    """Shape (3, 3), last element 1."""
    lens: Lens

    def pixels(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels as seen, shape (n, 2)."""
        return self.lens.distort_points(apply_homography(self.camera_from_stage, points_mm))

    def stage(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stage mm of pixels as seen, shape (n, 2)."""
        stage_from_camera = np.asarray(np.linalg.inv(self.camera_from_stage), dtype=np.float64)
        return apply_homography(stage_from_camera, self.lens.undistort_points(points_px))


def homography_dlt(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear least squares on four or more points, shape (n, 2) each, normalised (Hartley 1997).

    Returns
    -------
    shape (3, 3), last element 1.

    Raises
    ------
    ValueError
        Fewer than four points, or points that do not determine a homography.
    """
    if len(source) < 4 or len(source) != len(target):
        raise ValueError("a homography needs at least four pairs of points")
    from_source, a = _normalise(source)
    from_target, b = _normalise(target)
    x, y = a.T
    u, v = b.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    design = np.concatenate(
        [
            np.column_stack([-x, -y, -one, zero, zero, zero, u * x, u * y, u]),
            np.column_stack([zero, zero, zero, -x, -y, -one, v * x, v * y, v]),
        ]
    )
    _, singular, rows = np.linalg.svd(design)
    if singular[7] < 1e-9 * singular[0]:
        raise ValueError("the points do not determine a homography: they lie on a line")
    homography = np.linalg.inv(from_target) @ rows[8].reshape(3, 3) @ from_source
    if abs(homography[2, 2]) < 1e-12 * np.abs(homography).max():
        raise ValueError("the homography sends the origin to infinity")
    return np.asarray(homography / homography[2, 2], dtype=np.float64)


def _normalise(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = points.mean(axis=0)
    spread = float(np.mean(np.linalg.norm(points - centre, axis=1)))
    scale = np.sqrt(2) / max(spread, 1e-12)
    transform = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    return transform, (points - centre) * scale


def fit_plane(
    points_mm: NDArray[np.float64], points_px: NDArray[np.float64], lens: Lens, *, with_radial_term: bool
) -> PlaneFit:
    """Homography with the least robust reprojection error in pixels; the lens's first radial term too, if asked.

    Gauss-Newton with Levenberg's damping on Huber's loss. Points in mm and pixels as seen, shape (n, 2).

    Raises
    ------
    ValueError
        The points do not determine it.
    """
    from scipy.optimize import least_squares

    linear = homography_dlt(points_mm, undistort_points(points_px, lens.matrix, lens.distortion))
    into, normal_mm = _normalise(points_mm)
    start = linear @ np.linalg.inv(into)
    scale = start[2, 2]
    focal_px = float(lens.matrix[0, 0])
    unit = np.array([focal_px] * 6 + [1.0] * 2)

    def homography(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(parameters[:8] * unit, 1.0).reshape(3, 3)

    def distortion(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([parameters[8], 0, 0, 0, 0]) if with_radial_term else lens.distortion

    def misfit(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        undistorted = apply_homography(homography(parameters), normal_mm)
        return (distort_points(undistorted, lens.matrix, distortion(parameters)) - points_px).ravel()

    initial = (start / scale).ravel()[:8] / unit
    if with_radial_term:
        initial = np.append(initial, 0.0)
        # Bending of many pixels is far in Huber's tails, where steps are short: first come near by plain least squares.
        initial = least_squares(misfit, initial, method="lm", max_nfev=_STEPS * initial.size).x
    solution = least_squares(misfit, initial, loss="huber", f_scale=_NOISE_FLOOR_PX, method="trf", max_nfev=_STEPS)
    refined = homography(solution.x) @ into
    found = replace(lens, distortion=distortion(solution.x))
    return PlaneFit(refined / refined[2, 2], found)


def agreeing_points(
    points_mm: NDArray[np.float64], points_px: NDArray[np.float64], marker_of: NDArray[np.intp], lens: Lens
) -> NDArray[np.bool_]:
    """Points that agree on one plane, shape (n,): least median over subsets of markers (Rousseeuw 1984).

    ``marker_of`` tells which marker each point belongs to. Distortion that the lens leaves out counts as noise, so
    only gross errors are told apart here.
    """
    undistorted = undistort_points(points_px, lens.matrix, lens.distortion)
    markers = np.unique(marker_of)
    size = 3 if markers.size <= 5 else 4
    choices = list(combinations(markers.tolist(), size))
    if len(choices) > _SUBSETS:
        picked = np.random.default_rng(len(markers)).choice(len(choices), _SUBSETS, replace=False)
        choices = [choices[i] for i in sorted(picked.tolist())]
    best: NDArray[np.float64] | None = None
    for choice in choices:
        chosen = np.isin(marker_of, choice)
        try:
            plane = homography_dlt(points_mm[chosen], undistorted[chosen])
        except ValueError:
            continue
        distance = np.linalg.norm(apply_homography(plane, points_mm) - undistorted, axis=1)
        if best is None or np.median(distance) < np.median(best):
            best = distance
    if best is None:
        return np.ones(len(points_mm), dtype=bool)
    scale = 1.4826 * float(np.median(best))
    return np.asarray(best <= max(8 * scale, 10 * _NOISE_FLOOR_PX), dtype=bool)


def tight_points(fit: PlaneFit, points_mm: NDArray[np.float64], points_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points within six robust standard deviations of a fit, or within a pixel, shape (n,)."""
    distance = np.linalg.norm(fit.pixels(points_mm) - points_px, axis=1)
    scale = 1.4826 * float(np.median(distance))
    return np.asarray(distance <= max(6 * scale, 1.0), dtype=bool)
