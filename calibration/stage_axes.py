"""What a map from pixels to the stage tells of the stage's axes: where they point, whether square, whether true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Lens
from calibration.projection import apply_homography

Doubles = NDArray[np.float64]

_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class StageAxes:
    """The stage's axes as the camera sees them."""

    x_deg: float
    """Where x points in the picture, amid the points: 0 right, 90 down, in (-180, 180]."""
    y_deg: float
    is_mirrored: bool
    """Whether the way from x to y turns against the picture's, from right to down."""
    are_swapped: bool
    """Whether x runs rather along the picture's columns."""
    skew_deg: Measured | None
    """Angle between the axes less 90."""
    x_scale_error: Measured | None
    """Way travelled over way stated, less 1; None where nothing of known length was seen."""
    y_scale_error: Measured | None
    x_over_y: Measured | None
    """How much farther a millimetre stated takes along x than along y, less 1."""
    judged_by: str
    """``prints``, ``lens``, or why skew and scale are not known."""


def axes_of(
    stage_from_camera: Doubles,
    covariance: Doubles,
    middle_px: Doubles,
    lens: Lens | None,
    squares: tuple[Doubles, float] | None = None,
) -> StageAxes:
    """Judge the stage's axes by prints of known size, else by a calibrated lens.

    Stage axes that are e1 and e2 in space appear in the picture as K (e1, e2, t), so that a known K gives their angle
    and the ratio of their lengths (Zhang 2000, equations 3 and 4); a square of known side gives the lengths themselves.

    Parameters
    ----------
    stage_from_camera : shape (3, 3), over undistorted pixels
    covariance : of its first eight elements, shape (8, 8)
    middle_px : undistorted, shape (2,)
    lens : Lens or None
    squares : corners of prints, undistorted pixels, shape (prints, 4, 2), in order around, and their side in mm
    """
    camera_from_stage = np.asarray(np.linalg.inv(stage_from_camera), dtype=np.float64)
    here = apply_homography(stage_from_camera, middle_px)
    ahead = apply_homography(camera_from_stage, here + np.array([[0, 0], [1e-3, 0], [0, 1e-3]]))
    x, y = ahead[1] - ahead[0], ahead[2] - ahead[0]
    skew = x_error = y_error = ratio = None
    judged_by = "not known: neither prints of known size nor a calibrated lens"
    if squares is not None and len(squares[0]) >= 3:
        skew, x_error, y_error, ratio = _by_prints(stage_from_camera, covariance, *squares)
        judged_by = "prints"
    elif lens is not None:
        skew, ratio = _by_lens(stage_from_camera, covariance, lens)
        judged_by = "lens"
    return StageAxes(
        x_deg=float(np.degrees(np.arctan2(x[1], x[0]))),
        y_deg=float(np.degrees(np.arctan2(y[1], y[0]))),
        is_mirrored=bool(x[0] * y[1] - x[1] * y[0] < 0),
        are_swapped=bool(abs(x[1]) > abs(x[0])),
        skew_deg=skew,
        x_scale_error=x_error,
        y_scale_error=y_error,
        x_over_y=ratio,
        judged_by=judged_by,
    )


def described_axes(axes: StageAxes) -> list[str]:
    """One line for each finding."""
    turned = "mirrored" if axes.is_mirrored else "not mirrored"
    swapped = ", axes swapped" if axes.are_swapped else ""
    lines = [f"x points {_direction(axes.x_deg)}, y {_direction(axes.y_deg)} in the picture ({turned}{swapped})"]
    if axes.skew_deg is None:
        lines.append(f"skew and scale of the axes: {axes.judged_by}")
        return lines
    lines.append(
        f"angle between the axes: 90 {axes.skew_deg.value:+.3f} deg, error {axes.skew_deg.error:.3f} "
        f"(by {axes.judged_by})"
    )
    for name, scale in (("x", axes.x_scale_error), ("y", axes.y_scale_error)):
        if scale is not None:
            lines.append(
                f"scale of {name}: {1e2 * scale.value:+.3f} %, error {1e2 * scale.error:.3f}, if the prints are truly "
                "as large as stated"
            )
    if axes.x_scale_error is None and axes.x_over_y is not None:
        lines.append(f"scale of x over y: {1e2 * axes.x_over_y.value:+.3f} %, error {1e2 * axes.x_over_y.error:.3f}")
    return lines


def _direction(angle_deg: float) -> str:
    names = ("right", "down", "left", "up")
    return f"{names[round(angle_deg / 90) % 4]} ({angle_deg:.1f} deg)"


def _figures(metric: Doubles) -> Doubles:
    """Skew in degrees, true way per stated way along x and y, and x over y less 1, of (e1 e1, e1 e2; e1 e2, e2 e2)."""
    x, y = np.sqrt(metric[0, 0]), np.sqrt(metric[1, 1])
    skew = np.degrees(np.arccos(np.clip(metric[0, 1] / (x * y), -1, 1))) - 90
    return np.array([skew, x - 1, y - 1, x / y - 1])


def _by_lens(stage_from_camera: Doubles, covariance: Doubles, lens: Lens) -> tuple[Measured, Measured]:
    inverse = np.linalg.inv(lens.matrix)

    def figures(elements: Doubles) -> Doubles:
        axes = (inverse @ np.linalg.inv(np.append(elements, 1.0).reshape(3, 3)))[:, :2]
        return _figures(axes.T @ axes)[[0, 3]]

    elements = stage_from_camera.ravel()[:8]
    errors = _errors_of(figures, elements, covariance)
    values = figures(elements)
    return Measured(float(values[0]), float(errors[0])), Measured(float(values[1]), float(errors[1]))


def _errors_of(figures: Callable[[Doubles], Doubles], elements: Doubles, covariance: Doubles) -> Doubles:
    """Standard errors of what is computed from the map's elements, by linear propagation, shape (figures,)."""
    steps = _STEP * np.maximum(np.sqrt(np.diag(covariance)), 1e-12)
    derivatives = np.column_stack(
        [(figures(elements + step) - figures(elements - step)) / (2 * step.max()) for step in np.diag(steps)]
    )
    return np.asarray(np.sqrt(np.maximum(np.diag(derivatives @ covariance @ derivatives.T), 0)))


def _by_prints(
    stage_from_camera: Doubles, covariance: Doubles, corners_px: Doubles, side_mm: float
) -> tuple[Measured, Measured, Measured, Measured]:
    """Each print is a square of known side, however it is turned.

    The error is that of their scatter, and of the map, which is common to all; that of the side is not known here.
    """
    half = side_mm / 2 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])

    def metrics(elements: Doubles) -> Doubles:
        whole = np.append(elements, 1.0).reshape(3, 3)
        seen_mm = apply_homography(whole, corners_px.reshape(-1, 2)).reshape(-1, 4, 2)
        centred = seen_mm - seen_mm.mean(axis=1, keepdims=True)
        stated_from_true = np.einsum("nci,cj->nij", centred, half) / side_mm**2
        return np.asarray(np.linalg.inv(stated_from_true @ np.swapaxes(stated_from_true, 1, 2)))

    elements = stage_from_camera.ravel()[:8]
    found = metrics(elements)
    values = _figures(found.mean(axis=0))
    scatter = np.array([_figures(metric) for metric in found]).std(axis=0, ddof=1) / np.sqrt(len(found))
    errors = np.hypot(scatter, _errors_of(lambda some: _figures(metrics(some).mean(axis=0)), elements, covariance))
    told = [Measured(float(value), float(error)) for value, error in zip(values, errors, strict=True)]
    return told[0], told[1], told[2], told[3]
