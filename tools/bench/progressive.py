"""Maps that follow a scan: seconds from exposures to maps, by where they fell and how much had been measured before."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.maps import Samples
from edge.reconstruct.progressive import ProgressiveMaps
from tools.bench.bandwidth import bandwidth_bytes_per_s
from tools.bench.painted import painted_panel
from tools.bench.table import Row

SHAPE, ELEMENTS = (680, 580), 20
FILLS = (0.01, 0.1, 0.5)
ARRIVING = 500
ANYWHERE_TARGET_S, PATH_TARGET_S = 0.1, 0.05
_PATH_ROWS = 3
_PATH_STEP = 3
NOTES = (
    f"Maps that follow a scan: {ARRIVING} exposures arrive at once, are taken in, every tile they change is drawn, "
    "and the maps with standard error are copied out. Seconds by the clock, on all cores that the process may use; the "
    "fastest of the repeats. *Anywhere* is at random over the grid, *along a path* in three rows, every third cell.",
    "Their limit is to write maps and standard errors of the grid once at the bandwidth measured in this run: the "
    "copy alone. Parameters stand meanwhile; learning them anew, which a thread does beside, is in *caught up*, where "
    "all tiles are drawn under them.",
)


def measure(repeats: int) -> list[Row]:
    """Rows by fill."""
    maps, rgb = painted_panel(*SHAPE, ELEMENTS)
    limit_s = 2 * maps.nbytes / bandwidth_bytes_per_s()
    order = np.random.default_rng(0).permutation(SHAPE[0] * SHAPE[1])
    rows = []
    for fill in FILLS:
        before = round(fill * len(order))
        size = f"{' x '.join(map(str, maps.shape))}, {fill:.0%}"
        with ProgressiveMaps(SHAPE, tuple(f"E{e}" for e in range(ELEMENTS)), rgb) as progressive:
            progressive.add(_samples(maps, order[:before]))
            start = time.perf_counter()
            progressive.catch_up()
            caught_up_s = time.perf_counter() - start
            anywhere = _fastest_s(progressive, (_samples(maps, cells) for cells in _parts(order[before:], repeats)))
            path = _fastest_s(progressive, (_samples(maps, cells) for cells in _paths(repeats)))
        rows += [
            Row(f"{ARRIVING} anywhere", size, anywhere, "s", limit=limit_s, target=ANYWHERE_TARGET_S),
            Row(f"{ARRIVING} along a path", size, path, "s", limit=limit_s, target=PATH_TARGET_S),
            Row("caught up", size, caught_up_s, "s", limit=limit_s),
        ]
    return rows


def _parts(order: NDArray[np.intp], repeats: int) -> Iterator[NDArray[np.intp]]:
    for repeat in range(repeats + 1):
        yield order[repeat * ARRIVING : (repeat + 1) * ARRIVING]


def _paths(repeats: int) -> Iterator[NDArray[np.intp]]:
    for repeat in range(repeats + 1):
        row = (97 * (repeat + 1)) % (SHAPE[0] - _PATH_ROWS)
        cells = [(row + n) * SHAPE[1] + np.arange(0, SHAPE[1], _PATH_STEP) for n in range(_PATH_ROWS)]
        yield np.concatenate(cells)[:ARRIVING]


def _samples(maps: NDArray[np.float32], cells: NDArray[np.intp]) -> Samples:
    rows, columns = np.divmod(cells, SHAPE[1])
    values = maps[rows, columns]
    return Samples(rows, columns, values, np.full_like(values, 1e-4))


def _fastest_s(progressive: ProgressiveMaps, arriving: Iterator[Samples]) -> float:
    """From the exposures to the maps, after one time that does not count."""
    seconds = []
    for samples in list(arriving):
        start = time.perf_counter()
        progressive.add(samples)
        while not progressive.refresh(np.inf).is_current:
            pass
        progressive.current()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
