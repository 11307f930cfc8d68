"""The photograph on the scan grid: every camera pixel counted, averaged as light."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from calibration.projection import pixels_from_stage, stage_from_pixels
from calibration.registration import Registration
from calibration.srgb import encoded_8, encoded_16
from edge.faults import SafetyStop, UsageError
from edge.grid import ScanGrid
from edge.photography.balance import Balance
from edge.photography.colour import ColourSpace, colour_space

_NODE_SPACING = 8
"""Samples between the points that are projected exactly; the projection is bilinear between them."""
_STRIP_SAMPLES = 2_000_000
_BORDER_POINTS = 64
_FOLD_PX = 0.5
_WINDOW_RIM_PX = 8
"""Around the grid's outline: a lens bends the edges between the outline's points, and interpolation reaches a pixel."""
_FWHM_PER_SIGMA = 2.3548200450309493
_REACH_SIGMAS = 4.0
_AREAS = {"area": "the scan area", "instrument.colour.white_card": "the white card"}
SRGB = colour_space("srgb", None)


def rgb_on_grid(
    image_rgb: NDArray[Any],
    registration: Registration,
    grid: ScanGrid,
    *,
    space: ColourSpace = SRGB,
    beam_fwhm_mm: float | None = None,
    balance: Balance | None = None,
) -> NDArray[Any]:
    """Average the photograph over what the beam sees at each cell of the grid.

    The picture is decoded to linear light, sampled at least once per camera pixel through homography and lens, averaged
    over the cell's area, spread where the beam is wider than that, balanced, and encoded as sRGB (IEC 61966-2-1).

    Parameters
    ----------
    image_rgb : uint8 or uint16, shape (h, w, 3)
    registration : Registration
    grid : ScanGrid
    space : ColourSpace
        What the picture's levels mean.
    beam_fwhm_mm : float or None
        Full width at half maximum of a Gaussian beam; None, or one narrower than a cell: the cell alone.
    balance : Balance or None
        White balance and evenness of the light; None: as the camera gave it.

    Returns
    -------
    Shape (rows, columns, 3), sRGB; of the picture's own type.

    Raises
    ------
    SafetyStop
        The grid is not wholly inside the picture.
    UsageError
        The picture is no 8- or 16-bit RGB picture.
    """
    picture = np.asarray(image_rgb)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"a picture of shape {picture.shape}, {picture.dtype} cannot be used: give 8- or 16-bit RGB")
    refuse_unseen_area(registration, grid, picture.shape[1], picture.shape[0])
    light: NDArray[Any] = light_on_grid(picture, registration, grid, space=space, beam_fwhm_mm=beam_fwhm_mm)
    if balance is not None:
        light = balance.applied(light)
    return encoded_8(light) if picture.dtype == np.uint8 else encoded_16(light)


def light_on_grid(
    picture: NDArray[Any],
    registration: Registration,
    grid: ScanGrid,
    *,
    space: ColourSpace = SRGB,
    beam_fwhm_mm: float | None = None,
) -> NDArray[np.uint16]:
    """Linear light averaged over the footprint at each cell, shape (rows, columns, 3); beyond the picture its edge."""
    kernel = _spread(beam_fwhm_mm, grid.pitch_mm)
    reach = kernel.size // 2
    if reach == 0:
        return _cell_means(picture, registration, grid, space)
    around = replace(
        grid,
        origin_x_mm=grid.origin_x_mm - reach * grid.pitch_mm,
        origin_y_mm=grid.origin_y_mm - reach * grid.pitch_mm,
        rows=grid.rows + 2 * reach,
        columns=grid.columns + 2 * reach,
    )
    means = _cell_means(picture, registration, around, space)
    spread = cv2.sepFilter2D(means, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(spread[reach:-reach, reach:-reach]), dtype=np.uint16)


def _spread(beam_fwhm_mm: float | None, pitch_mm: float) -> NDArray[np.float64]:
    """Weights of neighbouring cells along one axis that make a cell's average as wide as the beam.

    A cell has a variance of a twelfth already. What is lacking is made up by the discrete analogue of a Gaussian, whose
    variance is exactly its parameter, however small (Lindeberg 1990, equation 32).
    """
    sigma_cells = 0.0 if beam_fwhm_mm is None else beam_fwhm_mm / (_FWHM_PER_SIGMA * pitch_mm)
    lacking = sigma_cells**2 - 1 / 12
    if lacking <= 0:
        return np.ones(1)
    reach = int(np.ceil(_REACH_SIGMAS * np.sqrt(lacking))) + 1
    weights = ive(np.abs(np.arange(-reach, reach + 1)), lacking)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _cell_means(
    picture: NDArray[Any], registration: Registration, grid: ScanGrid, space: ColourSpace
) -> NDArray[np.uint16]:
    left, upper, right, lower = _window(registration, grid, picture.shape[1], picture.shape[0])
    light = space.light(picture[upper:lower, left:right])
    samples = _samples_per_cell(registration, grid)
    mean = np.empty((*grid.shape, 3), dtype=np.uint16)
    strip = max(1, _STRIP_SAMPLES // (samples * samples * grid.columns))
    for first in range(0, grid.rows, strip):
        last = min(first + strip, grid.rows)
        columns_px, rows_px = _sample_positions(registration, grid, samples, first, last)
        columns_px -= left
        rows_px -= upper
        sampled = cv2.remap(light, columns_px, rows_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mean[first:last] = cv2.resize(sampled, (grid.columns, last - first), interpolation=cv2.INTER_AREA)
    return mean


def _window(registration: Registration, grid: ScanGrid, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """The part of the picture that a grid is sampled from: left, upper, right, lower, px."""
    x0, y0 = grid.origin_x_mm, grid.origin_y_mm
    border = pixels_from_stage(registration, _outline(np.array([x0, y0, x0 + grid.width_mm, y0 + grid.height_mm])))
    low = np.floor(np.nan_to_num(border.min(axis=0), nan=0.0)).astype(int) - _WINDOW_RIM_PX
    high = np.ceil(np.nan_to_num(border.max(axis=0), nan=1e6)).astype(int) + _WINDOW_RIM_PX
    left, upper = np.clip(low, 0, [width_px - 1, height_px - 1])
    right, lower = np.clip(high, [left + 1, upper + 1], [width_px, height_px])
    return int(left), int(upper), int(right), int(lower)


def visible_area_mm(registration: Registration, width_px: int, height_px: int) -> tuple[float, float, float, float]:
    """Upright rectangle of the stage that lies wholly inside the picture: left, upper, right, lower, in mm.

    The largest that shares the centre and proportions of the picture's outline, less a hundredth; others may be larger.
    """
    outline = stage_from_pixels(registration, _outline(np.array([0.0, 0.0, width_px - 1.0, height_px - 1.0])))
    centre = outline.mean(axis=0)
    half = np.abs(outline - centre).max(axis=0)
    reach = 0.99 * float(np.min(np.max(np.abs(outline - centre) / half, axis=1)))
    low, high = centre - reach * half, centre + reach * half
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def refuse_unseen_area(
    registration: Registration, grid: ScanGrid, width_px: int, height_px: int, *, key: str = "area"
) -> None:
    """Make sure that the camera sees the whole grid.

    Raises
    ------
    SafetyStop
        It does not; the text names the edges and by how many pixels they are missed.
    """
    left, upper = grid.origin_x_mm, grid.origin_y_mm
    border_mm = _outline(np.array([left, upper, left + grid.width_mm, upper + grid.height_mm]))
    border_px = pixels_from_stage(registration, border_mm)
    missed = {
        "left": -border_px[:, 0].min(),
        "upper": -border_px[:, 1].min(),
        "right": border_px[:, 0].max() - (width_px - 1),
        "lower": border_px[:, 1].max() - (height_px - 1),
    }
    beyond = [f"{edge} edge by {missing:.0f} px" for edge, missing in missed.items() if not missing <= 0.5]
    back_mm = stage_from_pixels(registration, border_px)
    folded = not bool(np.all(np.abs(pixels_from_stage(registration, back_mm) - border_px) < _FOLD_PX)) or not bool(
        np.all(np.abs(back_mm - border_mm) < grid.pitch_mm)
    )
    if beyond or folded:
        where = ", ".join(beyond) if beyond else "where the lens model folds over"
        seen = visible_area_mm(registration, width_px, height_px)
        raise SafetyStop(
            f"{_AREAS.get(key, key)} leaves the picture ({where}): move the camera back, or keep {key} within "
            f"x {seen[0]:.1f} to {seen[2]:.1f} mm and y {seen[1]:.1f} to {seen[3]:.1f} mm"
        )


def _outline(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points around a rectangle (left, upper, right, lower), shape (n, 2)."""
    left, upper, right, lower = box
    way = np.linspace(0, 1, _BORDER_POINTS)
    x, y = left + way * (right - left), upper + way * (lower - upper)
    return np.concatenate(
        [
            np.column_stack([x, np.full_like(x, upper)]),
            np.column_stack([np.full_like(y, right), y]),
            np.column_stack([x, np.full_like(x, lower)]),
            np.column_stack([np.full_like(y, left), y]),
        ]
    )


