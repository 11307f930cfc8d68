"""Points that frames of a head-mounted camera show in common, found by their texture: no marker is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.head_points import Tracks
from calibration.mosaic.frames import MosaicFrame, grey_levels
from calibration.shift import shift_between
from calibration.srgb import linear_light

Floats = NDArray[np.float32]

_LONG_SIDE = 1000
_PATCH_PX = 96
_GRID = 5
_ALIKE = 0.75
_WHOLE_ALIKE = 0.35
"""Of whole frames, that lens and tilt keep from fitting: enough to tell roughly where patches lie."""


def texture_tracks(frames: Sequence[MosaicFrame], *, still_px: tuple[float, float, float] | None = None) -> Tracks:
    """Patches of each frame found again in the two nearest earlier ones, placed by `shift_between`.

    Frames should share half of what they show with their neighbours. Each is read once.

    Parameters
    ----------
    frames
    still_px
        Column, row and radius of what stands still in the picture, as the laser's spot does: no patch reaches it.

    Returns
    -------
    Tracks, empty where nothing is found again.
    """
    small = [_small(frame) for frame in frames]
    places: list[tuple[float, float]] = []
    points: list[tuple[float, float]] = []
    tracks: list[int] = []
    for i, j in _near(np.array([frame.place_mm for frame in frames], dtype=np.float64)):
        _match(small, frames, (i, j), still_px, places, points, tracks)
    return Tracks(
        np.array(places, dtype=np.float64).reshape(-1, 2),
        np.array(points, dtype=np.float64).reshape(-1, 2),
        np.array(tracks, dtype=np.intp),
    )


def _near(places_mm: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Each frame with the two earlier ones that were taken nearest to it."""
    for j in range(1, len(places_mm)):
        away = np.linalg.norm(places_mm[:j] - places_mm[j], axis=1)
        for i in np.argsort(away, kind="stable")[:2]:
            yield int(i), j


def _small(frame: MosaicFrame) -> tuple[Floats, float]:
    """Grey levels, and pixels of the frame to each of theirs."""
    light = linear_light(frame.read())
    shrink = max(1.0, max(light.shape[:2]) / _LONG_SIDE)
    size = (round(light.shape[1] / shrink), round(light.shape[0] / shrink))
    grey = grey_levels(np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA)))
    return grey.astype(np.float32), light.shape[1] / size[0]


def _match(
    small: Sequence[tuple[Floats, float]],
    frames: Sequence[MosaicFrame],
    pair: tuple[int, int],
    still_px: tuple[float, float, float] | None,
    places: list[tuple[float, float]],
    points: list[tuple[float, float]],
    tracks: list[int],
) -> None:
    """Add what two frames have in common."""
    i, j = pair
    (ours, scale), (theirs, _) = small[i], small[j]
    whole = shift_between(ours, theirs)
    if whole.likeness < _WHOLE_ALIKE:
        return
    rows, columns = ours.shape
    half = min(_PATCH_PX, min(ours.shape) // 3) // 2
    step = np.array([round(whole.x_px), round(whole.y_px)])
    for y in np.linspace(half, rows - half - 1, _GRID).astype(int):
        for x in np.linspace(half, columns - half - 1, _GRID).astype(int):
            u, v = x + step[0], y + step[1]
            if not (half <= u < columns - half and half <= v < rows - half):
                continue
            if any(_reaches(still_px, column, row, scale, half) for column, row in ((x, y), (u, v))):
                continue
            here = ours[y - half : y + half, x - half : x + half]
            found = shift_between(here, theirs[v - half : v + half, u - half : u + half])
            if not found.is_textured or found.likeness < _ALIKE or max(abs(found.x_px), abs(found.y_px)) > half / 2:
                continue
            number = tracks[-1] + 1 if tracks else 0
            places += [frames[i].place_mm, frames[j].place_mm]
            points += [
                ((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5),
                ((u + found.x_px + 0.5) * scale - 0.5, (v + found.y_px + 0.5) * scale - 0.5),
            ]
            tracks += [number, number]


def _reaches(still_px: tuple[float, float, float] | None, column: int, row: int, scale: float, half: int) -> bool:
    if still_px is None:
        return False
    reach = half + still_px[2] / scale
    return abs(column - still_px[0] / scale) < reach and abs(row - still_px[1] / scale) < reach
