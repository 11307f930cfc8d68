"""Where a dwell test measures: where the operator says, or in the calm middle of each of the photograph's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.configuration.area import AreaConfig
from edge.faults import UsageError
from edge.grid import ScanGrid
from edge.modes.stand_in import maps_of_colours
from models.photograph import photograph_lab

_LEAST_SHARE = 0.005
"""Of the cells: a colour that fewer have is passed over."""
_CALM_CELLS = 4.0
"""Distance from a colour's border from which on a place is in its middle."""
_AROUND_CELLS = 2
"""Cells to each side whose colours are looked at for calm."""
_MOST_POINTS = 60
_MOST_PIXELS = 2_000_000
"""Of the area, whose colours tell the shares: more are thinned out."""
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class DwellPoint:
    """A cell to be measured long."""

    row: int
    column: int
    share: float
    """Of the cells that may be visited, those whose colour this one's comes nearest to."""
    lab: tuple[float, float, float]
    """Its colour in the photograph, CIE L*a*b* (D65)."""


def cells_by_colour(rgb: NDArray[np.generic], allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Row and column of a cell in the calm middle of each of the photograph's colours; six at the most.

    Parameters
    ----------
    rgb
        Photograph on the scan grid, shape (rows, columns, 3), uint8 or uint16.
    allowed
        Cells that may be measured, shape (rows, columns), at least one.
    """
    import cv2

    shares = maps_of_colours(rgb)
    nearest = np.where(allowed, shares.argmax(axis=2), -1)
    unrest = _unrest(photograph_lab(rgb, allowed.shape))
    found: list[tuple[int, int]] = []
    for colour in np.argsort(-np.bincount(nearest[allowed], minlength=shares.shape[2]), kind="stable"):
        cells = nearest == colour
        if cells.sum() < max(1, _LEAST_SHARE * allowed.sum()):
            continue
        inside = np.pad(cells.astype(np.uint8), 1)
        depth = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1], _CALM_CELLS)
        deepest = cells & (depth >= depth[cells].max() - 1e-6)
        row, column = divmod(int(np.argmin(np.where(deepest, unrest, np.inf))), allowed.shape[1])
        found.append((row, column))
    return found


def cells_at(
    places: Sequence[str], allowed: NDArray[np.bool_], *, grid: ScanGrid, area: AreaConfig
) -> list[tuple[int, int]]:
    """Row and column of the cells that hold places which the operator named.

    Parameters
    ----------
    places
        ``X,Y`` in stage mm, each.

    Raises
    ------
    UsageError
        One is no pair of numbers, lies outside the area or in a keep-out, shares its cell with another, or there are
        too many.
    """
    if len(places) > _MOST_POINTS:
        raise UsageError(f"{len(places)} points are too many for a dwell test: give {_MOST_POINTS} at the most")
    found: dict[tuple[int, int], str] = {}
    for place in places:
        x_mm, y_mm = _numbers(place)
        row, column = (int(i) for i in grid.cells_of(np.array([[x_mm, y_mm]]))[0])
        if not (0 <= row < grid.rows and 0 <= column < grid.columns):
            raise UsageError(
                f"--at {place} lies outside the area, x {area.x_mm:g} to {area.x_mm + area.width_mm:g}, "
                f"y {area.y_mm:g} to {area.y_mm + area.height_mm:g} mm: give a point within it"
            )
        if not allowed[row, column]:
            raise UsageError(
                f"--at {place} lies outside area.polygon, in a keep-out, or so near to one that the beam would touch "
                "it: give another point"
            )
        if (row, column) in found:
            raise UsageError(
                f"--at {place} and --at {found[row, column]} lie in the same cell, which would be measured twice: "
                "leave one out, or give a longer --live-s"
            )
        found[row, column] = place
    return list(found)


def points_of_cells(
    cells: Sequence[tuple[int, int]], rgb: NDArray[np.generic], allowed: NDArray[np.bool_]
) -> tuple[DwellPoint, ...]:
    """Points with the share of the area that each stands for by its colour, those of the largest first.

    Parameters
    ----------
    cells
        Row and column of each.
    rgb, allowed
        As `points_by_colour` takes them.
    """
    lab = photograph_lab(rgb, allowed.shape)
    rows, columns = np.array(cells).T
    colours = lab[rows, columns].astype(np.float64)
    others = lab[allowed]
    others = others[:: -(-len(others) // _MOST_PIXELS)]
    nearest = np.concatenate([_nearest_colour(part, colours) for part in _parts_of(others)])
    shares = np.bincount(nearest, minlength=len(cells)) / len(others)
    points = [
        DwellPoint(row, column, float(share), (float(at[0]), float(at[1]), float(at[2])))
        for (row, column), share, at in zip(cells, shares, colours, strict=True)
    ]
    return tuple(sorted(points, key=lambda point: -point.share))


def _nearest_colour(lab: NDArray[np.float32], colours: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of some colours, shape (m, 3), each of others comes nearest to, shape (n,)."""
    away = lab[:, None].astype(np.float64) - colours
    return np.asarray(np.square(away).sum(axis=2).argmin(axis=1))


def _parts_of(lab: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """One after another, so that sixty points beside each take some ten MB."""
    return [lab[first : first + _AT_ONCE] for first in range(0, len(lab), _AT_ONCE)]


def _numbers(place: str) -> tuple[float, float]:
    try:
        x_mm, y_mm = (float(part) for part in place.split(","))
    except ValueError:
        raise UsageError(f"--at {place}: is not two numbers: give X,Y in stage mm, such as --at 120.5,80") from None
    if not (np.isfinite(x_mm) and np.isfinite(y_mm)):
        raise UsageError(f"--at {place}: is not two numbers: give X,Y in stage mm, such as --at 120.5,80")
    return x_mm, y_mm


def _unrest(lab: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much colours differ around each cell: root of their variance, shape (rows, columns)."""
    import cv2

    size = (2 * _AROUND_CELLS + 1,) * 2
    colours = lab.astype(np.float64)
    mean = cv2.blur(colours, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur(np.square(colours), size, borderType=cv2.BORDER_REPLICATE)
    variance = np.asarray(square - np.square(mean), np.float64).reshape(lab.shape).sum(axis=2)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
