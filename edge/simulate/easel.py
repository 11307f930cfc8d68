"""What stands before the camera: the board, the specimen on it, and printed markers around it, as one flat picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.fiducials import Fiducial, marker_dictionary
from calibration.srgb import decoded
from edge.simulate.brush import wandering
from edge.simulate.specimen import Specimen

_PAPER, _INK = 0.82, 0.035
"""Linear reflectances."""
_BOARD = (0.200, 0.185, 0.165)
_QUIET = 0.22
"""White rim around a marker, as a share of its side."""
FULL = 65535.0


@dataclass(frozen=True, slots=True, eq=False)
class EaselPicture:
    """The easel's plane, seen straight on."""

    light: NDArray[np.uint16]
    """Linear-light RGB, 65535 a perfect white, shape (rows, columns, 3)."""
    left_mm: float
    """Stage x of the left edge of column 0."""
    upper_mm: float
    px_per_mm: float


def easel_picture(
    specimen: Specimen,
    fiducials: Sequence[Fiducial],
    dictionary: str,
    *,
    box_mm: tuple[float, float, float, float],
    px_per_mm: float,
    seed: int,
) -> EaselPicture:
    """Compose the plane within a box (left, upper, right, lower) of stage mm."""
    left, upper, right, lower = box_mm
    size = (int(np.ceil((lower - upper) * px_per_mm)), int(np.ceil((right - left) * px_per_mm)))
    light = _board(np.random.default_rng(seed), size, px_per_mm)
    _cast_shadow(light, specimen, left, upper, px_per_mm)
    _place_specimen(light, specimen, left, upper, px_per_mm)
    for fiducial in fiducials:
        _place_marker(light, fiducial, dictionary, left=left, upper=upper, px_per_mm=px_per_mm)
    return EaselPicture(light, left, upper, px_per_mm)


def _board(rng: np.random.Generator, size: tuple[int, int], px_per_mm: float) -> NDArray[np.uint16]:
    """A wooden board painted grey: faint grain, faint stains."""
    small = (size[0] // 4 + 1, size[1] // 4 + 1)
    noise = rng.standard_normal(small, dtype=np.float32)
    grain = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigmaX=max(1.0, 5 * px_per_mm), sigmaY=0.7))
    tone = np.exp(0.07 * grain / max(float(grain.std()), 1e-6) + 0.06 * wandering(rng, small, 8 * px_per_mm))
    large = cv2.resize(np.asarray(tone, dtype=np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    board = np.empty((*size, 3), dtype=np.uint16)
    for channel, reflectance in enumerate(_BOARD):
        board[..., channel] = np.clip(large * np.float32(reflectance * FULL), 0, FULL)
    return board


def _window(shape: tuple[int, ...], x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice]:
    """Pixels that a rectangle (in pixel edges) touches, clipped to the raster."""
    return (
        slice(int(np.clip(np.floor(y0), 0, shape[0])), int(np.clip(np.ceil(y1), 0, shape[0]))),
        slice(int(np.clip(np.floor(x0), 0, shape[1])), int(np.clip(np.ceil(x1), 0, shape[1]))),
    )


def _cast_shadow(light: NDArray[np.uint16], specimen: Specimen, left: float, upper: float, px_per_mm: float) -> None:
    """The specimen stands a little before the board and is lit from the upper left."""
    x0 = (specimen.origin.x_mm - left + 1.2) * px_per_mm
    y0 = (specimen.origin.y_mm - upper + 1.6) * px_per_mm
    x1, y1 = x0 + specimen.size_mm[0] * px_per_mm, y0 + specimen.size_mm[1] * px_per_mm
    soft = 0.9 * px_per_mm
    rows, columns = _window(light.shape, x0 - 3 * soft, y0 - 3 * soft, x1 + 3 * soft, y1 + 3 * soft)

    def profile(pixels: slice, low: float, high: float) -> NDArray[np.float32]:
        centres = np.arange(pixels.start, pixels.stop) + 0.5
        rising = 1 / (1 + np.exp(-np.clip((centres - low) / soft * 2, -30, 30)))
        return np.asarray(rising / (1 + np.exp(np.clip((centres - high) / soft * 2, -30, 30))), dtype=np.float32)

    depth = 0.6 * profile(rows, y0, y1)[:, None] * profile(columns, x0, x1)[None, :]
    light[rows, columns] = light[rows, columns] * (1 - depth[..., None])


def _place_specimen(light: NDArray[np.uint16], specimen: Specimen, left: float, upper: float, px_per_mm: float) -> None:
    picture = specimen.photograph(1 / px_per_mm)
    table = decoded(np.arange(256) / 255) * FULL
    texture = cv2.LUT(picture, np.round(table).astype(np.uint16))
    x0, y0 = (specimen.origin.x_mm - left) * px_per_mm, (specimen.origin.y_mm - upper) * px_per_mm
    wide, high = specimen.size_mm[0] * px_per_mm, specimen.size_mm[1] * px_per_mm
    rows, columns = _window(light.shape, x0, y0, x0 + wide, y0 + high)
    across, down = texture.shape[1] / wide, texture.shape[0] / high
    to_texture = np.array(
        [
            [across, 0, (columns.start + 0.5 - x0) * across - 0.5],
            [0, down, (rows.start + 0.5 - y0) * down - 0.5],
        ]
    )
    size = (columns.stop - columns.start, rows.stop - rows.start)
    if min(size) <= 0:
        return
    placed = cv2.warpAffine(
        texture, to_texture, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    cover = (
        _coverage(rows, np.array([y0, y0 + high])) @ np.ones((1, 1)) @ _coverage(columns, np.array([x0, x0 + wide])).T
    ).astype(np.float32)[..., None]
    light[rows, columns] = np.where(cover >= 1, placed, placed * cover + light[rows, columns] * (1 - cover))


def _place_marker(
    light: NDArray[np.uint16], fiducial: Fiducial, dictionary: str, *, left: float, upper: float, px_per_mm: float
) -> None:
    """Ink on a white card; each pixel takes the exact share of paper that it covers."""
    family = marker_dictionary(dictionary)
    modules = int(family.markerSize) + 2
    white = np.asarray(cv2.aruco.generateImageMarker(family, fiducial.id, modules), dtype=np.float64) / 255
    tones = np.full((modules + 2, modules + 2), _PAPER)
    tones[1:-1, 1:-1] = _INK + white * (_PAPER - _INK)
    half = fiducial.side_mm / 2
    way = np.concatenate([[-half * (1 + 2 * _QUIET)], np.linspace(-half, half, modules + 1), [half * (1 + 2 * _QUIET)]])
    x_edges = (fiducial.centre.x_mm + way - left) * px_per_mm
    y_edges = (fiducial.centre.y_mm + way - upper) * px_per_mm
    rows, columns = _window(light.shape, x_edges[0], y_edges[0], x_edges[-1], y_edges[-1])
    down, across = _coverage(rows, y_edges), _coverage(columns, x_edges)
    cover = (down.sum(axis=1)[:, None] * across.sum(axis=1)[None, :])[..., None]
    card = (down @ tones @ across.T)[..., None] * FULL * np.array([1.0, 0.99, 0.96])
    light[rows, columns] = np.round(card + light[rows, columns] * (1 - cover)).astype(np.uint16)


def _coverage(pixels: slice, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each pixel between consecutive edges, shape (pixels, edges - 1)."""
    low = np.arange(pixels.start, pixels.stop)[:, None]
    shares = np.clip(np.minimum(edges[1:], low + 1) - np.maximum(edges[:-1], low), 0, 1)
    return np.asarray(shares, dtype=np.float64)