def _samples_per_cell(registration: Registration, grid: ScanGrid) -> int:
    """Samples along a cell's side, so that neighbours lie at most one camera pixel apart anywhere."""
    rows, columns = np.meshgrid(np.linspace(0, grid.rows, 9), np.linspace(0, grid.columns, 9), indexing="ij")
    x = grid.origin_x_mm + columns.ravel() * grid.pitch_mm
    y = grid.origin_y_mm + rows.ravel() * grid.pitch_mm
    step = grid.pitch_mm * 1e-3
    here = pixels_from_stage(registration, np.column_stack([x, y]))
    right = pixels_from_stage(registration, np.column_stack([x + step, y]))
    below = pixels_from_stage(registration, np.column_stack([x, y + step]))
    pixels = max(float(np.linalg.norm(right - here, axis=1).max()), float(np.linalg.norm(below - here, axis=1).max()))
    return max(1, int(np.ceil(pixels * 1e3 - 1e-6)))


def _sample_positions(
    registration: Registration, grid: ScanGrid, samples: int, first: int, last: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns and rows in the picture of the samples of the grid's rows ``first`` to ``last``."""
    height, width = (last - first) * samples, grid.columns * samples
    nodes_high, nodes_wide = -(-height // _NODE_SPACING) + 2, -(-width // _NODE_SPACING) + 2
    # Node k stands amid the k-th block of samples, one block beyond each border, as cv2.resize takes pixels to stand.
    along = (np.arange(nodes_wide) - 0.5) * _NODE_SPACING / samples
    down = (np.arange(nodes_high) - 0.5) * _NODE_SPACING / samples + first
    x, y = np.meshgrid(grid.origin_x_mm + along * grid.pitch_mm, grid.origin_y_mm + down * grid.pitch_mm)
    nodes_px = pixels_from_stage(registration, np.column_stack([x.ravel(), y.ravel()])).astype(np.float32)
    size = (nodes_wide * _NODE_SPACING, nodes_high * _NODE_SPACING)
    enlarged = cv2.resize(nodes_px.reshape(nodes_high, nodes_wide, 2), size, interpolation=cv2.INTER_LINEAR)
    inner = enlarged[_NODE_SPACING : _NODE_SPACING + height, _NODE_SPACING : _NODE_SPACING + width]
    return np.ascontiguousarray(inner[..., 0]), np.ascontiguousarray(inner[..., 1])
