"""Modes that listen: a first part over everything, then batches where the X-rays so far say that time brings most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.adaptive.batches import FIRST, FIRST_BLIND
from edge.adaptive.choice import chosen_cells
from edge.adaptive.gain import gain_of_cells
from edge.adaptive.runs import RunCost, chosen_runs
from edge.adaptive.worth import Worth
from edge.modes.lines import as_lines, pieces_of_lines, whole_lines
from edge.modes.pieces import Pieces
from edge.modes.pricing import lines_for, points_in, priced, slowest_cell_s
from edge.modes.setting import Seen, Setting
from models.masks import make_mask

_FIRST_OF_POINTS = 0.3
_BATCHES_OF_POINTS = 8
_FIRST_OF_RUNS = 0.6
_BATCHES_OF_RUNS = 4
_SLOWER = (1.0, 2.0)
"""Times on a cell that a batch of runs is tried with, relative to the least."""
_LOOKS = 3
_CLOSE = 0.02


class Points:
    """Points, each dwelt upon, where a network sees detail in the photograph and then where the maps are unsure."""

    name = "points"
    about = "points dwelt upon: a first part by the photograph, the rest by what is measured"

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """Three tenths, and eight batches."""
        return [
            _FIRST_OF_POINTS * budget_s,
            *[(1 - _FIRST_OF_POINTS) * budget_s / _BATCHES_OF_POINTS] * _BATCHES_OF_POINTS,
        ]

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """The mask network's, or blue noise where there is no photograph."""
        name = FIRST_BLIND if setting.rgb is None else FIRST

        def points(count: int) -> Pieces:
            return Pieces.points(make_mask(name, setting.mask_request(count)).mask.cells, setting.dwell_s)

        return points_in(setting, points, part_s, int(setting.allowed.sum()))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Cells of most worth for a second of travel and beam."""
        allowed = setting.allowed & ~seen.planned
        gain = gain_of_cells(seen.cells, rgb=setting.rgb, interest=setting.interest, planned=seen.planned)
        score = np.sqrt(gain.of_dwell(setting.dwell_s))
        value = np.divide(score, gain.distance, out=np.zeros_like(score), where=gain.distance > 0)
        worth = Worth(value, gain.distance)

        def points(count: int) -> Pieces:
            return Pieces.points(chosen_cells(worth, allowed, count), setting.dwell_s)

        return points_in(setting, points, part_s, int(allowed.sum())) if allowed.any() else Pieces.none()


class Runs:
    """Runs of cells in motion: first rows evenly apart, then stretches of rows where the maps are unsure."""

    name = "runs"
    about = "runs in motion: rows evenly apart first, then stretches of rows by what is measured"

    def parts(self, setting: Setting, budget_s: float) -> list[float]:
        """Six tenths, and four batches."""
        lines_for(setting, _FIRST_OF_RUNS * budget_s)
        return _shared_out(budget_s, _FIRST_OF_RUNS, _BATCHES_OF_RUNS)

    def first(self, setting: Setting, part_s: float) -> Pieces:
        """As many whole rows as there is time for."""
        lines = lines_for(setting, part_s)
        return whole_lines(setting, lines, slowest_cell_s(setting, lines, part_s))

    def next(self, setting: Setting, seen: Seen, part_s: float) -> Pieces:
        """Stretches, at the speed at which the batch brings most."""
        gain = gain_of_cells(seen.cells, rgb=setting.rgb, interest=setting.interest, planned=seen.planned)
        distance = np.asarray(as_lines(setting, gain.distance), np.float32)
        allowed = np.asarray(as_lines(setting, setting.allowed), np.bool_)
        best, best_gain = Pieces.none(), -1.0
        for slower in _SLOWER:
            cell_s = slower * setting.fastest_cell_s
            brings = np.where(allowed, np.asarray(as_lines(setting, gain.of_dwell(cell_s)), np.float32), np.float32(0))
            marked = _fitting_runs(setting, brings, distance, cell_s, part_s)
            total = float(brings[marked].sum())
            if total > best_gain:
                best, best_gain = pieces_of_lines(setting, marked, cell_s), total
        return best


def _shared_out(budget_s: float, first_share: float, batches: int) -> list[float]:
    first_s = first_share * budget_s
    return [first_s, *[(budget_s - first_s) / batches] * batches]


def _fitting_runs(
    setting: Setting, brings: NDArray[np.float32], distance: NDArray[np.float32], cell_s: float, part_s: float
) -> NDArray[np.bool_]:
    """Stretches that take the part's time once they are ordered, (lines, cells of each)."""
    stage = setting.stage
    speed_mm_s = setting.grid.pitch_mm / cell_s
    start_s = float(stage.settle_s + stage.overhead_s + 4 * speed_mm_s / stage.acceleration_mm_s2)
    asked_s, marked = part_s, np.zeros(brings.shape, np.bool_)
    for _ in range(_LOOKS):
        marked = chosen_runs(brings, distance, RunCost(start_s, cell_s), asked_s)
        pieces = pieces_of_lines(setting, marked, cell_s)
        if not len(pieces):
            break
        seconds = priced(setting, pieces).seconds
        if abs(seconds / part_s - 1) < _CLOSE:
            break
        start_s = max((seconds - float(pieces.lengths.sum()) * cell_s) / len(pieces), 1e-3)
    return marked
