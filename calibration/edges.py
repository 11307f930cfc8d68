"""Corners of a dark square on a light ground, from curves fitted along its whole edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.srgb import decoded

_STEP_PX = 0.25
_SMALLEST_SIDE_PX = 24.0
_CURVED_SIDE_PX = 60.0
_PARALLEL = 1e-6
"""Sine of the angle below which two edges of a square meet nowhere."""
_MODULES = 6.0
"""Modules along the side of the smallest markers (4 x 4 bits and a border): how deep the black border is at least."""
_MARGIN = 0.12
"""Share of an edge left out at each end, where the neighbouring edge's blur reaches."""


def refine_square(picture: NDArray[Any], corners_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place the corners of a marker anew.

    Each edge is where the light, decoded from sRGB so that blur is symmetric in it, has crossed half way, measured
    over profiles along the whole edge and fitted by a parabola (a lens bends long edges); corners are the
    intersections. Small markers fall back on ``cv2.cornerSubPix``.

    Parameters
    ----------
    picture : uint8 or uint16, shape (h, w, 1) or (h, w, 3)
    corners_px : shape (4, 2)
        As found, within about two pixels.

    Returns
    -------
    shape (4, 2), same order.
    """
    corners = np.asarray(corners_px, dtype=np.float64).reshape(4, 2)
    shortest = float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).min())
    light, offset = _linear_crop(picture, corners, margin_px=int(shortest / 4) + 4)
    local = corners - offset
    if shortest >= _SMALLEST_SIDE_PX:
        fitted = _intersect_edges(light, local)
        if fitted is not None:
            refined = _intersect_edges(light, fitted)
            if refined is not None and float(np.abs(refined - local).max()) < max(3.0, shortest / 20):
                return refined + offset
    return _corner_gradients(light, local, shortest) + offset


def _linear_crop(
    picture: NDArray[Any], corners: NDArray[np.float64], margin_px: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    height, width = picture.shape[:2]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin_px, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + margin_px + 1, [width, height])
    crop = picture[low[1] : high[1], low[0] : high[0]]
    encoded = crop.mean(axis=2, dtype=np.float32) / np.float32(np.iinfo(picture.dtype).max)
    return np.ascontiguousarray(decoded(encoded), dtype=np.float32), low.astype(np.float64)


def _corner_gradients(light: NDArray[np.float32], corners: NDArray[np.float64], side_px: float) -> NDArray[np.float64]:
    half = int(np.clip(side_px / _MODULES * 0.7, 2, 7))
    if min(light.shape) < 2 * half + 5:
        return corners
    points = np.ascontiguousarray(corners.reshape(-1, 1, 2), dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-3)
    refined = cv2.cornerSubPix(light, points, (half, half), (-1, -1), criteria)
    return np.asarray(refined, dtype=np.float64).reshape(4, 2)


def _intersect_edges(light: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.float64] | None:
    edges = [_fit_edge(light, corners[i], corners[(i + 1) % 4], corners.mean(axis=0)) for i in range(4)]
    result = np.empty((4, 2))
    for i in range(4):
        before, after = edges[i - 1], edges[i]
        if before is None or after is None:
            return None
        result[i] = _meeting_point(before, after, corners[i])
    return result


def _fit_edge(
    light: NDArray[np.float32], start: NDArray[np.float64], end: NDArray[np.float64], inside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Origin, unit direction, outward unit normal and parabola coefficients (offset over way) of an edge."""
    length = float(np.linalg.norm(end - start))
    along = (end - start) / length
    outward = np.array([along[1], -along[0]])
    if outward @ (start - inside) < 0:
        outward = -outward
    reach = float(np.clip(0.45 * length / _MODULES, 1.5, 7.0))
    way = np.linspace(_MARGIN * length, (1 - _MARGIN) * length, int(np.clip(length, 12, 200)))
    depth = np.arange(-reach, reach + _STEP_PX / 2, _STEP_PX)
    points = start + way[:, None, None] * along + depth[None, :, None] * outward
    profiles = cv2.remap(
        light,
        points[..., 0].astype(np.float32),
        points[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rim = max(2, depth.size // 6)
    dark, bright = _trend(way, profiles[:, :rim]), _trend(way, profiles[:, -rim:])
    if float((bright - dark).min()) < 0.02:
        return None
    share = np.clip((np.asarray(profiles, dtype=np.float64) - dark) / (bright - dark), -0.5, 1.5)
    offsets = depth[-1] + _STEP_PX / 2 - share.sum(axis=1) * _STEP_PX
    coefficients = _robust_polynomial(way, offsets, degree=2 if length >= _CURVED_SIDE_PX else 1)
    return None if coefficients is None else (start, along, outward, coefficients)


def _trend(way: NDArray[np.float64], rim: NDArray[Any]) -> NDArray[np.float64]:
    """Level along the edge, shape (n, 1): light falls off slowly, and a hundredth of it would shift the edge."""
    level = np.median(np.asarray(rim, dtype=np.float64), axis=1)
    middle, mean = way.mean(), level.mean()
    slope = (way - middle) @ (level - mean) / ((way - middle) @ (way - middle))
    return np.asarray((mean + slope * (way - middle))[:, None], dtype=np.float64)


def _robust_polynomial(
    way: NDArray[np.float64], offsets: NDArray[np.float64], degree: int
) -> NDArray[np.float64] | None:
    keep = np.ones(way.size, dtype=bool)
    coefficients = np.zeros(degree + 1)
    for _ in range(3):
        if keep.sum() < max(6, way.size // 2):
            return None
        coefficients = np.polyfit(way[keep], offsets[keep], degree)
        misfit = np.abs(offsets - np.polyval(coefficients, way))
        keep = misfit <= max(0.05, 3 * 1.4826 * float(np.median(misfit)))
    return np.asarray(coefficients, dtype=np.float64)


def _meeting_point(
    first: tuple[NDArray[np.float64], ...], second: tuple[NDArray[np.float64], ...], guess: NDArray[np.float64]
) -> NDArray[np.float64]:
    point = guess
    for _ in range(4):
        anchors, tangents = [], []
        for start, along, outward, coefficients in (first, second):
            way = float((point - start) @ along)
            offset, slope = 0.0, 0.0
            for coefficient in coefficients.tolist():
                offset, slope = offset * way + coefficient, slope * way + offset
            anchors.append(start + way * along + offset * outward)
            tangents.append(along + slope * outward)
        (ax, ay), (bx, by), (dx, dy) = tangents[0].tolist(), tangents[1].tolist(), (anchors[1] - anchors[0]).tolist()
        crossing = ax * by - ay * bx
        if abs(crossing) < _PARALLEL:
            return guess
        point = anchors[0] + (dx * by - dy * bx) / crossing * tangents[0]
    return np.asarray(point, dtype=np.float64)
