"""Plans: seconds to order dwells and runs, and seconds of travel, beside what no order can beat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from edge.motion.kinematics import StageModel
from edge.travel.bound import travel_bound_s
from edge.travel.ordering import order_pieces, rests_mm, serpentine
from models.masks import MaskRequest, make_mask
from tools.bench.mask import SHAPE
from tools.bench.painted import painted_panel
from tools.bench.table import Row

PITCH_MM = 0.5
RUN_MM_S = 20.0
MANY, VERY_MANY = 40_000, 400_000
TARGETS_S = {MANY: 1.0, VERY_MANY: 20.0}
CLOSE = 1.1
"""Travel over its lower bound, at the most."""
ASCENTS = {MANY: 25, VERY_MANY: 8}
SLOT = 16
"""Cells of a row in which one piece of a mixture lies."""
STAGES = {
    "laboratory stage": StageModel(50.0, 500.0),
    "printer board": StageModel(30.0, 300.0),
    "fast gantry": StageModel(200.0, 2_000.0),
    "slow spindles": StageModel(5.0, 500.0),
}
LABORATORY = "laboratory stage"
LOOKED_AT = 16
NOTES = (
    "Planning is `order_pieces()` whole, compiled before; seconds of processor time, the least of the repeats: it uses "
    "one core, and on one that nobody else uses the clock says the same.",
    "Travel is the time between where the stage rests after one piece and before the next; counting, waiting and the "
    "ramps of runs are the same in every order. Its limit is `travel_bound_s()`: a least spanning tree, raised by Held "
    f"and Karp's fees; no order is that good, and the target is {CLOSE:g} times it.",
    "The peer is the better of going row by row to and fro, and of always going to the nearest end that is left, which "
    "takes too long for the largest sets. Both have rows of their own.",
    f"Mixtures are half points, half runs of 2 to {SLOT - 1} cells, flown at {RUN_MM_S:g} mm/s; cells are "
    f"{PITCH_MM:g} mm. Slow spindles are at full speed after {5**2 / 500:g} mm: there time grows with the way.",
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """What is to be ordered."""

    name: str
    pieces_mm: Floats
    """Shape (n, 4)."""

    @property
    def speeds_mm_s(self) -> Floats:
        """At which each is flown, shape (n,)."""
        return np.where((self.pieces_mm[:, 0:2] == self.pieces_mm[:, 2:4]).all(axis=1), 0.0, RUN_MM_S)


def measure(repeats: int) -> list[Row]:
    """Masks and mixtures on a laboratory stage, one mask on others, and sets of ten times the size."""
    rows = []
    for visits in _many():
        rows += rows_of(visits, LABORATORY, repeats)
        if visits.name == "netm":
            for name in STAGES:
                if name != LABORATORY:
                    rows += rows_of(visits, name, repeats)
    for visits in _very_many():
        rows += rows_of(visits, LABORATORY, repeats)
    return rows


def rows_of(visits: Visits, stage_name: str, repeats: int) -> list[Row]:
    """Planning and travel, and the travel of both peers."""
    stage, count = STAGES[stage_name], len(visits.pieces_mm)
    size, what = f"{count:,}, {stage_name}", visits.name
    plan = partial(order_pieces, visits.pieces_mm, stage, speeds_mm_s=visits.speeds_mm_s)
    plan()
    plan_s = min(_processor_s(plan) for _ in range(repeats))
    order, is_reversed = plan()
    rests = rests_mm(visits.pieces_mm, stage, visits.speeds_mm_s)
    travel_s = between_s(turned(rests[order], is_reversed), stage)
    scale = min(TARGETS_S, key=lambda known: abs(known - count))
    bound_s = travel_bound_s(rests, stage, ascents=ASCENTS[scale])
    peers = {"row by row": between_s(row_by_row(rests), stage)}
    if scale == MANY:
        peers["nearest end"] = between_s(nearest_first(rests), stage)
    best_s = min(peers.values())
    return [
        Row(f"{what}: planning", size, plan_s, "s", target=TARGETS_S[scale]),
        Row(f"{what}: travel", size, travel_s, "s", best_s, bound_s, CLOSE * bound_s),
        *(Row(f"{what}: travel, {name}", size, seconds, "s", limit=bound_s) for name, seconds in peers.items()),
    ]


def _processor_s(run: Callable[[], object]) -> float:
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def between_s(flown_mm: Floats, stage: StageModel) -> float:
    """Time between pieces that are taken in this order and direction, shape (n, 4)."""
    return float(stage.step_s(flown_mm[1:, 0:2] - flown_mm[:-1, 2:4]).sum())


def turned(pieces_mm: Floats, is_reversed: NDArray[np.bool_]) -> Floats:
    """Pieces, shape (n, 4), some with their ends exchanged."""
    return np.where(is_reversed[:, None], pieces_mm[:, [2, 3, 0, 1]], pieces_mm)


def row_by_row(pieces_mm: Floats) -> Floats:
    """As they lie in rows, to and fro, runs in the direction of their row; all runs lie along x."""
    middles = (pieces_mm[:, 0:2] + pieces_mm[:, 2:4]) / 2
    flown = pieces_mm[serpentine(middles)]
    _, row = np.unique(np.round(flown[:, 1], 6), return_inverse=True)
    return turned(flown, row.ravel() % 2 == 1)


def nearest_first(pieces_mm: Floats) -> Floats:
    """From the first piece always on to the nearest end of those that are left."""
    ends = pieces_mm.reshape(-1, 2)
    left = np.ones(len(pieces_mm), np.bool_)
    tree, known = cKDTree(ends), np.arange(len(ends))
    flown, entered = np.empty_like(pieces_mm), 0
    for place in range(len(pieces_mm)):
        flown[place] = ends[[entered, entered ^ 1]].ravel()
        left[entered >> 1] = False
        remaining = len(pieces_mm) - place - 1
        if remaining == 0:
            break
        if 4 * remaining < len(known):
            known = np.flatnonzero(np.repeat(left, 2))
            tree = cKDTree(ends[known])
        entered = _nearest_left(tree, known, left, ends[entered ^ 1])
    return flown


def _nearest_left(tree: cKDTree, known: NDArray[np.intp], left: NDArray[np.bool_], here: Floats) -> int:
    wanted = LOOKED_AT
    while True:
        wanted = min(wanted, len(known))
        found = known[tree.query(here, k=np.arange(1, wanted + 1))[1]]
        open_ends = found[left[found >> 1]]
        if len(open_ends):
            return int(open_ends[0])
        wanted *= 8


def mixture(count: int, shape: tuple[int, int], seed: int = 0) -> Floats:
    """Points and runs of cells, by chance, no two of which touch, (x0, y0, x1, y1) in mm, shape (count, 4)."""
    rng = np.random.default_rng(seed)
    in_row = shape[1] // SLOT
    slot = np.sort(rng.choice(shape[0] * in_row, count, replace=False))
    length = np.where(rng.random(count) < 0.5, 1, rng.integers(2, SLOT, count))
    begin = slot % in_row * SLOT + (rng.random(count) * (SLOT - length)).astype(np.intp)
    row, half = (slot // in_row).astype(np.float64), np.where(length > 1, 0.5, 0.0)
    return np.column_stack([begin - half, row, begin + length - 1 + half, row]) * PITCH_MM


def _many() -> Iterator[Visits]:
    _, photograph = painted_panel(*SHAPE, 1)
    for name in ("netm", "blue-noise", "random"):
        yield Visits(name, _points(name, MaskRequest(SHAPE, MANY, photograph)))
    yield Visits("mixture", mixture(MANY, (1_000, 1_024)))


def _very_many() -> Iterator[Visits]:
    yield Visits("random", _points("random", MaskRequest((2_000, 2_000), VERY_MANY)))
    yield Visits("mixture", mixture(VERY_MANY, (3_200, 3_200)))


def _points(name: str, request: MaskRequest) -> Floats:
    centres = np.argwhere(make_mask(name, request).mask.cells)[:, ::-1] * PITCH_MM
    return np.hstack([centres, centres])
