"""The nearest samples of many places, with every side of each place heard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.reconstruct.compiled import compiled

_SAMPLES_PER_BUCKET = 3
_FAR = np.float32(1e30)


def nearest_samples(
    rows: NDArray[Any], columns: NDArray[Any], centres: NDArray[np.float32], count: int
) -> NDArray[np.int32]:
    """Indices of `count` samples near each centre, nearest first, shape (centres, count).

    They are the nearest ones, save that each quadrant around the centre keeps an eighth of the places for its own
    nearest samples within three times the distance of the last one. Samples along rows or strokes would otherwise
    all come from the nearest stroke.

    Parameters
    ----------
    rows, columns
        Places of the samples in cells, shape (n,), n at least `count`; between cells, too.
    centres
        Row and column of each centre, shape (k, 2), in cells.
    """
    area = (int(rows.max()) + 1) * (int(columns.max()) + 1)
    bucket = max(1.0, math.sqrt(_SAMPLES_PER_BUCKET * area / len(rows)))
    down, across = int(rows.max() / bucket) + 1, int(columns.max() / bucket) + 1
    order, start = np.empty(len(rows), np.int32), np.zeros(down * across + 1, np.int32)
    places = np.empty((len(rows), 2), np.float32)
    # of one type, lest the loop be compiled twice
    rows, columns = rows.astype(np.float64), columns.astype(np.float64)
    _sort_into_buckets(rows, columns, bucket, across, order, start, places)
    chosen = np.empty((len(centres), count), np.int32)
    _choose(places, order, start, down, across, np.float32(bucket), centres, max(1, count // 8), chosen)
    return chosen


@compiled
def _sort_into_buckets(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    bucket: float,
    across: int,
    order: NDArray[np.int32],
    start: NDArray[np.int32],
    places: NDArray[np.float32],
) -> None:
    """Write the samples' order bucket by bucket, where each bucket starts, and row and column in that order."""
    for s in range(rows.shape[0]):
        start[int(rows[s] / bucket) * across + int(columns[s] / bucket) + 1] += 1
    for b in range(1, start.shape[0]):
        start[b] += start[b - 1]
    filled = start.copy()
    for s in range(rows.shape[0]):
        b = int(rows[s] / bucket) * across + int(columns[s] / bucket)
        at = filled[b]
        order[at] = s
        places[at, 0], places[at, 1] = rows[s], columns[s]
        filled[b] += 1


@compiled
def _insert(square: NDArray[np.float32], index: NDArray[np.int32], distance: np.float32, sample: int) -> None:
    """Keep the nearest, sorted; of equally near samples the first found stays first."""
    last = square.shape[0] - 1
    if distance >= square[last]:
        return
    k = last
    while k > 0 and square[k - 1] > distance:
        square[k] = square[k - 1]
        index[k] = index[k - 1]
        k -= 1
    square[k] = distance
    index[k] = sample


@compiled
def _hear_quadrants(
    square: NDArray[np.float32],
    index: NDArray[np.int32],
    own_square: NDArray[np.float32],
    own_index: NDArray[np.int32],
) -> None:
    """Swap the farthest samples that no quadrant claims for claimed ones that are missing."""
    count = index.shape[0]
    limit = 9 * square[count - 1]
    claimed = np.zeros(count, np.bool_)
    missing = np.empty(own_index.size, np.int32)
    lacking = 0
    for quadrant in range(4):
        for k in range(own_index.shape[1]):
            if own_square[quadrant, k] > limit:
                break
            present = False
            if own_square[quadrant, k] <= square[count - 1]:
                for s in range(count):
                    if index[s] == own_index[quadrant, k]:
                        claimed[s] = True
                        present = True
                        break
            if not present:
                missing[lacking] = own_index[quadrant, k]
                lacking += 1
    if lacking == 0:
        return
    free, s = count, count - 1
    while s >= 0 and lacking > count - free:
        if not claimed[s]:
            free -= 1
            for k in range(s, free):
                index[k] = index[k + 1]
                claimed[k] = claimed[k + 1]
        s -= 1
    for k in range(count - free):
        index[free + k] = missing[k]


@compiled
def _choose(
    places: NDArray[np.float32],
    order: NDArray[np.int32],
    start: NDArray[np.int32],
    down: int,
    across: int,
    bucket: np.float32,
    centres: NDArray[np.float32],
    quota: int,
    chosen: NDArray[np.int32],
) -> None:
    """Search rings of buckets around each centre until no nearer sample can be left, in any quadrant."""
    count = chosen.shape[1]
    square, index = np.empty(count, np.float32), np.empty(count, np.int32)
    own_square, own_index = np.empty((4, quota), np.float32), np.empty((4, quota), np.int32)
    for t in range(centres.shape[0]):
        y, x = centres[t, 0], centres[t, 1]
        square[:] = _FAR
        own_square[:] = _FAR
        a = min(max(int(y / bucket), 0), down - 1)
        b = min(max(int(x / bucket), 0), across - 1)
        ring, found = 0, 0
        while True:
            for i in range(max(a - ring, 0), min(a + ring, down - 1) + 1):
                step = 1 if abs(i - a) == ring else max(2 * ring, 1)
                for j in range(b - ring, b + ring + 1, step):
                    if 0 <= j < across:
                        found += start[i * across + j + 1] - start[i * across + j]
                        for s in range(start[i * across + j], start[i * across + j + 1]):
                            dy, dx = places[s, 0] - y, places[s, 1] - x
                            quadrant = 2 * (dy >= 0) + (dx >= 0)
                            _insert(square, index, dy * dy + dx * dx, order[s])
                            _insert(own_square[quadrant], own_index[quadrant], dy * dy + dx * dx, order[s])
            ring += 1
            beside = max(abs(y - (a + 0.5) * bucket), abs(x - (b + 0.5) * bucket))
            seen = max((ring - 0.5) * bucket - beside, 0) ** 2
            farthest = min(max(own_square[:, quota - 1].max(), square[count - 1]), 9 * square[count - 1])
            if ring > max(down, across) or (found >= count and seen >= farthest):
                break
        _hear_quadrants(square, index, own_square, own_index)
        for s in range(count):
            chosen[t, s] = index[s]
