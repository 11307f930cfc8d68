"""The alignment laser's spot as a camera sees it: a Gaussian on the easel's plane, speckled, red."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.homography import PlaneFit
from edge.simulate.config import SimulatedLaserConfig
from firmware_bridge.messages import StagePose

_COLOUR = (1.0, 0.06, 0.03)
"""Share of the laser's light in red, green and blue."""
_REACH = 4.0
_FULL = 65535.0
_EDGE_POINTS = 8


def add_spot(
    light: NDArray[np.float32],
    albedo: NDArray[np.uint16],
    view: PlaneFit,
    pose: StagePose,
    laser: SimulatedLaserConfig,
    rng: np.random.Generator,
    *,
    exposure: float,
) -> None:
    """Add the spot to a picture in linear light, in place; nothing where it falls outside.

    Parameters
    ----------
    light : shape (h, w, 3), 1 a perfect white
    albedo : reflectance of what the camera sees, 65535 a perfect white, shape (h, w, 3)
    view : stage to pixels
    pose : where the spot falls
    exposure : light of a perfect white under the lamps
    """
    sigma_mm = laser.fwhm_mm / 2.3548
    window = _window(light.shape, view, pose, _REACH * sigma_mm)
    if window is None:
        return
    rows, columns = window
    y, x = np.mgrid[rows, columns]
    stage = view.stage(np.column_stack([x.ravel(), y.ravel()]).astype(np.float64))
    away2 = ((stage - [pose.x_mm, pose.y_mm]) ** 2).sum(axis=1).reshape(y.shape)
    spot: NDArray[Any] = exposure * laser.peak * np.exp(-away2 / (2 * sigma_mm**2))
    if laser.speckle > 0:
        spot = spot * _speckle(rng, y.shape, laser)
    reflected = albedo[rows, columns].astype(np.float32) / np.float32(_FULL)
    light[rows, columns] += (spot[..., None] * _COLOUR * reflected).astype(np.float32)


def _window(shape: tuple[int, ...], view: PlaneFit, pose: StagePose, reach_mm: float) -> tuple[slice, slice] | None:
    angle = np.linspace(0, 2 * np.pi, _EDGE_POINTS, endpoint=False)
    ring = np.array([pose.x_mm, pose.y_mm]) + reach_mm * 1.1 * np.column_stack([np.cos(angle), np.sin(angle)])
    edge = view.pixels(ring)
    if not np.isfinite(edge).all():
        return None
    left, upper = np.floor(edge.min(axis=0)).astype(int)
    right, lower = np.ceil(edge.max(axis=0)).astype(int) + 1
    rows = slice(max(int(upper), 0), min(int(lower), shape[0]))
    columns = slice(max(int(left), 0), min(int(right), shape[1]))
    return None if rows.stop <= rows.start or columns.stop <= columns.start else (rows, columns)


def _speckle(rng: np.random.Generator, shape: tuple[int, ...], laser: SimulatedLaserConfig) -> NDArray[np.float64]:
    """Gamma-distributed light of mean 1: several independent exponential patterns added (Goodman 2007, 3.3)."""
    looks = 1 / laser.speckle**2
    grains = rng.gamma(looks, 1 / looks, shape)
    smooth = cv2.GaussianBlur(grains, (0, 0), laser.grain_px)
    contrast = laser.speckle / max(float(smooth.std()), 1e-9)
    return np.asarray(np.maximum(1 + (smooth - smooth.mean()) * contrast, 0), dtype=np.float64)
