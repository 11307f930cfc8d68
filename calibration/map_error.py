"""How sure a map from pixels to the stage is: covariance of its elements, carried to any point.

Linear propagation (Hartley and Zisserman, Multiple View Geometry, 2nd ed. 2004, section 5.2), with the scale of the
errors from the residuals themselves. Points come in groups that err together: the corners of one print, the visits of
one place. Two variances, of the points within a group and of the groups, are found by equating the residuals' sums of
squares to what they are expected to be (Searle, Casella and McCulloch, Variance Components, 1992, section 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_TELLING = 0.5
"""Degrees of freedom between groups below which they tell nothing of their spread."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations, per axis, of what disturbs the points of a fit."""

    point_mm: float
    """Of each point by itself."""
    group_mm: float
    """Of all points of a group together; 0 where every group is one point."""
    group_freedom: float
    """Degrees of freedom that speak for `group_mm`."""


@dataclass(frozen=True, slots=True)
class GroupError:
    """What is known of the groups' common error before anything is measured, as so many degrees of freedom."""

    deviation_mm: float
    freedom: float = 2.0


def sensitivity(stage_from_camera: Doubles, points_px: Doubles) -> Doubles:
    """Derivatives of the mapped points by the map's first eight elements, row by row, shape (n, 2, 8).

    Parameters
    ----------
    stage_from_camera : shape (3, 3), last element 1
    points_px : undistorted pixels, shape (n, 2)
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    scaled = points @ stage_from_camera[:, :2].T + stage_from_camera[:, 2]
    depth = scaled[:, 2]
    mapped = scaled[:, :2] / depth[:, None]
    along = np.column_stack([points, np.ones(len(points))]) / depth[:, None]
    result = np.zeros((len(points), 2, 8))
    result[:, 0, :3] = along
    result[:, 1, 3:6] = along
    result[:, :, 6:] = -mapped[:, :, None] * along[:, None, :2]
    return result


def mm_per_px(stage_from_camera: Doubles, points_px: Doubles) -> float:
    """Scale of the map amid undistorted pixels, shape (n, 2): the root of the area that a pixel covers."""
    middle = np.append(np.mean(points_px, axis=0), 1.0)
    depth = float(stage_from_camera[2] @ middle)
    # The determinant of a homography's derivative (Hartley and Zisserman 2004, section 2.5).
    return float(np.sqrt(abs(np.linalg.det(stage_from_camera) / depth**3)))


def standard_errors_mm(
    stage_from_camera: Doubles, covariance: Doubles, points_px: Doubles, *, misfit_mm: float = 0.0
) -> Doubles:
    """Standard error along x and y of mapped points, shape (n, 2), mm; twice of it covers 95 %.

    Parameters
    ----------
    covariance : of the map's first eight elements, row by row, shape (8, 8)
    points_px : undistorted pixels, shape (n, 2)
    misfit_mm : bending that the map leaves out, added in squares
    """
    derivatives = sensitivity(stage_from_camera, points_px)
    variance = np.einsum("nip,pq,niq->ni", derivatives, covariance, derivatives)
    return np.asarray(np.sqrt(np.maximum(variance, 0) + misfit_mm**2), dtype=np.float64)


def covariance_of(
    design: Doubles, residuals_mm: Doubles, group_of: NDArray[np.intp], prior: GroupError | None = None
) -> tuple[Doubles, Spread]:
    """Covariance of the parameters of a least-squares fit to points in groups, and what disturbed the points.

    The covariance is widened by Student's factor for the degrees of freedom (Satterthwaite 1946), so that two standard
    errors cover what two of a normal distribution do, 95.4 %.

    Parameters
    ----------
    design : derivatives of the points by the parameters, shape (n, 2, parameters)
    residuals_mm : shape (n, 2)
    group_of : which group each point belongs to, shape (n,)
    prior : for groups that are too few to tell their own spread

    Returns
    -------
    shape (parameters, parameters), and the spread

    Raises
    ------
    ValueError
        The points do not determine the parameters, or leave nothing to tell the errors by.
    """
    count, _, parameters = design.shape
    rows = np.swapaxes(design, 0, 1).reshape(2 * count, parameters)
    residuals = residuals_mm.T.ravel()
    unit = np.linalg.norm(rows, axis=0)
    if not np.all(unit > 0):
        raise ValueError("the points do not determine the map")
    basis, triangle = np.linalg.qr(rows / unit)
    if np.min(np.abs(np.diag(triangle))) < 1e-11:
        raise ValueError("the points do not determine the map")
    solve = np.linalg.inv(triangle) @ basis.T / unit[:, None]
    _, inverse = np.unique(group_of, return_inverse=True)
    members = np.zeros((2 * count, 2 * (inverse.max() + 1)))
    members[np.arange(2 * count), np.concatenate([inverse, inverse + inverse.max() + 1])] = 1.0
    spread, freedom = _components(basis, residuals, members, prior)
    own = spread.point_mm**2 * solve @ solve.T
    grouped = solve @ members
    shared = spread.group_mm**2 * grouped @ grouped.T
    weights = [float(np.trace(rows @ part @ rows.T)) for part in (own, shared)]
    return (own + shared) * _student(weights, freedom) ** 2, spread


def _components(
    basis: Doubles, residuals: Doubles, members: Doubles, prior: GroupError | None
) -> tuple[Spread, tuple[float, float]]:
    """Spread, and the degrees of freedom of its two parts."""
    left = np.eye(len(residuals)) - basis @ basis.T
    sizes = members.sum(axis=0)
    means = members / sizes @ members.T
    between = left @ means @ left
    within = left - between
    free_within, free_between = float(np.trace(within)), float(np.trace(between))
    total = float(np.trace(left))
    if total < 0.5:
        raise ValueError("the points leave nothing to tell the map's error by")
    if sizes.max() == 1 or free_within < 0.5:
        deviation = float(np.sqrt(residuals @ residuals / total))
        return Spread(deviation, 0.0, 0.0), (total, 1.0)
    squares = np.array([residuals @ residuals - residuals @ means @ residuals, residuals @ means @ residuals])
    expected = np.array(
        [
            [free_within, float(np.einsum("ij,ij->", within @ members, members))],
            [free_between, float(np.einsum("ij,ij->", between @ members, members))],
        ]
    )
    point, group = _non_negative(expected, squares)
    if free_between < _TELLING:
        # What little is left between so few groups would be read as a large spread of them.
        point, group, free_between = float(squares.sum() / expected[:, 0].sum()), 0.0, 0.0
    if prior is not None and free_between < 2 * prior.freedom:
        weight = prior.freedom + free_between
        group = (prior.freedom * prior.deviation_mm**2 + free_between * group) / weight
        free_between = weight
    spread = Spread(float(np.sqrt(point)), float(np.sqrt(group)), free_between)
    return spread, (max(free_within, 1.0), max(free_between, 1.0))


def _non_negative(expected: Doubles, squares: Doubles) -> tuple[float, float]:
    if abs(np.linalg.det(expected)) < 1e-9 * expected[0, 0] * max(expected[1, 1], 1e-9):
        return float(squares.sum() / expected[:, 0].sum()), 0.0
    point, group = np.linalg.solve(expected, squares)
    if group < 0:
        return float(squares.sum() / expected[:, 0].sum()), 0.0
    return max(float(point), 0.0), float(group)


def _student(weights: list[float], freedom: tuple[float, float]) -> float:
    """Student's quantile over the normal one where two deviations end."""
    from scipy.special import stdtrit

    own, shared = weights
    if own + shared <= 0:
        return 1.0
    joint = (own + shared) ** 2 / (own**2 / freedom[0] + shared**2 / freedom[1])
    return float(stdtrit(max(joint, 1.0), 0.977249868) / 2)
