"""Making a mask's count exact: take away where it is crowded, add where it is empty, as the density says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CONSIDERED = 64
"""Candidates looked at for each cell that is missing."""


def settle_count(
    cells: NDArray[np.bool_], *, density: NDArray[np.float32], allowed: NDArray[np.bool_], count: int
) -> NDArray[np.bool_]:
    """Bring a mask to exactly `count` cells.

    A cell's room is its squared distance to the nearest other sample times its density, about one where spacing and
    density agree: the least roomy samples go first, the roomiest cells are taken first, spread out in
    each round.

    Parameters
    ----------
    cells
        Chosen cells, all of them allowed, shape (rows, columns).
    density, allowed
        Same shape.
    count
        From 0 to the number of allowed cells.
    """
    settled = cells.copy()
    while (surplus := int(np.count_nonzero(settled)) - count) > 0:
        settled.ravel()[_tightest(settled, density, surplus)] = False
    while (deficit := count - int(np.count_nonzero(settled))) > 0:
        settled.ravel()[_roomiest(settled, density, allowed, deficit)] = True
    return settled


def _tightest(cells: NDArray[np.bool_], density: NDArray[np.float32], wanted: int) -> list[int]:
    """Up to `wanted` samples with the least room, never both of a closest pair."""
    from scipy.spatial import cKDTree

    flat = np.flatnonzero(cells)
    if len(flat) <= wanted:
        return [int(cell) for cell in flat]
    points = np.argwhere(cells)
    distance, neighbour = cKDTree(points).query(points, k=2)
    room = distance[:, 1] ** 2 * density[cells]
    kept: set[int] = set()
    taken: list[int] = []
    for n in np.argsort(room, kind="stable"):
        if len(taken) == wanted:
            break
        if int(n) not in kept:
            taken.append(int(flat[n]))
            kept.add(int(neighbour[n, 1]))
    return taken


def _roomiest(
    cells: NDArray[np.bool_], density: NDArray[np.float32], allowed: NDArray[np.bool_], wanted: int
) -> list[int]:
    """Up to `wanted` empty cells with the most room, one in each square of half the widest spacing."""
    candidates = np.flatnonzero(allowed & ~cells)
    distance = distance_to_samples(cells).ravel()[candidates]
    # where the density is zero the distance alone decides, behind everything else
    room = distance**2 * (density.ravel()[candidates] + np.float32(1e-9))
    if (considered := _CONSIDERED * wanted) < room.size:
        most = np.argpartition(-room, considered)[:considered]
        candidates, distance, room = candidates[most], distance[most], room[most]
    columns = cells.shape[1]
    square = max(1, int(min(float(distance.max()), max(cells.shape)) / 2))
    blocked: set[tuple[int, int]] = set()
    taken: list[int] = []
    for n in np.lexsort((candidates, -room)):
        if len(taken) == wanted:
            break
        row, column = divmod(int(candidates[n]), columns)
        place = (row // square, column // square)
        if place not in blocked:
            taken.append(int(candidates[n]))
            blocked.add(place)
    return taken


def distance_to_samples(cells: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Euclidean distance of every cell to the nearest chosen one, in cells; larger than the mask where none is."""
    import cv2

    if not cells.any():
        return np.full(cells.shape, float(np.hypot(*cells.shape)) + 1.0, np.float32)
    empty = np.where(cells, 0, 1).astype(np.uint8)
    rounded = cv2.distanceTransform(empty, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV rounds the same distance by where an array lies in memory; its square is a whole number
    return np.sqrt(np.rint(np.square(rounded, dtype=np.float64))).astype(np.float32)
