"""Cameras before a stage with known truth: what they see of spots and prints, drawn only where these are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.edges import refine_square
from calibration.fiducials import Fiducial, marker_dictionary
from calibration.homography import PlaneFit
from calibration.lens import Lens
from calibration.spot import Spot, find_spot

Doubles = NDArray[np.float64]

FIELD_MM = (500.0, 350.0)
SIZE_PX = (4000, 3000)
DICTIONARY = "DICT_4X4_50"
_FOCAL_PX = 4200.0
_DISTANCE_MM = 660.0
_MOST_TILT_DEG = 30.0
_BLUR_PX = 0.8
_NOISE = 0.004
_SPOT_FWHM_MM = 1.2
_SPOT_PEAK = 2.0
_SPECKLE = 0.35
_GRAIN_PX = 0.8
_SUPERSAMPLING = 2


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One trial's truth, and the lens as a calibration of the camera would report it."""

    view: PlaneFit
    lens: Lens
    backlash_mm: Doubles
    rng: np.random.Generator


def draw_scene(seed: int) -> Scene:
    """A camera 660 mm before the field, tilted by up to 30 degrees whichever way, rolled any way up to 10 degrees.

    The reported lens is off as one is whose calibration left 0.2 px: focal length by 0.1 %, centre by 1.5 px, and
    distortion by up to half a pixel, each a standard deviation.
    """
    rng = np.random.default_rng([seed, 0xCA1])
    tilt, way, roll = np.deg2rad([rng.uniform(0, _MOST_TILT_DEG), rng.uniform(0, 360), rng.uniform(-10, 10)])
    axis = tilt * np.array([np.cos(way), np.sin(way), 0.0])
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0] @ cv2.Rodrigues(axis)[0]
    width, height = SIZE_PX
    matrix = np.array([[_FOCAL_PX, 0, width / 2 + 6.0], [0, _FOCAL_PX, height / 2 - 4.0], [0, 0, 1.0]])
    shift = np.array([0, 0, _DISTANCE_MM]) - rotation @ np.array([FIELD_MM[0] / 2, FIELD_MM[1] / 2, 0.0])
    camera_from_stage = matrix @ np.column_stack([rotation[:, 0], rotation[:, 1], shift])
    distortion = np.array([-0.085, 0.03, 0.0004, -0.0003, 0.0])
    true = Lens(matrix, distortion, width, height)
    told = matrix.copy()
    told[[0, 1], [0, 1]] *= 1 + 0.001 * rng.standard_normal()
    told[:2, 2] += 1.5 * rng.standard_normal(2)
    bent = (
        distortion
        + rng.standard_normal() * np.array([0.001, -0.0012, 0, 0, 0])
        + [0, 0, *(5e-5 * rng.standard_normal(2)), 0]
    )
    view = PlaneFit(np.asarray(camera_from_stage / camera_from_stage[2, 2]), true)
    return Scene(view, Lens(told, bent, width, height), rng.uniform(0.05, 0.2, 2), rng)


def see_spot(scene: Scene, place_mm: Doubles) -> Spot | None:
    """The laser's spot at a place on painted ground, and the ground without it; None where it was refused."""
    half = 32
    middle = np.round(scene.view.pixels(place_mm[None])[0]).astype(int)
    across = np.arange(-half, half + 1, dtype=np.float64)
    stage = _stage_of(scene, np.asarray(across + middle[0]), np.asarray(across + middle[1]))
    away2 = ((stage - place_mm) ** 2).sum(axis=1).reshape(across.size, across.size)
    sigma_mm = _SPOT_FWHM_MM / 2.3548
    grains = cv2.GaussianBlur(scene.rng.gamma(1 / _SPECKLE**2, _SPECKLE**2, away2.shape), (0, 0), _GRAIN_PX)
    speckle = np.maximum(1 + (grains - grains.mean()) * (_SPECKLE / grains.std()), 0)
    ground = cv2.GaussianBlur(scene.rng.standard_normal(away2.shape), (0, 0), 8.0)
    ground = 0.2 * np.exp(0.25 * ground / ground.std())
    spot = _SPOT_PEAK * np.exp(-away2 / (2 * sigma_mm**2)) * speckle * ground
    seen = find_spot(_developed(scene, ground + spot), _developed(scene, ground))
    if not isinstance(seen, Spot):
        return None
    offset = middle - half
    return Spot(
        seen.x_px + float(offset[0]),
        seen.y_px + float(offset[1]),
        seen.x_error_px,
        seen.y_error_px,
        seen.radius_px,
        seen.height,
        seen.saturated_share,
    )


def see_print(scene: Scene, true: Fiducial) -> Doubles:
    """Corners of a print as they are found, shape (4, 2), pixels."""
    corners = scene.view.pixels(true.corners_mm)
    low = np.floor(corners.min(axis=0)).astype(int) - 24
    high = np.ceil(corners.max(axis=0)).astype(int) + 25
    fine = (np.arange((high[0] - low[0]) * _SUPERSAMPLING) + 0.5) / _SUPERSAMPLING - 0.5 + low[0]
    down = (np.arange((high[1] - low[1]) * _SUPERSAMPLING) + 0.5) / _SUPERSAMPLING - 0.5 + low[1]
    stage = _stage_of(scene, fine, down)
    family = marker_dictionary(DICTIONARY)
    modules = int(family.markerSize) + 2
    tones = np.pad(cv2.aruco.generateImageMarker(family, true.id, modules) / 255.0, 2, constant_values=1.0)
    size = true.side_mm / modules
    cell = np.floor((stage - [true.centre.x_mm, true.centre.y_mm] + true.side_mm / 2) / size).astype(int) + 2
    cell = np.clip(cell, 0, modules + 3)
    light = (0.035 + 0.785 * tones[cell[:, 1], cell[:, 0]]).reshape(down.size, fine.size)
    light = cv2.resize(light, None, fx=1 / _SUPERSAMPLING, fy=1 / _SUPERSAMPLING, interpolation=cv2.INTER_AREA)
    picture = _developed(scene, light)
    found = corners - low + scene.rng.normal(0, 0.5, (4, 2))
    return np.asarray(refine_square(picture, found) + low, dtype=np.float64)


def _stage_of(scene: Scene, columns: Doubles, rows: Doubles) -> Doubles:
    """Stage positions of a small raster, shape (rows * columns, 2): a cubic through exact nodes, good to 1e-5 mm."""
    x, y = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 7))
    (left, right), (upper, lower) = (columns[0], columns[-1]), (rows[0], rows[-1])
    nodes = np.column_stack(
        [(x.ravel() + 1) / 2 * (right - left) + left, (y.ravel() + 1) / 2 * (lower - upper) + upper]
    )
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    terms = np.column_stack([(x**i * y**j).ravel() for i, j in powers])
    factors = np.linalg.lstsq(terms, scene.view.stage(nodes), rcond=None)[0]
    x, y = np.meshgrid(np.linspace(-1, 1, columns.size), np.linspace(-1, 1, rows.size))
    return np.asarray(np.column_stack([(x**i * y**j).ravel() for i, j in powers]) @ factors)


def _developed(scene: Scene, light: Doubles) -> NDArray[np.uint8]:
    """Blur, noise, clipping and sRGB's encoding, 8 bits, shape (h, w, 1)."""
    blurred: Any = cv2.GaussianBlur(light, (0, 0), _BLUR_PX)
    noisy = np.clip(blurred + scene.rng.normal(0, _NOISE, light.shape), 0, 1)
    encoded = np.where(noisy <= 0.0031308, 12.92 * noisy, 1.055 * np.maximum(noisy, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255).astype(np.uint8)[..., None])
