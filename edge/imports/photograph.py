"""A photograph laid onto somebody else's raster: by points, by its whole frame, or by looking where it fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.projection import apply_homography
from calibration.srgb import encoded_8
from edge.cameras.picture import decode_file
from edge.faults import EdgeError, UsageError
from edge.imports.found import ImportSettings
from edge.imports.points import Doubles, fit_points

_SAME_ASPECT = 0.02
"""Relative: a picture whose sides are in the raster's proportion so nearly shows the raster and nothing else."""
_MOST_SAMPLES = 8
"""Along each side of a cell."""
_STRIP = 4_000_000
_LEAST_INSIDE = 0.999


def photograph_on_raster(
    path: Path, maps: NDArray[np.float32], known: NDArray[np.bool_], settings: ImportSettings
) -> tuple[NDArray[np.uint8], str]:
    """The photograph averaged over each cell, sRGB, shape (rows, columns, 3), and how it was placed, in a sentence.

    Parameters
    ----------
    maps
        Shape (rows, columns, elements).
    known
        Cells where they mean something, shape (rows, columns).

    Raises
    ------
    UsageError
        The picture cannot be used, or its place is in doubt.
    """
    shape = known.shape
    picture = _picture(path)
    if settings.pairs:
        fit = fit_points(settings.pairs, shape)
        place, words = fit.photo_from_cells, fit.words
    elif (frame := _whole_frame(picture.shape[:2], shape)) is not None:
        place, words = frame, _words_of_frame(picture, maps, known)
    else:
        from edge.imports.search import NoPlace, place_by_maps

        found = place_by_maps(picture, maps, known)
        if isinstance(found, NoPlace):
            raise UsageError(
                f"{path}: where it lies on the raster is in doubt ({found.reason}): give four or more matching points "
                "as --match ROW,COLUMN=X,Y, or crop it to the raster"
            )
        place, words = found.photo_from_cells, found.words
    _refuse_beyond(path, place, picture.shape[:2], shape)
    return on_cells(picture, place, shape), words


def _words_of_frame(picture: NDArray[np.uint8], maps: NDArray[np.float32], known: NDArray[np.bool_]) -> str:
    """That proportions alone place a photograph, and whether its edges bear that out."""
    from edge.imports.search import fit_of_frame

    fit = fit_of_frame(picture, maps, known)
    taken = "photograph taken to show the whole raster, whose proportions it has"
    if fit.is_borne_out:
        return f"{taken}; its edges correlate with the maps' by {fit.correlation:.2f}"
    return (
        f"{taken}, but its edges hardly bear that out: they correlate with the maps' by {fit.correlation:.2f}, and by "
        f"{fit.otherwise:.2f} mirrored or turned; look at the pictures, and give matching points as --match "
        "ROW,COLUMN=X,Y if it shows something else"
    )


def _picture(path: Path) -> NDArray[np.uint8]:
    try:
        decoded = decode_file(path) if path.is_file() else None
    except EdgeError as error:
        raise UsageError(str(error)) from None
    if decoded is None:
        raise UsageError(f"{path}: no whole picture is there: give a PNG, JPEG or TIFF")
    image = decoded.image
    return np.asarray(image >> 8 if image.dtype == np.uint16 else image, np.uint8)


def _whole_frame(picture: tuple[int, int], shape: tuple[int, int]) -> Doubles | None:
    """Where the picture's frame is the raster's; None where their proportions differ."""
    (height, width), (rows, columns) = picture, shape
    across, down = width / columns, height / rows
    if abs(across / down - 1) > _SAME_ASPECT:
        return None
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def _refuse_beyond(path: Path, place: Doubles, picture: tuple[int, int], shape: tuple[int, int]) -> None:
    rows, columns = shape
    row, column = np.mgrid[:rows, :columns]
    at = apply_homography(place, np.column_stack([column.ravel(), row.ravel()]).astype(np.float64))
    inside = (at >= -0.5).all(axis=1) & (at <= [picture[1] - 0.5, picture[0] - 0.5]).all(axis=1)
    if not inside.mean() >= _LEAST_INSIDE:
        raise UsageError(
            f"{path}: shows {inside.mean():.0%} of the raster: give a photograph of all of it, or correct the points"
        )


def on_cells(picture: NDArray[np.uint8], photo_from_cells: Doubles, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture's light averaged over each cell, shape (rows, columns, 3), sRGB."""
    import cv2

    from edge.photography.resample import SRGB

    rows, columns = shape
    corner = apply_homography(photo_from_cells, np.array([[0.0, 0.0], [columns - 1.0, rows - 1.0]]))
    px_per_cell = np.abs(np.diff(corner, axis=0)).max() / max(rows - 1, columns - 1)
    samples = int(np.clip(np.ceil(px_per_cell), 1, _MOST_SAMPLES))
    light = SRGB.light(picture)
    if px_per_cell > _MOST_SAMPLES:
        light = np.asarray(cv2.blur(light, (round(px_per_cell / _MOST_SAMPLES),) * 2), np.uint16)
    within = (np.arange(samples) + 0.5) / samples - 0.5
    x = (np.arange(columns)[:, None] + within).ravel()
    mean = np.empty((rows, columns, 3), np.uint16)
    strip = max(1, _STRIP // (samples * samples * columns))
    for first in range(0, rows, strip):
        last = min(first + strip, rows)
        y = (np.arange(first, last)[:, None] + within).ravel()
        where = np.column_stack([np.tile(x, len(y)), np.repeat(y, len(x))])
        at = apply_homography(photo_from_cells, where).astype(np.float32).reshape(len(y), len(x), 2)
        sampled = cv2.remap(light, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mean[first:last] = cv2.resize(sampled, (columns, last - first), interpolation=cv2.INTER_AREA)
    return encoded_8(mean)
